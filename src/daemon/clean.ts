/** `understudy clean`: removes what a crash leaves behind: the fence, on purpose, and rules and routes without effect. */
import { OperationError } from '../linux/errors.ts';
import { Fence } from '../linux/fence/fence.ts';
import { findInterface } from '../linux/interfaces.ts';
import { NftablesSocket } from '../linux/nftables/socket.ts';
import { RouteSocket } from '../linux/route/socket.ts';
import { tunDevice } from './devices.ts';
import { isTableOf, removeRouting } from './routing/tables.ts';

const prefix = 'understudy-';

export interface Cleaned {
  readonly removed: readonly string[];
  /** Their daemons live, also where they are frozen: without its fence a daemon loses the role. */
  readonly kept: readonly string[];
}

/** Removes what daemons of Understudy that are dead left on this machine. Returns the tables' names. */
export function cleanRemains(): Cleaned {
  const removed: string[] = [];
  const kept: string[] = [];
  for (const name of fences()) {
    if (lives(name.slice(prefix.length)) || !removes(name)) kept.push(name);
    else removed.push(name);
  }
  removed.push(...cleanRouting(kept.map((name) => name.slice(prefix.length))));
  return { removed, kept };
}

/** Rules and routing tables of no living instance. */
function cleanRouting(living: readonly string[]): string[] {
  const route = RouteSocket.open();
  try {
    const tables = removeRouting(route, (table) => !living.some((instance) => isTableOf(instance, table)));
    return [...tables].map((table) => `routing table ${table}`);
  } finally {
    route.close();
  }
}

function fences(): ReadonlySet<string> {
  const nftables = NftablesSocket.open();
  try {
    return new Set(
      nftables
        .tables()
        .map(({ name }) => name)
        .filter((name) => name.startsWith(prefix)),
    );
  } finally {
    nftables.close();
  }
}

/** False: a process that lives owns it, and nobody else may remove it. */
function removes(name: string): boolean {
  try {
    Fence.clean(name);
    return true;
  } catch (error) {
    if (error instanceof OperationError && error.errno === 'EPERM') return false;
    throw error;
  }
}

/** The device with the addresses goes with its process. */
function lives(instance: string): boolean {
  // Of a rehearsal, or of a mirrored service: that is the daemon's, too.
  return findInterface(tunDevice(instance.replace(/-.*$/, ''))) !== undefined;
}
