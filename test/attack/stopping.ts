/**
 * Preloaded into a daemon: while the file `/run/stop` exists, its transactions with nftables are counted, and the process
 * stops (SIGSTOP, from the very thread) before or after the one that the file names: `2 after`. The file goes with that.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { native } from '../../src/linux/ffi.ts';
import { NftablesSocket } from '../../src/linux/nftables/socket.ts';

export const stopFile = '/run/stop';
const SIGSTOP = 19;
const raise = native<[signal: number]>('int raise(int)');

let count = 0;
const { commit } = NftablesSocket.prototype;
NftablesSocket.prototype.commit = function (requests) {
  if (!existsSync(stopFile)) return commit.call(this, requests);
  count++;
  const [at, side] = readFileSync(stopFile, 'utf8').split(' ');
  if (count !== Number(at)) return commit.call(this, requests);
  rmSync(stopFile);
  count = 0;
  if (side === 'before') raise(SIGSTOP);
  commit.call(this, requests);
  if (side === 'after') raise(SIGSTOP);
};
