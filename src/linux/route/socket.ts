/** Asks and changes the kernel's links, addresses, routes and neighbours, synchronously. */
import { NLM_F_ACK, NLM_F_REQUEST, netlinkRoute } from '../netlink/constants.ts';
import { NetlinkSocket, refusalError } from '../netlink/socket.ts';
import { MessageWriter } from '../netlink/writer.ts';
import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  RTM_GETADDR,
  RTM_GETLINK,
  RTM_GETNEIGH,
  RTM_GETROUTE,
} from './constants.ts';
import type { RouteRequest } from './requests.ts';
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
/** All acks of a send must fit the default receive buffer (about 270 do). */
const requestsPerSend = 128;

export class RouteSocket {
  readonly #socket: NetlinkSocket;
  readonly #writer: MessageWriter = new MessageWriter();

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  static open(): RouteSocket {
    return new RouteSocket(NetlinkSocket.open({ protocol: netlinkRoute }));
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
    const number = family === undefined ? AF_UNSPEC : family === 'ipv4' ? AF_INET : AF_INET6;
    return this.#socket.dump(
      { operation: 'list routes', subject: family ?? 'all' },
      RTM_GETROUTE,
      (writer) => {
        writer.u8(number);
        writer.zeros(routeHeader - 1);
      },
      decodeRoute,
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

  close(): void {
    this.#socket.close();
  }

  #send(requests: readonly RouteRequest[]): void {
    const first = this.#socket.sequences(requests.length);
    const writer = this.#writer;
    writer.reset();
    requests.forEach((request, position) => {
      const flags = request.flags | NLM_F_REQUEST | NLM_F_ACK;
      writer.message(request.type, flags, first + position, () => request.write(writer));
    });
    const last = first + requests.length - 1;
    for (const refusal of this.#socket.transact(writer.buffer, writer.length, first, last)) {
      const request = requests[refusal.sequence - first];
      if (request !== undefined && request.settled !== refusal.errno) throw refusalError(request, refusal);
    }
  }
}
