/** The ordinary programs of a host: plain sockets of node:net, and nc and curl where they are installed. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { administer, lookAgain, placeCalls } from './administration.ts';
import type { Chronicle } from './chronicle.ts';
import { Dialogue, patienceMs } from './dialogue.ts';
import { imageBytes, receive, receiveHead } from './download.ts';
import { followJournal } from './feed.ts';
import { Usage, type Work } from './usage.ts';

export interface Place {
  readonly address: string;
  readonly port: number;
}

export interface Programs {
  /** The first one hears what all others do. */
  readonly usages: readonly Usage[];
  /** Programs that are not there, and why. */
  readonly skipped: readonly string[];
}

/** Places the calls in that trial. */
export function callingStation(trial: number): string {
  return String(bases(trial).calls);
}

/** Stations that each session has for itself; a lost session leaves them in a living exchange, so each trial has others. */
function bases(trial: number): { readonly node: number; readonly nc: number; readonly calls: number } {
  const offset = (trial % 1000) * 40;
  return { node: 10_000 + offset, nc: 10_020 + offset, calls: 50_000 + 2 * (trial % 1000) };
}

export function programs(place: Place, chronicle: Chronicle, trial: number): Programs {
  const { node, nc, calls } = bases(trial);
  let seed = trial * 1000;
  const usages = [
    new Usage({
      name: 'feed',
      by: 'node',
      work: async (log, stop) => followJournal(over(await open(place)), log, { chronicle, stop }),
    }),
    new Usage({
      name: 'administration',
      by: 'node',
      work: async (log, stop) => {
        try {
          await administer(over(await open(place)), log, { base: node, chronicle, aloud: true, stop });
        } catch (error) {
          await callAgain(place, chronicle);
          throw error;
        }
      },
    }),
    new Usage({
      name: 'calls',
      by: 'node',
      work: async (log, stop) => placeCalls(over(await open(place)), log, { base: calls, chronicle, stop }),
    }),
    new Usage({
      name: 'download',
      by: 'node',
      work: async (log) => {
        const file = ++seed;
        const socket = await open(place);
        socket.write(`GET /image/${imageBytes}/${file} HTTP/1.0\r\n\r\n`);
        await receiveHead(socket, log);
        await receive(socket, log, file);
        socket.end();
      },
    }),
  ];
  const skipped: string[] = [];
  if (installed('nc')) usages.push(byNetcat(place, chronicle, nc));
  else skipped.push('nc is not installed (apt install netcat-openbsd)');
  if (installed('curl')) usages.push(byCurl(place, () => ++seed));
  else skipped.push('curl is not installed (apt install curl)');
  return { usages, skipped };
}

/** Whoever lost a session opens a new one, and sees what the exchange that answers now knows of the old one's work. */
async function callAgain(place: Place, chronicle: Chronicle): Promise<void> {
  try {
    const socket = await open(place);
    await lookAgain(over(socket), chronicle);
    socket.destroy();
  } catch {
    // Nobody answers: the lost session says enough.
  }
}

/** The same administration, with netcat as its terminal. */
function byNetcat({ address, port }: Place, chronicle: Chronicle, base: number): Usage {
  const work: Work = async (log, stop) => {
    const { stdin, stdout } = spawn('nc', [address, String(port)], { stdio: ['pipe', 'pipe', 'ignore'] });
    await administer(new Dialogue(stdout, stdin), log, { base, chronicle, aloud: false, stop });
  };
  return new Usage({ name: 'administration', by: 'nc', work });
}

function byCurl({ address, port }: Place, nextSeed: () => number): Usage {
  const work: Work = async (log) => {
    const seed = nextSeed();
    const limit = ['--silent', '--show-error', '--no-buffer', '--speed-limit', '1'];
    const patience = [
      '--speed-time',
      String(patienceMs / 1000),
      '--connect-timeout',
      String(patienceMs / 1000),
    ];
    const url = `http://${address}:${port}/image/${imageBytes}/${seed}`;
    const child = spawn('curl', ['--http1.0', ...limit, ...patience, url], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let complaint = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint += text;
    });
    // When a process ends, Node throws away what nobody is about to read.
    const body = child.stdout.on('error', () => undefined).pipe(new PassThrough());
    const closed = once(child, 'close');
    try {
      await receive(body, log, seed);
    } catch (error) {
      child.kill();
      await closed;
      throw complaint === '' ? error : new Error(complaint.trim());
    }
    await closed;
    if (child.exitCode !== 0) throw new Error(complaint.trim());
  };
  return new Usage({ name: 'download', by: 'curl', work });
}

async function open({ address, port }: Place): Promise<Socket> {
  const socket = connect({ host: address, port, noDelay: true });
  await once(socket, 'connect', { signal: AbortSignal.timeout(patienceMs) });
  return socket.on('error', () => undefined);
}

function over(socket: Socket): Dialogue {
  return new Dialogue(socket, socket);
}

function installed(program: string): boolean {
  return spawnSync(program, ['--help'], { stdio: 'ignore' }).error === undefined;
}
