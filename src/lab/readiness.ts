/** From what the daemons say of themselves: who is active, and what is missing before the next fault. No I/O. */
import type { ProxyRole, Status } from '../api/types.ts';
import { placeOf } from './layout.ts';
import type { LabPlan, MemberPlan, ProxyPlan } from './plan.ts';

export interface View {
  /** Names of the members that are active: one, when all is well. */
  readonly active: readonly string[];
  readonly ready: boolean;
  /** What is still missing when not ready. */
  readonly why: string;
}

/** What a proxy does for the group, by its daemon's word. */
export interface ProxyView {
  readonly state: ProxyRole;
  /** It answers ARP and neighbour solicitations for the addresses. */
  readonly answering: boolean;
  readonly routesTo: string | null;
}

/** `statuses`: by machine; undefined for a daemon that does not answer. */
export function viewOf(plan: LabPlan, statuses: ReadonlyMap<string, Status | undefined>): View {
  const missing: string[] = [];
  const active = plan.members.filter(({ name }) => statuses.get(name)?.groups[0]?.role === 'active');
  const names = active.map(({ name }) => name);
  if (active.length !== 1) missing.push(`active: ${names.join(' and ') || 'nobody'}`);
  const note = (name: string, lack: (status: Status) => string | undefined): void => {
    const status = statuses.get(name);
    const found = status === undefined ? 'does not answer' : (lack(status) ?? isolation(plan, status));
    if (found !== undefined) missing.push(`${name} ${found}`);
  };
  for (const member of plan.members) note(member.name, (status) => idleness(member, status));
  for (const { name } of plan.witnesses) note(name, () => undefined);
  for (const proxy of plan.proxies)
    note(proxy.name, (status) => misdirection(proxy, status, active[0], plan));
  return { active: names, ready: missing.length === 0, why: missing.join('; ') };
}

export function proxyViewOf(status: Status | undefined): ProxyView | null {
  const group = status?.proxied[0];
  if (group === undefined) return null;
  return { state: group.role, answering: group.answering, routesTo: group.routesTo };
}

/** Why a member cannot serve, or undefined when it does or could at once. */
function idleness(member: MemberPlan, { groups }: Status): string | undefined {
  const group = groups[0];
  if (group?.role !== 'active' && group?.role !== 'standby') return `is ${group?.role ?? 'without a group'}`;
  if (member.proxy === undefined || group.proxy?.registered === true) return undefined;
  return `is not registered with ${member.proxy}`;
}

/** What a proxy does that it should not do now, or undefined. */
function misdirection(
  proxy: ProxyPlan,
  status: Status,
  active: MemberPlan | undefined,
  plan: LabPlan,
): string | undefined {
  const view = proxyViewOf(status);
  if (view === null) return 'is without a group';
  const serves = active !== undefined && placeOf(active, plan) === proxy;
  if (view.answering !== serves)
    return serves ? 'does not answer for the address' : 'answers for the address';
  if (serves && view.routesTo !== active.name) return `routes to ${view.routesTo ?? 'nobody'}`;
  return undefined;
}

/** A peer or a path that is missing, or undefined. */
function isolation(plan: LabPlan, status: Status): string | undefined {
  const cables = new Set(plan.paths.filter(({ kind }) => kind === 'cable').map(({ name }) => name));
  for (const peer of status.peers) {
    if (!peer.up) return `does not hear ${peer.name}`;
    const path = peer.paths.find((p) => !p.up || (cables.has(p.name) && !p.tether));
    if (path !== undefined) return `lacks the ${path.up ? 'tether' : 'path'} ${path.name} to ${peer.name}`;
  }
  return undefined;
}
