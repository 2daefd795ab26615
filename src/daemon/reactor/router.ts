/**
 * What the reactor itself does about routing: sets it up before anything is served, and changes a route that a takeover
 * needs at once. Everything else is asked of the control plane (`routing/keeper.ts`): a standby's registration prepares
 * its proxy's route, so that an activation finds it in the kernel.
 */
import { RouteSocket } from '../../linux/route/socket.ts';
import { SysctlJournal, writeSysctl } from '../../linux/sysctl.ts';
import type { GroupId, NodeId } from '../../wire/control/message.ts';
import type { ReactorConfig } from '../bridge.ts';
import { holdDevice } from '../devices.ts';
import { isTableOf, removeRouting } from '../routing/tables.ts';
import { WantedRoutes } from '../routing/wanted.ts';

const forwarding = (name: string): readonly string[] => ['net', 'ipv4', 'conf', name, 'forwarding'];

export class Router {
  readonly #route: RouteSocket = RouteSocket.open();
  readonly #journal: SysctlJournal = new SysctlJournal();
  readonly #config: ReactorConfig;
  readonly #wanted: WantedRoutes;
  /** Where the kernel sends a group's packets, where that is known; and where they were last asked to go. */
  readonly #inKernel: Map<GroupId, NodeId | 0> = new Map();
  readonly #asked: Map<GroupId, NodeId | 0> = new Map();

  /** Replaces what an earlier process of the same instance left behind. Throws OperationError. */
  constructor(config: ReactorConfig) {
    this.#config = config;
    this.#wanted = new WantedRoutes(config);
    if (this.#wanted.none) return;
    removeRouting(this.#route, (table) => isTableOf(config.instance, table));
    this.forwardPackets();
    this.#route.ensure(this.#wanted.standing());
  }

  /** The kernel forwards between the LAN and the members; again when an interface came back, with its settings lost. */
  forwardPackets(): void {
    const links = this.#wanted.proxied;
    if (links.length === 0) return;
    const sides = links.flatMap((link) => [link.interface, ...link.clients.map((hop) => hop.interface)]);
    for (const name of new Set(sides)) this.#journal.set(forwarding(name), '1');
    // It goes with the device.
    writeSysctl(forwarding(holdDevice(this.#config.instance)), '1');
    // The responder answers, and nobody else: with our own MAC the kernel would answer for ever.
    for (const { interface: lan } of links) this.#journal.set(['net', 'ipv4', 'conf', lan, 'proxy_arp'], '0');
    const ipv6 = links.some(({ id }) => this.#wanted.familiesOf(id).has('ipv6'));
    // IPv6 knows no forwarding of single interfaces before Linux 6.17.
    if (ipv6) this.#journal.set(['net', 'ipv6', 'conf', 'all', 'forwarding'], '1');
  }

  /** Remembers what the control plane is asked for. */
  ask(group: GroupId, to: NodeId | 0): void {
    this.#asked.set(group, to);
    if (this.#inKernel.get(group) !== to) this.#inKernel.delete(group);
  }

  /** The control plane has done it, though perhaps something else was asked since. */
  done(group: GroupId, to: NodeId | 0): void {
    if (this.#asked.get(group) === to) this.#inKernel.set(group, to);
    else this.#inKernel.delete(group);
  }

  /** In this turn, where the kernel does not do so already. Throws OperationError. */
  now(group: GroupId, to: NodeId | 0): void {
    if (this.#inKernel.get(group) === to) return;
    this.#route.batch(this.#wanted.to(group, to, false));
    this.#inKernel.set(group, to);
  }

  /** What was changed in the kernel's settings is put back. Rules and routes are the control plane's to remove. */
  close(): readonly string[] {
    this.#route.close();
    return this.#journal.restore().map((failure) => failure.message);
  }
}
