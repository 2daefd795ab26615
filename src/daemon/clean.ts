/** `understudy clean`: removes what a crash leaves behind on purpose, the fence. */
import { OperationError } from '../linux/errors.ts';
import { Fence } from '../linux/fence/fence.ts';
import { interfaceIndex } from '../linux/interfaces.ts';
import { NftablesSocket } from '../linux/nftables/socket.ts';

const prefix = 'understudy-';

export interface Cleaned {
  readonly removed: readonly string[];
  /** Their daemons live, also where they are frozen: without its fence a daemon loses the role. */
  readonly kept: readonly string[];
}

/** Removes the fences of Understudy on this machine whose daemons are dead. Returns the tables' names. */
export function cleanFences(): Cleaned {
  const removed: string[] = [];
  const kept: string[] = [];
  for (const name of fences()) {
    if (lives(name.slice(prefix.length))) kept.push(name);
    else removed.push(...Fence.clean(name));
  }
  return { removed, kept };
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

/** The device with the addresses goes with its process. */
function lives(instance: string): boolean {
  try {
    interfaceIndex(`us${instance}`);
    return true;
  } catch (error) {
    if (error instanceof OperationError && error.errno === 'ENODEV') return false;
    throw error;
  }
}
