/**
 * Membership of solicited-node groups on one interface (RFC 4861 §7.2.1), so that the kernel sends listener reports
 * and a switch that snoops on them lets neighbour solicitations through. Closing leaves the groups.
 */
import { formatIpv6, type Ipv6Address, writeIpv6 } from '../wire/address.ts';
import { EADDRINUSE } from './errno.ts';
import { OperationError } from './errors.ts';
import { closeDescriptor, lastErrno, native } from './ffi.ts';
import { interfaceIndex } from './interfaces.ts';

const AF_INET6 = 10;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const IPPROTO_IPV6 = 41;
const IPV6_JOIN_GROUP = 20;

const socket = native<[family: number, type: number, protocol: number]>('int socket(int, int, int)');
const setsockopt = native<[fd: number, level: number, name: number, value: Uint8Array, length: number]>(
  'int setsockopt(int, int, int, void *, unsigned int)',
);

export class SolicitedNodes {
  readonly #fd: number | undefined;

  /** Throws OperationError when the kernel refuses; with no groups nothing is opened. */
  static join(interfaceName: string, groups: readonly Ipv6Address[]): SolicitedNodes {
    return new SolicitedNodes(interfaceName, groups);
  }

  private constructor(interfaceName: string, groups: readonly Ipv6Address[]) {
    if (groups.length === 0) return;
    this.#fd = socket(AF_INET6, SOCK_DGRAM_CLOEXEC, 0);
    if (this.#fd < 0) {
      throw new OperationError({ operation: 'open IPv6 socket', subject: interfaceName, errno: lastErrno() });
    }
    const request = new Uint8Array(20); // struct ipv6_mreq
    new DataView(request.buffer).setUint32(16, interfaceIndex(interfaceName), true);
    for (const group of groups) {
      writeIpv6(request, 0, group);
      if (setsockopt(this.#fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, request, request.length) === 0) continue;
      const errno = lastErrno();
      // Two addresses with the same last 24 bits share one group: joined already.
      if (errno === EADDRINUSE) continue;
      const subject = `${formatIpv6(group)} on ${interfaceName}`;
      closeDescriptor(this.#fd);
      throw new OperationError({ operation: 'join multicast group', subject, errno });
    }
  }

  close(): void {
    if (this.#fd !== undefined && this.#fd >= 0) closeDescriptor(this.#fd);
  }
}
