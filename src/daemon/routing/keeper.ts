/**
 * Keeps routes, rules and neighbour entries as they should be, from the control plane's thread: the kernel changes them
 * under a lock that somebody who makes or removes containers can hold for tens of milliseconds, and the reactor must not
 * wait for that. Only a route that a takeover needs at once and that was not prepared is the reactor's own work
 * (`reactor/router.ts`).
 */
import { OperationError } from '../../linux/errors.ts';
import { interfaceIndex } from '../../linux/interfaces.ts';
import { useNeighbour } from '../../linux/route/neighbours.ts';
import { RouteSocket } from '../../linux/route/socket.ts';
import { parseIp } from '../../wire/address.ts';
import type { GroupId, NodeId } from '../../wire/control/message.ts';
import type { ReactorConfig, ReactorReport } from '../bridge.ts';
import { isTableOf, removeRouting } from './tables.ts';
import { WantedRoutes } from './wanted.ts';

/** How often it is looked whether somebody took a rule or a route away, milliseconds. */
const restoreIntervalMs = 1000;

export class RouteKeeper {
  readonly #config: ReactorConfig;
  readonly #wanted: WantedRoutes;
  readonly #report: (report: ReactorReport) => void;
  /** The member that gets what arrives, and the node that this machine's own programs reach. */
  readonly #clients = new Map<GroupId, NodeId>();
  readonly #targets = new Map<GroupId, NodeId>();
  #route: RouteSocket | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(config: ReactorConfig, report: (report: ReactorReport) => void) {
    this.#config = config;
    this.#wanted = new WantedRoutes(config);
    this.#report = report;
  }

  /** Once the reactor has a descriptor table of its own: before, nothing may be opened. */
  start(): void {
    if (this.#wanted.none) return;
    this.#timer = setInterval(() => this.#restore(), restoreIntervalMs);
    this.#timer.unref();
  }

  /** True when the group's packets go to this node now (0: nowhere); what arrives, to members behind this proxy only. */
  route(group: GroupId, to: NodeId | 0): boolean {
    if (to === 0) this.#targets.delete(group);
    else this.#targets.set(group, to);
    const client = to !== 0 && this.#wanted.isClient(group, to) ? to : undefined;
    if (client !== undefined) this.#clients.set(group, client);
    return this.#attempt('route', () =>
      this.#socket.batch([
        ...(client === undefined ? [] : this.#wanted.arriving(group, client, false)),
        ...this.#wanted.own(group, to, false),
      ]),
    );
  }

  resolve(group: GroupId, node: NodeId): void {
    this.#attempt('resolve', () => this.#socket.batch(this.#wanted.resolving(group, node)));
  }

  /** The kernel asks who has these addresses on the interface, as if it had a packet for each. */
  ask(interfaceName: string, addresses: readonly string[]): void {
    this.#attempt('ask neighbours', () => {
      const index = interfaceIndex(interfaceName);
      const asked = addresses.flatMap((text) => parseIp(text) ?? []);
      this.#socket.batch(asked.map((address) => useNeighbour({ index, address })));
    });
  }

  /** The reactor has ended: rules and routes go. */
  close(): void {
    clearInterval(this.#timer);
    if (!this.#wanted.none) {
      const { instance } = this.#config;
      this.#attempt('remove routes', () =>
        removeRouting(this.#socket, (table) => isTableOf(instance, table)),
      );
    }
    this.#route?.close();
    this.#route = undefined;
  }

  get #socket(): RouteSocket {
    this.#route ??= RouteSocket.open();
    return this.#route;
  }

  #restore(): void {
    this.#attempt('put back routes', () => {
      const missing = this.#socket.ensure([
        ...this.#wanted.standing(),
        ...[...this.#clients].flatMap(([group, client]) => this.#wanted.arriving(group, client, true)),
        ...[...this.#targets].flatMap(([group, to]) => this.#wanted.own(group, to, true)),
      ]);
      if (missing > 0) this.#report({ code: 'restored', what: `${missing} routes or rules` });
    });
  }

  #attempt(operation: string, work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      if (!(error instanceof OperationError)) throw error;
      this.#report({ code: 'trouble', operation, message: error.message });
      return false;
    }
  }
}
