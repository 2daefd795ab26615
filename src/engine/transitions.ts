/** Every change of state a member or a proxy may make in a group. The engine asks these tables; docs show them. */
import type { MemberStateName, ProxyStateName } from './effect.ts';
import { InvariantError } from './invariant.ts';

export interface Transition<Name extends string = MemberStateName> {
  readonly from: Name;
  readonly to: Name;
  /** When it happens, as an operator would say it. */
  readonly when: string;
}

export const transitions: readonly Transition[] = [
  { from: 'starting', to: 'standby', when: 'another member is heard active' },
  {
    from: 'starting',
    to: 'acquiring',
    when: 'the start-up grace is over, nobody is active, it is our turn, our port passes traffic, and nobody has the address',
  },
  { from: 'starting', to: 'faulted', when: 'our own checks fail, or our proxy has not accepted us in time' },
  { from: 'starting', to: 'stopped', when: 'the daemon stops in order' },
  { from: 'standby', to: 'acquiring', when: 'the active member failed or left, and it is our turn' },
  { from: 'standby', to: 'holding', when: 'the active member prepares a planned switchover to us' },
  { from: 'standby', to: 'faulted', when: 'our own checks fail, or our proxy serves us no more' },
  { from: 'standby', to: 'stopped', when: 'the daemon stops in order' },
  { from: 'acquiring', to: 'active', when: 'the fence opened' },
  {
    from: 'acquiring',
    to: 'standby',
    when: 'the fence refused, the lease was lost, or a higher term was heard',
  },
  { from: 'acquiring', to: 'stopped', when: 'the daemon stops in order' },
  { from: 'active', to: 'draining', when: 'a planned switchover begins' },
  { from: 'active', to: 'standby', when: 'a higher term was heard, or the kernel lease was lost' },
  {
    from: 'active',
    to: 'stopped',
    when: 'the daemon stops in order, and nobody can succeed or the role is lost',
  },
  {
    from: 'draining',
    to: 'active',
    when: 'the planned switchover was called off before we gave up the role',
  },
  {
    from: 'draining',
    to: 'standby',
    when: 'the role was given up to the successor, a higher term, a lost lease, or checks that pass again by now',
  },
  {
    from: 'draining',
    to: 'faulted',
    when: 'the role was given up because our own checks fail, or our proxy is gone',
  },
  { from: 'draining', to: 'stopped', when: 'the role was given up because the daemon stops in order' },
  { from: 'holding', to: 'acquiring', when: 'the old active member released the role, or died' },
  {
    from: 'holding',
    to: 'standby',
    when: 'the planned switchover was called off or fell silent, a higher term was heard, or we are pinned',
  },
  { from: 'holding', to: 'faulted', when: 'our own checks fail, or our proxy serves us no more' },
  { from: 'holding', to: 'stopped', when: 'the daemon stops in order' },
  {
    from: 'faulted',
    to: 'standby',
    when: 'our own checks pass again, and our proxy, if we have one, serves us',
  },
  { from: 'faulted', to: 'stopped', when: 'the daemon stops in order' },
];

export const proxyTransitions: readonly Transition<ProxyStateName>[] = [
  { from: 'idle', to: 'serving', when: 'a member registered here is active by the highest term known' },
  {
    from: 'idle',
    to: 'relaying',
    when: 'it had fallen silent, and another place is heard to have taken over',
  },
  { from: 'idle', to: 'stopped', when: 'the daemon stops in order' },
  { from: 'serving', to: 'serving', when: 'another member registered here became active: the route moves' },
  { from: 'serving', to: 'waiting', when: 'the member is gone, gave the role up, or hands it over' },
  { from: 'serving', to: 'relaying', when: 'another place took over' },
  { from: 'serving', to: 'idle', when: 'the kernel lease was lost, or the registration ran out' },
  { from: 'serving', to: 'stopped', when: 'the daemon stops in order and nobody relieves it in time' },
  { from: 'waiting', to: 'serving', when: 'a member registered here is active: what waited goes to it' },
  { from: 'waiting', to: 'relaying', when: 'another place took over: what waited goes there' },
  {
    from: 'waiting',
    to: 'idle',
    when: 'nobody became active in time, the registration ran out, or the kernel lease was lost',
  },
  { from: 'waiting', to: 'stopped', when: 'the daemon stops in order and nobody relieves it in time' },
  { from: 'relaying', to: 'serving', when: 'a member registered here is active again' },
  { from: 'relaying', to: 'idle', when: 'the hosts have had time to move' },
  { from: 'relaying', to: 'stopped', when: 'the daemon stops in order' },
];

/** Returns the new state; a change the table does not know is a bug. */
export function become(from: MemberStateName, to: MemberStateName): MemberStateName {
  return permitted(allowed, from, to);
}

/** As `become`, of a proxy. */
export function becomeProxy(from: ProxyStateName, to: ProxyStateName): ProxyStateName {
  return permitted(allowedProxy, from, to);
}

const allowed: ReadonlySet<string> = new Set(transitions.map(({ from, to }) => `${from}>${to}`));
const allowedProxy: ReadonlySet<string> = new Set(proxyTransitions.map(({ from, to }) => `${from}>${to}`));

function permitted<Name extends string>(table: ReadonlySet<string>, from: Name, to: Name): Name {
  if (!table.has(`${from}>${to}`)) throw new InvariantError(`no transition from ${from} to ${to}`);
  return to;
}
