/**
 * What the operating system refused, said so that an operator can act: what was attempted, on what, the kernel's
 * word for it, and what to do about it.
 */
import {
  EACCES,
  EADDRINUSE,
  EADDRNOTAVAIL,
  EBUSY,
  EMFILE,
  ENETDOWN,
  ENETUNREACH,
  ENOBUFS,
  ENODEV,
  ENOENT,
  ENOMEM,
  ENOPROTOOPT,
  ENOSYS,
  EOPNOTSUPP,
  EPERM,
  errnoName,
} from './errno.ts';

export interface OperationFailure {
  /** Verb and object, as in "cannot …": `open packet socket`. */
  readonly operation: string;
  /** What it was done to: an interface, an address, a path. */
  readonly subject: string;
  /** The kernel's error number. */
  readonly errno: number;
  /** What to do; absent: the usual remedy for this error number. */
  readonly remedy?: string;
  /** The capability that EPERM and EACCES mean is missing: `CAP_NET_RAW`. */
  readonly capability?: string;
  /** The kernel's own sentence, where netlink gave one (NLMSGERR_ATTR_MSG). */
  readonly extendedAck?: string;
}

/** An operation that the operating system refused. `code` is `operationFailed`. */
export class OperationError extends Error {
  override readonly name: string = 'OperationError';
  readonly code: string = 'operationFailed';
  readonly operation: string;
  readonly subject: string;
  /** The name of the error number: `ENODEV`. */
  readonly errno: string;
  readonly remedy: string;
  declare readonly extendedAck?: string;

  constructor(failure: OperationFailure) {
    const errno = errnoName(failure.errno);
    const remedy = failure.remedy ?? usualRemedy(failure.errno, failure.capability);
    const said = failure.extendedAck === undefined ? errno : `${errno}, ${failure.extendedAck}`;
    super(`cannot ${failure.operation} (${failure.subject}): ${said}; ${remedy}`);
    this.operation = failure.operation;
    this.subject = failure.subject;
    this.errno = errno;
    this.remedy = remedy;
    if (failure.extendedAck !== undefined) this.extendedAck = failure.extendedAck;
  }
}

/** What usually helps, where the operation knows nothing better. */
export function usualRemedy(errno: number, capability = 'CAP_NET_ADMIN'): string {
  if (errno === EPERM || errno === EACCES) return `run as root or grant ${capability}`;
  return remedies.get(errno) ?? 'see the kernel log (dmesg) for more';
}

const remedies: ReadonlyMap<number, string> = new Map([
  [ENODEV, 'name an interface that exists; `ip link` lists them'],
  [ENOENT, 'name one that exists'],
  [EADDRINUSE, 'another process uses this address and port; `ss -lnp` names it'],
  [
    EADDRNOTAVAIL,
    'the address is not on this machine, or is still tentative; `ip address` lists the addresses',
  ],
  [EBUSY, 'another process holds it; stop that process first'],
  [ENETDOWN, 'bring the interface up: `ip link set NAME up`'],
  [ENETUNREACH, 'there is no route to it; `ip route get ADDRESS` shows why'],
  [EMFILE, 'raise the limit of open files (LimitNOFILE=, ulimit -n)'],
  [ENOMEM, 'the kernel has no memory for it'],
  [ENOBUFS, 'the kernel has no buffer for it; raise net.core.wmem_max and net.core.rmem_max'],
  [EOPNOTSUPP, 'this kernel or device does not offer it'],
  [ENOPROTOOPT, 'this kernel does not offer it'],
  [ENOSYS, 'this kernel does not offer it; Linux 5.11 or newer is needed'],
]);
