/** Asks and changes the kernel's links, addresses, routes, rules and neighbours, synchronously. */
import { OperationError } from '../errors.ts';
import { NLM_F_ACK, NLM_F_REQUEST, netlinkRoute } from '../netlink/constants.ts';
import { NetlinkSocket, refusalError } from '../netlink/socket.ts';
import { MessageWriter } from '../netlink/writer.ts';
import { setOption } from '../socket.ts';
import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  RTA_TABLE,
  RTM_GETADDR,
  RTM_GETLINK,
  RTM_GETNEIGH,
  RTM_GETROUTE,
  RTM_GETRULE,
} from './constants.ts';
import type { RouteRequest } from './requests.ts';
import { decodeRule, type Rule } from './rules.ts';
import {
  type Address,
  decodeAddress,
  decodeLink,
  decodeNeighbour,
  decodeRoute,
  type Link,
  type Neighbour,
  type Route,
} from './values.ts';

const linkHeader = 16;
const addressHeader = 8;
const routeHeader = 12;
const neighbourHeader = 12;
const ruleHeader = 12;
/** All acks of a send must fit the default receive buffer (about 270 do). */
const requestsPerSend = 128;
const SOL_NETLINK = 270;
const NETLINK_GET_STRICT_CHK = 12;

export class RouteSocket {
  readonly #socket: NetlinkSocket;
  readonly #writer: MessageWriter = new MessageWriter();

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  static open(): RouteSocket {
    const socket = NetlinkSocket.open({ protocol: netlinkRoute });
    // Dumps honour what their request asks for. Linux before 4.20 refuses the option and sends whole tables.
    setOption(socket.fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
    return new RouteSocket(socket);
  }

  links(): Link[] {
    return this.#socket.dump(
      { operation: 'list interfaces', subject: 'all' },
      RTM_GETLINK,
      (writer) => writer.zeros(linkHeader),
      decodeLink,
    );
  }

  addresses(): Address[] {
    return this.#socket.dump(
      { operation: 'list addresses', subject: 'all' },
      RTM_GETADDR,
      (writer) => writer.zeros(addressHeader),
      decodeAddress,
    );
  }

  routes(family?: 'ipv4' | 'ipv6'): Route[] {
    return this.#socket.dump(
      { operation: 'list routes', subject: family ?? 'all' },
      RTM_GETROUTE,
      (writer) => {
        writer.u8(familyNumber(family));
        writer.zeros(routeHeader - 1);
      },
      decodeRoute,
    );
  }

  /** The routes of one table, and none where it does not exist. The kernel does not walk the others, however large. */
  routesIn(table: number, family: 'ipv4' | 'ipv6'): Route[] {
    try {
      return this.#socket.dump(
        { operation: 'list routes', subject: `${family}, table ${table}` },
        RTM_GETROUTE,
        (writer) => {
          writer.u8(familyNumber(family));
          writer.zeros(routeHeader - 1);
          writer.attributeU32(RTA_TABLE, table);
        },
        (messages) => {
          const route = decodeRoute(messages);
          return route?.table === table ? route : undefined;
        },
      );
    } catch (error) {
      if (error instanceof OperationError && error.errno === 'ENOENT') return [];
      throw error;
    }
  }

  /** The policy rules of IPv4 and IPv6, each family's in the order of evaluation. */
  rules(): Rule[] {
    return this.#socket.dump(
      { operation: 'list rules', subject: 'all' },
      RTM_GETRULE,
      (writer) => writer.zeros(ruleHeader),
      decodeRule,
    );
  }

  neighbours(): Neighbour[] {
    return this.#socket.dump(
      { operation: 'list neighbours', subject: 'all' },
      RTM_GETNEIGH,
      (writer) => writer.zeros(neighbourHeader),
      decodeNeighbour,
    );
  }

  /**
   * All requests in one send (in several beyond 128), each acked. rtnetlink knows no transactions: of one send, those
   * after a refused one are carried out too. Throws OperationError for the first that was refused.
   */
  batch(requests: readonly RouteRequest[]): void {
    for (let start = 0; start < requests.length; start += requestsPerSend) {
      this.#send(requests.slice(start, start + requestsPerSend));
    }
  }

  /**
   * Sends the requests as `batch` does, all of them whatever is refused, and returns how many changed something: the
   * others found it so already (their `settled` error), which only a request that does not replace can tell. Throws
   * OperationError for the first that was refused.
   */
  ensure(requests: readonly RouteRequest[]): number {
    let changed = 0;
    let failure: unknown;
    for (let start = 0; start < requests.length; start += requestsPerSend) {
      try {
        changed += this.#send(requests.slice(start, start + requestsPerSend));
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
    return changed;
  }

  close(): void {
    this.#socket.close();
  }

  /** Returns how many were carried out, neither refused nor settled before. */
  #send(requests: readonly RouteRequest[]): number {
    const first = this.#socket.sequences(requests.length);
    const writer = this.#writer;
    writer.reset();
    requests.forEach((request, position) => {
      const flags = request.flags | NLM_F_REQUEST | NLM_F_ACK;
      writer.message(request.type, flags, first + position, () => request.write(writer));
    });
    const last = first + requests.length - 1;
    const refusals = this.#socket.transact(writer.buffer, writer.length, first, last);
    for (const refusal of refusals) {
      const request = requests[refusal.sequence - first];
      if (request !== undefined && request.settled !== refusal.errno) throw refusalError(request, refusal);
    }
    return requests.length - refusals.length;
  }
}

function familyNumber(family: 'ipv4' | 'ipv6' | undefined): number {
  return family === undefined ? AF_UNSPEC : family === 'ipv4' ? AF_INET : AF_INET6;
}
