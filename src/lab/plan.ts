/**
 * The machines and networks of the lab as plain data: names, addresses, ports. Addresses are documentation addresses
 * (RFC 5737, RFC 3849); everything lives in namespaces of the lab's own, never on the machine's interfaces.
 */

/** A machine on a network: its interface there, and the bridge that stands for the network. */
export interface Attachment {
  /** The interface's name in the machine. */
  readonly interface: string;
  readonly mac: string;
  readonly address4: string;
  /** Length of the IPv4 network's prefix; the IPv6 network's is 64. */
  readonly prefix4: number;
  /** Absent where only daemons speak: on a direct link. */
  readonly address6?: string;
  readonly bridge: string;
}

/** An attachment with the bridge's port that it is plugged into. */
export interface Wire extends Attachment {
  readonly port: string;
}

/** A machine with the attachment that matters most: where the hosts, or the proxy that serves them, reach it. */
export interface MachinePlan extends Attachment {
  readonly name: string;
  readonly address6: string;
  /** Its port on the switch of the hosts' LAN, or of its segment behind a proxy. */
  readonly lanPort: string;
}

/** A machine that only uses the service: an ordinary kernel at its default settings. */
export interface HostPlan extends MachinePlan {}

/** A machine that runs a daemon. */
export interface NodePlan extends MachinePlan {
  /** 1..65535, unique. */
  readonly id: number;
}

/** A machine of the redundant group; ids 1..3. */
export interface MemberPlan extends NodePlan {
  /** Its direct link to the other one, through a middle box; absent without one. */
  readonly cable?: Wire;
  /** The proxy that serves it to the hosts; absent: it is on their LAN itself. */
  readonly proxy?: string;
}

/** A proxy's wire to a member: the segment that the two share, and nobody else. */
export interface Segment extends Wire {
  readonly member: string;
  readonly address6: string;
}

/** An ARP proxy server: one side on the hosts' LAN, one for each member that it serves. */
export interface ProxyPlan extends NodePlan {
  readonly segments: readonly Segment[];
}

/** A path for the daemons' control datagrams, as the configuration has it. */
export interface PathPlan {
  readonly name: string;
  readonly id: number;
  readonly kind: 'cable' | 'lan';
  /** UDP and TCP port. */
  readonly port: number;
  /** Routers on the way. */
  readonly hops?: number;
  /** By the machine's name. */
  readonly ends: Readonly<Record<string, { readonly interface: string; readonly address: string }>>;
}

/** A route that a machine is given when it is built. */
export interface RoutePlan {
  readonly machine: string;
  readonly to: string;
  readonly via: string;
}

export type Policy = 'available' | 'strict';

export interface LabPlan {
  readonly members: readonly MemberPlan[];
  readonly proxies: readonly ProxyPlan[];
  /** Machines that only have a vote. */
  readonly witnesses: readonly NodePlan[];
  /** Of the group. */
  readonly policy: Policy;
  readonly hosts: readonly HostPlan[];
  /** Machines on the hosts' LAN that have no part in anything, and may claim what is not theirs. */
  readonly strangers: readonly HostPlan[];
  readonly paths: readonly PathPlan[];
  readonly routes: readonly RoutePlan[];
  /** The shared logical addresses. */
  readonly service4: string;
  readonly service6: string;
  /** UDP and TCP port of the echo service. */
  readonly servicePort: number;
  /** The mirrored service, where there is one: its TCP port, and the server's on each member's loopback. */
  readonly mirrored?: { readonly port: number; readonly localPort: number };
}

/** The namespace that holds every bridge, the fault injector and the capture. */
export const switchNamespace = 'switch';
/** The bridge that is the switch of the hosts' LAN. */
export const lanBridge = 'lan';
const cableBridge = 'cable';

const memberNames = ['primary', 'redundant', 'third'] as const;

/** What a strict group of two needs beside them. */
const witness: NodePlan = { name: 'witness', id: 9, ...onLan('witness', 9, '02:00:00:00:00:09') };

/** The machines of the patent's fig. 1A; `memberCount` 2 or 3 (the third has no cable). A strict pair has a witness. */
export function planFig1a(memberCount: number, policy: Policy = 'available'): LabPlan {
  const members = memberNames.slice(0, memberCount).map((name, index): MemberPlan => {
    const id = index + 1;
    const member: MemberPlan = { name, id, ...onLan(name, id, `02:00:00:00:00:0${id}`) };
    if (index > 1) return member;
    const cable: Wire = {
      interface: 'cable0',
      mac: `02:00:00:00:01:0${id}`,
      address4: `198.51.100.${id}`,
      prefix4: 30,
      bridge: cableBridge,
      port: `cab-${name}`,
    };
    return { ...member, cable };
  });
  const witnesses = policy === 'strict' && memberCount === 2 ? [witness] : [];
  const cables = members.flatMap((m) => (m.cable === undefined ? [] : [{ ...m.cable, name: m.name }]));
  const paths: PathPlan[] = [
    { name: 'cable', id: 1, kind: 'cable', port: 7169, ends: ends(cables) },
    { name: 'lan', id: 2, kind: 'lan', port: 7170, ends: ends([...members, ...witnesses]) },
  ];
  const hosts = planHosts();
  return { members, proxies: [], witnesses, policy, hosts, strangers: [], paths, routes: [], ...service };
}

/** The same with a stranger on the hosts' LAN. */
export function withStranger(plan: LabPlan): LabPlan {
  const place = onLan('stranger', 199, '02:00:00:00:00:ee');
  return { ...plan, strangers: [{ name: 'stranger', ...place, interface: 'eth0' }] };
}

/** What the hosts use, and where. */
export const service = { service4: '192.0.2.10', service6: '2001:db8:0:1::10', servicePort: 7 } as const;

/** The hosts of every scenario; `count`: at most nine. */
export function planHosts(count = 2): HostPlan[] {
  return [...'abcdefghi'.slice(0, count)].map((letter, index): HostPlan => {
    const name = `host-${letter}`;
    return { name, ...onLan(name, 101 + index, `02:00:00:00:00:a${index + 1}`), interface: 'eth0' };
  });
}

/** A place on the hosts' LAN: `number` is the last part of both addresses. */
export function onLan(name: string, number: number, mac: string): Omit<MachinePlan, 'name'> {
  return {
    interface: 'lan0',
    mac,
    address4: `192.0.2.${number}`,
    prefix4: 24,
    address6: `2001:db8:0:1::${number}`,
    lanPort: `lan-${name}`,
    bridge: lanBridge,
  };
}

/** The ends of a path. */
export function ends(of: readonly (Attachment & { readonly name: string })[]): PathPlan['ends'] {
  return Object.fromEntries(of.map((at) => [at.name, { interface: at.interface, address: at.address4 }]));
}
