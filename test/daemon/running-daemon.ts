/** A whole daemon inside the test, except its reactor: real files, a real socket, signals by hand. */
import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { runDaemon } from '../../src/daemon/main.ts';
import { exampleText } from './example-config.ts';
import { ReactorDouble } from './reactor-double.ts';

export class DaemonRig {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'understudy-'));
  readonly configPath: string = join(this.directory, 'u.yaml');
  readonly socket: string = join(this.directory, 'u.sock');
  readonly reactor: ReactorDouble = new ReactorDouble();
  readonly signals: EventEmitter = new EventEmitter();
  readonly logged: Record<string, unknown>[] = [];
  /** The exit status, when it has ended. */
  end: Promise<number> = Promise.resolve(-1);

  constructor(context: TestContext) {
    this.configure();
    context.after(async () => {
      this.reactor.obedient = true;
      this.signals.emit('SIGTERM');
      this.signals.emit('SIGTERM');
      await this.end.catch(() => undefined);
      rmSync(this.directory, { recursive: true, force: true });
    });
  }

  /** Writes the configuration: the example, with state and socket in the test's directory, and these lines changed. */
  configure(changes: Readonly<Record<number, string | null>> = {}): void {
    const own = { 4: `stateDir: ${this.directory}/state`, 5: `control: ${this.socket}`, 34: null, 35: null };
    writeFileSync(this.configPath, exampleText({ ...own, ...changes }), { mode: 0o600 });
  }

  /** Starts the daemon; resolves when it answers on its socket. */
  async start(): Promise<void> {
    this.launch();
    let failure: unknown;
    this.end.catch((error: unknown) => {
      failure = error;
    });
    for (;;) {
      if (failure !== undefined) throw failure;
      const answer = await this.ask('GET', '/v1/events').catch(() => undefined);
      if (answer !== undefined) return;
      await turn();
    }
  }

  /** Starts the daemon without waiting for anything. */
  launch(): Promise<number> {
    this.end = runDaemon(
      { configPath: this.configPath },
      {
        startReactor: this.reactor.start,
        signals: this.signals,
        log: { write: (line) => void this.logged.push(JSON.parse(line)) },
      },
    );
    return this.end;
  }

  async ask(method: string, path: string, body?: string): Promise<{ status: number; text: string }> {
    const response = await this.open(method, path, body);
    const parts: string[] = [];
    for await (const part of response.setEncoding('utf8')) parts.push(String(part));
    return { status: response.statusCode ?? 0, text: parts.join('') };
  }

  open(method: string, path: string, body?: string): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const outgoing = request({ socketPath: this.socket, method, path, agent: false }, resolve);
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  /** The messages logged with a code. */
  said(code: string): string[] {
    return this.logged.filter((line) => line['code'] === code).map((line) => String(line['msg']));
  }
}
