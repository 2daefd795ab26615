/** Plays its share of the worlds in a thread of its own. */
import { parentPort, workerData } from 'node:worker_threads';
import { type Play, play } from './play.ts';
import type { Tally } from './tally.ts';

export type Word = { readonly broke: string } | { readonly since: Tally };

const say = (word: Word): void => parentPort?.postMessage(word);
play(
  workerData as Play,
  (broke) => say({ broke }),
  (since) => say({ since }),
);
