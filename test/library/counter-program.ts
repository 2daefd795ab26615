/**
 * A small service as an author would write it: counters that clients increment over TCP, kept in mirrored memory. A client
 * sends `KEY` and gets `KEY VALUE`; each reply leaves only when the standby holds the increment. Its checkpoint is how
 * many it has counted in this life. Runs until its input ends; says its role on standard output.
 */
import { createServer, type Server } from 'node:net';
import { createInterface } from 'node:readline';
import { shadow } from '../../src/library/index.ts';
import type { ShadowOptions } from '../../src/library/options.ts';

export interface ProgramOptions {
  readonly shadow: ShadowOptions;
  readonly address: string;
  readonly port: number;
}

export type ProgramEvent =
  | { readonly role: 'active'; readonly state: string; readonly checkpoint: { counted: number } | null }
  | { readonly role: 'standby' }
  | { readonly standbysLive: boolean }
  | { readonly trouble: string };

const options = JSON.parse(process.argv[2] ?? '{}') as ProgramOptions;
const store = shadow(options.shadow);
const counters = store.map<number>('counters');
let counted = 0;
const checkpoint = store.handoff({ snapshot: () => ({ counted }), everyMs: 200 });

const tell = (event: ProgramEvent): boolean => process.stdout.write(`${JSON.stringify(event)}\n`);

let server: Server | undefined;
function serve(): void {
  server = createServer((socket) => {
    const guarded = store.guard(socket).on('error', () => undefined);
    createInterface({ input: guarded })
      .on('error', () => undefined)
      .on('line', (key) => {
        const value = (counters.get(key) ?? 0) + 1;
        counters.set(key, value);
        counted++;
        guarded.write(`${key} ${value}\n`);
      });
  });
  server.listen(options.port, options.address);
}

store.on('active', ({ state }) => {
  tell({ role: 'active', state, checkpoint: checkpoint.value ?? null });
  serve();
});
store.on('standby', () => {
  server?.close();
  tell({ role: 'standby' });
});
store.on('standbys', (standbys) =>
  tell({ standbysLive: standbys.every(({ phase, counts }) => counts && phase === 'live') }),
);
store.on('trouble', (trouble) => tell({ trouble }));
await store.start();
process.stdin.resume().on('end', () => process.exit(0));
