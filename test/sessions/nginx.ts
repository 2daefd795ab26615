/** nginx as Debian ships it, serving the files of a directory on this machine's loopback, without a trace elsewhere. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Nginx {
  /** What starts it; it ends with SIGTERM. */
  readonly command: readonly [string, ...string[]];
  /** It listens there, too. */
  readonly socket: string;
}

/** `path`: a directory of its own. Its workers must not outlive it. */
export function nginx(path: string, files: string, port: number): Nginx {
  mkdirSync(join(path, 'temporary'), { recursive: true });
  const socket = join(path, 'nginx.sock');
  const bodies = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  writeFileSync(
    join(path, 'nginx.conf'),
    `daemon off; master_process off; pid ${path}/pid; error_log ${path}/error.log;
events { worker_connections 256; }
http {
  access_log off; sendfile on; etag off;
  ${bodies.map((kind) => `${kind}_temp_path ${path}/temporary/${kind};`).join('\n  ')}
  server { listen 127.0.0.1:${port}; listen [::1]:${port}; listen unix:${socket}; root ${files}; }
}
`,
  );
  const command = [
    'nginx',
    '-p',
    path,
    '-c',
    join(path, 'nginx.conf'),
    '-e',
    join(path, 'error.log'),
  ] as const;
  return { command: [...command], socket };
}

/** The Date of an answer is another second's now and then: two servers turn theirs at the same time, not while they answer. */
export async function middleOfSecond(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, (1300 - (Date.now() % 1000)) % 1000));
}
