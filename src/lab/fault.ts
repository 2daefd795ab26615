/** The faults by name: what is done to whom from outside, what must follow, and how it is undone. */
import type { LabPlan, MemberPlan } from './plan.ts';

/** One deed of the injector. All are system calls made from the switch's namespace; none speaks to a daemon. */
export type Deed =
  /** Links down (their other ends lose carrier), or up again, in one netlink transaction. */
  | { readonly kind: 'links'; readonly on: boolean; readonly ports: readonly string[] }
  /** Ports that drop whatever enters and leaves, carrier up: a death that gives no signal. */
  | { readonly kind: 'mute'; readonly on: boolean; readonly ports: readonly string[] }
  /** Ports that drop what they would send to each other; all else passes. */
  | { readonly kind: 'part'; readonly on: boolean; readonly ports: readonly string[] }
  /** A signal to the victim's daemon, to its service, or to every process of the machine. */
  | { readonly kind: 'signal'; readonly signal: SignalName; readonly to: 'daemon' | 'service' | 'machine' };

export type SignalName = 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' | 'SIGTERM' | 'SIGUSR1' | 'SIGUSR2';

export type FaultName =
  | 'power'
  | 'silent'
  | 'kill'
  | 'freeze'
  | 'stop'
  | 'switchover'
  | 'cable'
  | 'lan'
  | 'check';

export interface Fault {
  readonly summary: string;
  /** What must follow: another member answers, or nobody outside notices anything. */
  readonly expect: 'takeover' | 'nothing';
  /** In this order, starting at the moment that is stamped as the fault's. Empty: the operator's command instead. */
  readonly strike: (victim: MemberPlan, plan: LabPlan) => readonly Deed[];
  /** Undoes it; processes that died are started again afterwards. */
  readonly mend: (victim: MemberPlan, plan: LabPlan) => readonly Deed[];
  /** What has to be started again. */
  readonly dead: 'machine' | 'daemon' | 'nothing';
  /** The kernel of the victim's machine goes on, and its lease ends only by itself. */
  readonly lingers?: boolean;
  /** The victim lives on, alone. */
  readonly mutes?: boolean;
  /** The service's health port is checked by the daemons. */
  readonly checked?: boolean;
  /** Systems without the means for it (an operator's switchover, a direct cable) leave it out. */
  readonly only?: 'understudy';
}

/** Both ends of the direct cable: a cable that is cut or whose other machine is dead has no carrier at either end. */
function cablePorts(plan: LabPlan): string[] {
  return plan.members.flatMap((member) => member.cable?.port ?? []);
}

function allPorts(victim: MemberPlan, plan: LabPlan): string[] {
  return victim.cable === undefined ? [victim.lanPort] : [victim.lanPort, ...cablePorts(plan)];
}

function ownPorts(victim: MemberPlan): string[] {
  return victim.cable === undefined ? [victim.lanPort] : [victim.lanPort, victim.cable.port];
}

const none = (): readonly Deed[] => [];
const signal = (name: SignalName, to: 'daemon' | 'service' | 'machine') => (): readonly Deed[] => [
  { kind: 'signal', signal: name, to },
];

const faults: Record<FaultName, Fault> = {
  power: {
    summary: 'the machine loses its power: every link goes down, every process stops',
    expect: 'takeover',
    strike: (victim, plan) => [
      { kind: 'links', on: false, ports: allPorts(victim, plan) },
      { kind: 'signal', signal: 'SIGKILL', to: 'machine' },
    ],
    mend: (victim, plan) => [{ kind: 'links', on: true, ports: allPorts(victim, plan) }],
    dead: 'machine',
  },
  silent: {
    summary: 'the machine falls silent without any signal: carrier stays up, nothing passes',
    expect: 'takeover',
    strike: (victim) => [{ kind: 'mute', on: true, ports: ownPorts(victim) }],
    mend: (victim) => [{ kind: 'mute', on: false, ports: ownPorts(victim) }],
    dead: 'nothing',
    mutes: true,
  },
  kill: {
    summary: 'the daemon dies (SIGKILL); the machine and the service go on',
    expect: 'takeover',
    strike: signal('SIGKILL', 'daemon'),
    mend: none,
    dead: 'daemon',
    lingers: true,
  },
  freeze: {
    summary: 'the daemon is frozen (SIGSTOP) and wakes up again after the takeover (SIGCONT)',
    expect: 'takeover',
    strike: signal('SIGSTOP', 'daemon'),
    mend: signal('SIGCONT', 'daemon'),
    dead: 'nothing',
    lingers: true,
  },
  stop: {
    summary: 'the daemon is stopped in order (SIGTERM)',
    expect: 'takeover',
    strike: signal('SIGTERM', 'daemon'),
    mend: none,
    dead: 'daemon',
  },
  switchover: {
    summary: 'the operator asks for a planned switchover',
    expect: 'takeover',
    strike: none,
    mend: none,
    dead: 'nothing',
    only: 'understudy',
  },
  cable: {
    summary: 'the direct link between the members is cut; the LAN stays',
    expect: 'nothing',
    strike: (_victim, plan) => [{ kind: 'links', on: false, ports: cablePorts(plan) }],
    mend: (_victim, plan) => [{ kind: 'links', on: true, ports: cablePorts(plan) }],
    dead: 'nothing',
    only: 'understudy',
  },
  lan: {
    summary: 'the LAN passes nothing between the members; hosts reach both, the cable stays',
    expect: 'nothing',
    strike: (_victim, plan) => [{ kind: 'part', on: true, ports: plan.members.map((m) => m.lanPort) }],
    mend: (_victim, plan) => [{ kind: 'part', on: false, ports: plan.members.map((m) => m.lanPort) }],
    dead: 'nothing',
    only: 'understudy',
  },
  check: {
    summary: 'the service on the active machine fails its health check',
    expect: 'takeover',
    strike: signal('SIGUSR1', 'service'),
    mend: signal('SIGUSR2', 'service'),
    dead: 'nothing',
    checked: true,
  },
};

export const faultNames = Object.keys(faults) as readonly FaultName[];

export function isFaultName(text: string): text is FaultName {
  return Object.hasOwn(faults, text);
}

export function faultByName(name: FaultName): Fault {
  return faults[name];
}
