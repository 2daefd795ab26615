/** Hears what changes: links, addresses, neighbours. Not routes: those of a router would flood the listener. */
import { EAGAIN, ENOBUFS } from '../errno.ts';
import { OperationError } from '../errors.ts';
import { netlinkRoute } from '../netlink/constants.ts';
import type { Messages } from '../netlink/reader.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import * as rt from './constants.ts';
import {
  type Address,
  decodeAddress,
  decodeLink,
  decodeNeighbour,
  type Link,
  type Neighbour,
} from './values.ts';

export type RouteEvent =
  | { readonly kind: 'link'; readonly removed: boolean; readonly link: Link }
  | { readonly kind: 'address'; readonly removed: boolean; readonly address: Address }
  | { readonly kind: 'neighbour'; readonly removed: boolean; readonly neighbour: Neighbour };

const groups = [rt.RTNLGRP_LINK, rt.RTNLGRP_NEIGH, rt.RTNLGRP_IPV4_IFADDR, rt.RTNLGRP_IPV6_IFADDR];

const receiveBytes = 4 * 1024 * 1024;
/** Datagrams read in one call: a flood of changes must not keep the caller from what else is due. */
const readsMax = 64;

export class RouteMonitor {
  readonly fd: number;
  readonly #socket: NetlinkSocket;

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
    this.fd = socket.fd;
  }

  static open(): RouteMonitor {
    const mask = groups.reduce((bits, group) => bits | (1 << (group - 1)), 0);
    return new RouteMonitor(NetlinkSocket.open({ protocol: netlinkRoute, groups: mask, receiveBytes }));
  }

  /**
   * Reads what is there, never waits, and stops after a bounded number of datagrams (the descriptor stays readable).
   * 'overrun': events were lost (ENOBUFS); the caller reads the tables again.
   */
  receive(each: (event: RouteEvent) => void): 'ok' | 'overrun' {
    let result: 'ok' | 'overrun' = 'ok';
    for (let reads = 0; reads < readsMax; reads++) {
      const length = this.#socket.receive();
      if (length === -EAGAIN) break;
      if (length === -ENOBUFS) {
        result = 'overrun';
        continue;
      }
      if (length < 0)
        throw new OperationError({ operation: 'hear changes', subject: 'rtnetlink', errno: -length });
      const messages = this.#socket.messages(length);
      while (messages.next()) {
        const event = decodeEvent(messages);
        if (event !== undefined) each(event);
      }
    }
    return result;
  }

  close(): void {
    this.#socket.close();
  }
}

function decodeEvent(messages: Messages): RouteEvent | undefined {
  switch (messages.type) {
    case rt.RTM_NEWLINK:
    case rt.RTM_DELLINK:
      return linkEvent(messages);
    case rt.RTM_NEWADDR:
    case rt.RTM_DELADDR: {
      const address = decodeAddress(messages);
      return address && { kind: 'address', removed: messages.type === rt.RTM_DELADDR, address };
    }
    case rt.RTM_NEWNEIGH:
    case rt.RTM_DELNEIGH: {
      const neighbour = decodeNeighbour(messages);
      return neighbour && { kind: 'neighbour', removed: messages.type === rt.RTM_DELNEIGH, neighbour };
    }
    default:
      return undefined;
  }
}

function linkEvent(messages: Messages): RouteEvent | undefined {
  // A port that leaves or joins a bridge is reported under AF_BRIDGE; the link itself is not gone.
  if (messages.bytes.readUInt8(messages.start) !== rt.AF_UNSPEC) return undefined;
  return { kind: 'link', removed: messages.type === rt.RTM_DELLINK, link: decodeLink(messages) };
}
