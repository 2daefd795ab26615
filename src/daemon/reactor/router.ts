/**
 * What the reactor itself does about routing: sets it up before anything is served, and changes a route that a takeover
 * needs at once: the one by which what arrives reaches a member, where a proxy has several. Everything else is asked of
 * the control plane (`routing/keeper.ts`): a standby's registration prepares its proxy's route, so that an activation
 * finds it in the kernel.
 */
import { RouteSocket } from '../../linux/route/socket.ts';
import { readSysctl, SysctlJournal, writeSysctl } from '../../linux/sysctl.ts';
import type { GroupId, NodeId } from '../../wire/control/message.ts';
import type { ReactorConfig } from '../bridge.ts';
import { holdDevice } from '../devices.ts';
import { isTableOf, removeRouting } from '../routing/tables.ts';
import { WantedRoutes } from '../routing/wanted.ts';

const setting = (name: string, key: string): readonly string[] => ['net', 'ipv4', 'conf', name, key];

export class Router {
  readonly #route: RouteSocket = RouteSocket.open();
  readonly #journal: SysctlJournal = new SysctlJournal();
  readonly #config: ReactorConfig;
  readonly #wanted: WantedRoutes;
  /** The member to whom the kernel sends what arrives for a group, where that is known; and the one last asked for. */
  readonly #inKernel: Map<GroupId, NodeId> = new Map();
  readonly #asked: Map<GroupId, NodeId> = new Map();

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
    for (const name of new Set(sides)) {
      this.#journal.set(setting(name, 'forwarding'), '1');
      this.#loosen(name);
    }
    // It goes with the device.
    writeSysctl(setting(holdDevice(this.#config.instance), 'forwarding'), '1');
    // The responder answers, and nobody else: with our own MAC the kernel would answer for ever.
    for (const { interface: lan } of links) this.#journal.set(setting(lan, 'proxy_arp'), '0');
    const ipv6 = links.some(({ id }) => this.#wanted.familiesOf(id).has('ipv6'));
    // IPv6 knows no forwarding of single interfaces before Linux 6.17.
    if (ipv6) this.#journal.set(['net', 'ipv6', 'conf', 'all', 'forwarding'], '1');
  }

  /** Remembers what the control plane is asked for. */
  ask(group: GroupId, to: NodeId | 0): void {
    if (to === 0 || !this.#wanted.isClient(group, to)) return;
    this.#asked.set(group, to);
    if (this.#inKernel.get(group) !== to) this.#inKernel.delete(group);
  }

  /** The control plane has done it, though perhaps something else was asked since. */
  done(group: GroupId, to: NodeId | 0): void {
    if (to === 0 || !this.#wanted.isClient(group, to)) return;
    if (this.#asked.get(group) === to) this.#inKernel.set(group, to);
    else this.#inKernel.delete(group);
  }

  /** In this turn, where the kernel does not do so already. Throws OperationError. */
  now(group: GroupId, to: NodeId | 0): void {
    if (to === 0 || !this.#wanted.isClient(group, to) || this.#inKernel.get(group) === to) return;
    this.#route.batch(this.#wanted.arriving(group, to, false));
    this.#inKernel.set(group, to);
  }

  /**
   * A member answers with a group address by an interface that no route for that address need lead to: the strict check
   * of RFC 3704 (the greater of `all` and the interface's own) would drop it; the loose one passes it.
   */
  #loosen(name: string): void {
    const own = readSysctl(setting(name, 'rp_filter'));
    const all = readSysctl(setting('all', 'rp_filter'));
    if (Math.max(Number(own), Number(all)) === 1) this.#journal.set(setting(name, 'rp_filter'), '2');
  }

  /** What was changed in the kernel's settings is put back. Rules and routes are the control plane's to remove. */
  close(): readonly string[] {
    this.#route.close();
    return this.#journal.restore().map((failure) => failure.message);
  }
}
