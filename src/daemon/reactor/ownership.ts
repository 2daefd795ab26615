/**
 * The group addresses on this machine: /32 and /128 on a TUN device that this process owns, so that a crash lets go of
 * them (docs/ARCHITECTURE.md). The kernel is told not to speak for them by itself; the responder does, while active.
 */
import { interfaceIndex } from '../../linux/interfaces.ts';
import {
  addAddress,
  deleteAddress,
  type RouteRequest,
  setAddrGenModeNone,
  setLinkUp,
} from '../../linux/route/requests.ts';
import { RouteSocket } from '../../linux/route/socket.ts';
import { SysctlJournal, writeSysctl } from '../../linux/sysctl.ts';
import { Tun } from '../../linux/tun.ts';
import { type IpAddress, isIpv4 } from '../../wire/address.ts';
import type { GroupId } from '../../wire/control/message.ts';
import type { GroupLink, ReactorConfig } from '../bridge.ts';
import { tunDevice } from '../devices.ts';
import { addressOf } from './paths.ts';

/** A path in parts, because an interface's name may hold dots, and the value wanted. */
type Setting = readonly [path: readonly string[], value: string];

/** No program picks an address of the TUN by itself, and nothing is said on it: strict checks would only drop. */
function quietDevice(name: string, addresses: readonly IpAddress[]): readonly Setting[] {
  const inet: Setting = [['net', 'ipv4', 'conf', name, 'rp_filter'], '2'];
  if (addresses.every(isIpv4)) return [inet];
  return [
    inet,
    // `absent` addresses are added at the takeover: a default that switches IPv6 off must not be found out then.
    [['net', 'ipv6', 'conf', name, 'disable_ipv6'], '0'],
    [['net', 'ipv6', 'conf', name, 'accept_ra'], '0'],
    [['net', 'ipv6', 'conf', name, 'router_solicitations'], '0'],
  ];
}

/**
 * Interfaces that hear ARP about a group: the kernel answers only for addresses of the interface itself
 * (`arp_ignore` 1), asks only with such an address (`arp_announce` 2), and redirects nobody while we forward in a
 * planned switchover (`send_redirects`, OR-ed with `all`).
 */
const quietInterface = (name: string): readonly Setting[] => [
  [['net', 'ipv4', 'conf', name, 'arp_ignore'], '1'],
  [['net', 'ipv4', 'conf', name, 'arp_announce'], '2'],
  [['net', 'ipv4', 'conf', name, 'send_redirects'], '0'],
];

export class Ownership {
  readonly device: string;
  readonly #index: number;
  readonly #tun: Tun;
  readonly #route: RouteSocket = RouteSocket.open();
  readonly #journal: SysctlJournal = new SysctlJournal();
  readonly #groups: Map<GroupId, { readonly link: GroupLink; readonly addresses: readonly IpAddress[] }>;
  readonly #active: Set<GroupId> = new Set();
  readonly #interfaces: ReadonlySet<string>;

  /** Makes the device, without addresses. Throws OperationError (EBUSY): another process has it. */
  constructor(config: ReactorConfig) {
    this.#groups = new Map(
      config.groups
        .filter(({ role }) => role === 'member')
        .map((link) => [link.id, { link, addresses: link.addresses.map(addressOf) }]),
    );
    this.#interfaces = interfacesOf(config);
    this.device = tunDevice(config.instance);
    this.#tun = Tun.open({ name: this.device, kind: 'tun' });
    this.#index = interfaceIndex(this.device);
  }

  /** The addresses. The fence is armed before this is called: they never exist without it. */
  settle(): void {
    this.quiet(this.#interfaces);
    for (const [path, value] of quietDevice(
      this.device,
      [...this.#groups.values()].flatMap(({ addresses }) => addresses),
    ))
      writeSysctl(path, value);
    this.#route.batch([
      setAddrGenModeNone(this.#index),
      setLinkUp(this.#index),
      ...this.#wanted().map((a) => this.#add(a)),
    ]);
  }

  /** Makes the kernel hold its tongue on these interfaces; again when one came back, with its settings lost. */
  quiet(interfaces: Iterable<string>): void {
    this.#journal.set(['net', 'ipv4', 'conf', 'all', 'send_redirects'], '0');
    for (const name of interfaces) {
      for (const [path, value] of quietInterface(name)) this.#journal.set(path, value);
    }
  }

  /** `standbyAddress: absent` groups get their addresses now, in one batch. A proxy has none. */
  activate(group: GroupId): void {
    this.#active.add(group);
    this.#change(group, (address) => this.#add(address));
  }

  /** And lose them again; for `present` groups nothing changes. */
  deactivate(group: GroupId): void {
    if (!this.#active.delete(group)) return;
    this.#change(group, (address) =>
      deleteAddress({ index: this.#index, address, prefix: prefixOf(address) }),
    );
  }

  /** Somebody deleted an address of ours or set the device down: puts back what is missing and names it. */
  restore(): readonly IpAddress[] {
    const links = this.#route.links();
    if (!links.some((link) => link.index === this.#index)) {
      throw new Error(`somebody deleted ${this.device}, which holds the addresses; start the daemon again`);
    }
    const present = new Set(
      this.#route
        .addresses()
        .filter((one) => one.index === this.#index)
        .map((one) => one.address),
    );
    const missing = this.#wanted().filter((address) => !present.has(address));
    const down = links.some((link) => link.index === this.#index && !link.up);
    if (missing.length > 0 || down) {
      this.#route.batch([setLinkUp(this.#index), ...missing.map((address) => this.#add(address))]);
    }
    return missing;
  }

  get index(): number {
    return this.#index;
  }

  addresses(group: GroupId): readonly IpAddress[] {
    return this.#groups.get(group)?.addresses ?? [];
  }

  /** Device and addresses go; what was changed in the kernel's settings is put back. */
  close(): readonly string[] {
    this.#tun.close();
    this.#route.close();
    return this.#journal.restore().map((failure) => failure.message);
  }

  #wanted(): IpAddress[] {
    return [...this.#groups.values()]
      .filter(({ link }) => link.standbyAddress === 'present' || this.#active.has(link.id))
      .flatMap(({ addresses }) => addresses);
  }

  #change(group: GroupId, request: (address: IpAddress) => RouteRequest): void {
    const entry = this.#groups.get(group);
    if (entry?.link.standbyAddress !== 'absent') return;
    this.#route.batch(entry.addresses.map(request));
  }

  #add(address: IpAddress): RouteRequest {
    // IPv6: no duplicate detection (it would ask on the TUN, and take a second), and never chosen as a source.
    return addAddress({
      index: this.#index,
      address,
      prefix: prefixOf(address),
      ...(isIpv4(address) ? {} : { noDad: true, preferredUs0: true }),
    });
  }
}

function prefixOf(address: IpAddress): number {
  return isIpv4(address) ? 32 : 128;
}

function interfacesOf(config: ReactorConfig): ReadonlySet<string> {
  return new Set([
    ...config.groups.map((group) => group.interface),
    ...config.groups.flatMap((group) => group.clients.map((hop) => hop.interface)),
    ...config.paths.map((path) => path.interface),
  ]);
}
