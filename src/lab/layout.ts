/** Questions about a plan: who is plugged in where, and who speaks for whom. */
import {
  type HostPlan,
  type LabPlan,
  lanBridge,
  type MachinePlan,
  type MemberPlan,
  type NodePlan,
  type ProxyPlan,
  type Segment,
  type Wire,
} from './plan.ts';

type Nodes = Pick<LabPlan, 'members' | 'proxies' | 'witnesses'>;

/** Every machine with a daemon. */
export function nodesOf(plan: Nodes): readonly NodePlan[] {
  return [...plan.proxies, ...plan.members, ...plan.witnesses];
}

export function machinesOf(plan: LabPlan): readonly (HostPlan | MemberPlan | ProxyPlan)[] {
  return [...plan.members, ...plan.proxies, ...plan.witnesses, ...plan.hosts, ...plan.strangers];
}

/** All wires of a machine, the one to the hosts first. */
export function wiresOf(machine: MachinePlan & { cable?: Wire; segments?: readonly Segment[] }): Wire[] {
  const { cable, segments = [], lanPort } = machine;
  return [{ ...machine, port: lanPort }, ...segments, ...(cable === undefined ? [] : [cable])];
}

/** Every port of every bridge. */
export function portsOf(plan: LabPlan): string[] {
  return machinesOf(plan).flatMap((machine) => wiresOf(machine).map(({ port }) => port));
}

/** Ports of a machine. */
export function ownPorts(node: NodePlan): string[] {
  return wiresOf(node).map(({ port }) => port);
}

/**
 * Ports without carrier when the machine has no power: its own, and on a wire between two machines the other's, too,
 * because there is no switch between them. The others' come first: each link that goes down holds up the kernel's word of
 * the next, and power is lost everywhere at once.
 */
export function darkPorts(node: NodePlan, plan: LabPlan): string[] {
  const own = wiresOf(node);
  const direct = own.filter(({ bridge }) => bridge !== lanBridge).map(({ bridge }) => bridge);
  const others = machinesOf(plan)
    .filter((machine) => machine !== node)
    .flatMap(wiresOf)
    .filter(({ bridge }) => direct.includes(bridge));
  return [...others, ...own].map(({ port }) => port);
}

/** Both ends of the direct link: one that is cut has no carrier at either end. */
export function cablePorts(plan: LabPlan): string[] {
  return plan.members.flatMap((member) => member.cable?.port ?? []);
}

/** Machines with a daemon on the hosts' LAN. */
export function nodesOnLan(plan: Nodes): readonly NodePlan[] {
  return nodesOf(plan).filter(({ bridge }) => bridge === lanBridge);
}

/** The proxy that serves a member, or undefined when it is on the hosts' LAN itself. */
export function proxyOf(member: MemberPlan, plan: LabPlan): ProxyPlan | undefined {
  return plan.proxies.find(({ name }) => name === member.proxy);
}

/** The machine whose physical address the hosts have for the service while `member` is active. */
export function placeOf(member: MemberPlan, plan: LabPlan): NodePlan {
  return proxyOf(member, plan) ?? member;
}

/** A member's segment at its proxy's end. */
export function segmentOf(member: MemberPlan, plan: LabPlan): Segment | undefined {
  return proxyOf(member, plan)?.segments.find((segment) => segment.member === member.name);
}
