/** What can be asked of the kernel's neighbour tables (`neighbour.h`), as values in the manner of `requests.ts`. */
import { formatIp, type IpAddress, type MacAddress, macLength, writeMac } from '../../wire/address.ts';
import { ENOENT } from '../errno.ts';
import { NLM_F_CREATE, NLM_F_REPLACE } from '../netlink/constants.ts';
import type { MessageWriter } from '../netlink/writer.ts';
import * as rt from './constants.ts';
import { addressBytes, familyOf, type RouteRequest } from './requests.ts';

export interface NeighbourRequest {
  readonly index: number;
  readonly address: IpAddress;
  readonly mac: MacAddress;
  /** NUD_* (default permanent). */
  readonly state?: number;
}

/** Adds the neighbour entry, or replaces it. */
export function addNeighbour(request: NeighbourRequest): RouteRequest {
  return {
    operation: 'add neighbour',
    subject: `${formatIp(request.address)} on interface ${request.index}`,
    type: rt.RTM_NEWNEIGH,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    write: (writer) => {
      writeNeighbourHeader(writer, request, { state: request.state ?? rt.NUD_PERMANENT });
      const mac = Buffer.alloc(macLength);
      writeMac(mac, 0, request.mac);
      writer.attributeBytes(rt.NDA_LLADDR, mac);
    },
  };
}

export function deleteNeighbour(request: Pick<NeighbourRequest, 'index' | 'address'>): RouteRequest {
  return {
    operation: 'delete neighbour',
    subject: `${formatIp(request.address)} on interface ${request.index}`,
    type: rt.RTM_DELNEIGH,
    flags: 0,
    settled: ENOENT,
    write: (writer) => writeNeighbourHeader(writer, request, { state: rt.NUD_NONE }),
  };
}

/**
 * The kernel behaves as if it were about to send to this neighbour: it asks at once for the MAC of one that is unknown
 * or has failed, and verifies a stale one within seconds. IPv6 asks from the interface's link-local address; before
 * there is one past duplicate address detection nobody is asked. Not for an administrator's permanent entries: Linux
 * since 5.16 makes ordinary ones of them, and forgets their MAC.
 */
export function useNeighbour(request: Pick<NeighbourRequest, 'index' | 'address'>): RouteRequest {
  return {
    operation: 'resolve neighbour',
    subject: `${formatIp(request.address)} on interface ${request.index}`,
    type: rt.RTM_NEWNEIGH,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    write: (writer) => writeNeighbourHeader(writer, request, { state: rt.NUD_NONE, flags: rt.NTF_USE }),
  };
}

function writeNeighbourHeader(
  writer: MessageWriter,
  { index, address }: Pick<NeighbourRequest, 'index' | 'address'>,
  { state, flags = 0 }: { state: number; flags?: number },
): void {
  writer.u8(familyOf(address));
  writer.zeros(3);
  writer.u32(index);
  writer.u16(state);
  writer.u8(flags);
  writer.u8(0); // type
  writer.attributeBytes(rt.NDA_DST, addressBytes(address));
}
