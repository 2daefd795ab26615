/** The faults by name: what is done to whom from outside, what must follow, and how it is undone. */
import type { DiskState } from './disk.ts';
import { cablePorts, darkPorts, nodesOnLan, ownPorts } from './layout.ts';
import type { LabPlan, NodePlan } from './plan.ts';

/**
 * One deed of the injector. The first four are system calls made from the switch's namespace, stamped just before the first;
 * none speaks to a daemon.
 */
export type Deed =
  /** Links down (their other ends lose carrier), or up again, in one netlink transaction. */
  | { readonly kind: 'links'; readonly on: boolean; readonly ports: readonly string[] }
  /** Ports that drop whatever enters and leaves, carrier up: a death that gives no signal. */
  | { readonly kind: 'mute'; readonly on: boolean; readonly ports: readonly string[] }
  /** Ports that drop what they would send to each other; all else passes. */
  | { readonly kind: 'part'; readonly on: boolean; readonly ports: readonly string[] }
  /** A signal to the struck machine's daemon, its service, its exchange, or every process of the machine. */
  | { readonly kind: 'signal'; readonly signal: SignalName; readonly to: Target }
  /** The disk with the struck daemon's state. */
  | { readonly kind: 'disk'; readonly state: DiskState }
  /** The struck daemon's wall clock: so many seconds ahead of the machine's from now on. */
  | { readonly kind: 'clock'; readonly aheadS: number }
  /** The stranger tells everybody that the addresses are its own, so many times. */
  | { readonly kind: 'claim'; readonly times: number };

export type Target = 'daemon' | 'service' | 'exchange' | 'machine';

export type SignalName = 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' | 'SIGTERM' | 'SIGUSR1' | 'SIGUSR2';

/** What can happen to any machine that runs a daemon. */
type Harm = 'power' | 'silent' | 'kill' | 'freeze' | 'stop';

export type FaultName =
  | Harm
  | 'switchover'
  | 'cable'
  | 'lan'
  | 'check'
  | 'disk-full'
  | 'disk-read-only'
  | 'clock'
  | 'spoof'
  | 'proxy'
  | 'proxy-silent'
  | 'proxy-kill'
  | 'proxy-freeze'
  | 'proxy-stop'
  | 'exchange';

export interface Fault {
  readonly summary: string;
  /** What must follow: another member answers, or nobody outside notices anything. */
  readonly expect: 'takeover' | 'nothing';
  /** Which machine is struck: the active member's, or its proxy's. */
  readonly at: 'member' | 'proxy';
  /** In this order, starting at the moment that is stamped as the fault's. Empty: the operator's command instead. */
  readonly strike: (struck: NodePlan, plan: LabPlan) => readonly Deed[];
  /** Undoes it; processes that died are started again afterwards. */
  readonly mend: (struck: NodePlan, plan: LabPlan) => readonly Deed[];
  /** What has to be started again. */
  readonly dead: 'machine' | 'daemon' | 'exchange' | 'nothing';
  /** The kernel of the struck machine goes on, and its lease ends only by itself. */
  readonly lingers?: boolean;
  /** The struck machine lives on, alone. */
  readonly mutes?: boolean;
  /** What is checked by the daemons: the service's health port, or the exchange's. */
  readonly checked?: 'service' | 'exchange';
  /** Undone only when what died is ready again. */
  readonly later?: (struck: NodePlan, plan: LabPlan) => readonly Deed[];
  /** Where nothing must follow: the report that shows that a daemon saw it, or that it sees nothing; else `pathDown`. */
  readonly noticed?: string | 'never';
  /** Hosts may be led astray for a moment; they must be answered again. */
  readonly astray?: boolean;
  /** Needs a stranger on the hosts' LAN. */
  readonly stranger?: boolean;
  /** So long after the last trial the daemons have forgotten it, and react as they did then, milliseconds. */
  readonly forgottenMs?: number;
  /** Needs daemons with wall clocks of their own. */
  readonly falseClocks?: boolean;
  /** Systems without the means for it (an operator's switchover, a direct cable) leave it out. */
  readonly only?: 'understudy';
}

/**
 * Who claims an address again soon is answered and named more seldom: an answer at once and one after two
 * `announce.defendIntervalMs` make it four of them, and two of these lengths without a claim end it.
 */
const contestMs = 2 * 4 * 1000;

const none = (): readonly Deed[] => [];
const signal = (name: SignalName, to: Target) => (): readonly Deed[] => [
  { kind: 'signal', signal: name, to },
];

const harms: Record<Harm, Omit<Fault, 'summary' | 'at' | 'expect'>> = {
  // Processes without power do nothing, while links take their time to go, one after the other. Killed ones would keep the
  // kernel, which all machines share, busy (their devices go under the routing lock): they end when the power is back.
  power: {
    strike: (struck, plan) => [
      { kind: 'signal', signal: 'SIGSTOP', to: 'machine' },
      { kind: 'links', on: false, ports: darkPorts(struck, plan) },
    ],
    mend: (struck, plan) => [
      { kind: 'signal', signal: 'SIGKILL', to: 'machine' },
      { kind: 'links', on: true, ports: darkPorts(struck, plan) },
    ],
    dead: 'machine',
  },
  silent: {
    strike: (struck) => [{ kind: 'mute', on: true, ports: ownPorts(struck) }],
    mend: (struck) => [{ kind: 'mute', on: false, ports: ownPorts(struck) }],
    dead: 'nothing',
    mutes: true,
  },
  kill: { strike: signal('SIGKILL', 'daemon'), mend: none, dead: 'daemon', lingers: true },
  freeze: {
    strike: signal('SIGSTOP', 'daemon'),
    mend: signal('SIGCONT', 'daemon'),
    dead: 'nothing',
    lingers: true,
  },
  stop: { strike: signal('SIGTERM', 'daemon'), mend: none, dead: 'daemon' },
};

function toMember(harm: Harm, summary: string): Fault {
  return { summary, at: 'member', expect: 'takeover', ...harms[harm] };
}

function toProxy(harm: Harm, summary: string): Fault {
  return { summary, at: 'proxy', expect: 'takeover', ...harms[harm], only: 'understudy' };
}

/** It comes back before its disk is well. */
function restartOn(state: DiskState, summary: string): Fault {
  return {
    ...toMember('kill', summary),
    strike: () => [
      { kind: 'disk', state },
      { kind: 'signal', signal: 'SIGKILL', to: 'daemon' },
    ],
    later: () => [{ kind: 'disk', state: 'well' }],
    only: 'understudy',
  };
}

const faults: Record<FaultName, Fault> = {
  power: toMember('power', 'the machine loses its power: every link goes down, every process stops'),
  silent: toMember('silent', 'the machine falls silent without any signal: carrier stays up, nothing passes'),
  kill: toMember('kill', 'the daemon dies (SIGKILL); the machine and the service go on'),
  freeze: toMember(
    'freeze',
    'the daemon is frozen (SIGSTOP) and wakes up again after the takeover (SIGCONT)',
  ),
  stop: toMember('stop', 'the daemon is stopped in order (SIGTERM)'),
  switchover: {
    summary: 'the operator asks for a planned switchover',
    expect: 'takeover',
    at: 'member',
    strike: none,
    mend: none,
    dead: 'nothing',
    only: 'understudy',
  },
  cable: {
    summary: 'the direct link between the members is cut; the LAN stays',
    expect: 'nothing',
    at: 'member',
    strike: (_struck, plan) => [{ kind: 'links', on: false, ports: cablePorts(plan) }],
    mend: (_struck, plan) => [{ kind: 'links', on: true, ports: cablePorts(plan) }],
    dead: 'nothing',
    only: 'understudy',
  },
  lan: {
    summary: 'the LAN passes nothing between the daemons on it; hosts reach all, the direct link stays',
    expect: 'nothing',
    at: 'member',
    strike: (_struck, plan) => [{ kind: 'part', on: true, ports: lanPorts(plan) }],
    mend: (_struck, plan) => [{ kind: 'part', on: false, ports: lanPorts(plan) }],
    dead: 'nothing',
    only: 'understudy',
  },
  check: {
    summary: 'the service on the active machine fails its health check',
    expect: 'takeover',
    at: 'member',
    strike: signal('SIGUSR1', 'service'),
    mend: signal('SIGUSR2', 'service'),
    dead: 'nothing',
    checked: 'service',
  },
  'disk-full': restartOn('full', 'the disk with the state is full, the daemon dies and starts again on it'),
  'disk-read-only': restartOn('readOnly', 'the disk with the state turns read-only, and the same'),
  clock: {
    summary: 'the active daemon’s wall clock jumps ahead by a day, and back (needs libfaketime)',
    expect: 'nothing',
    at: 'member',
    strike: () => [{ kind: 'clock', aheadS: 86_400 }],
    mend: () => [{ kind: 'clock', aheadS: 0 }],
    dead: 'nothing',
    noticed: 'never',
    falseClocks: true,
    only: 'understudy',
  },
  spoof: {
    summary: 'a stranger on the LAN claims the addresses; the active one takes the hosts back',
    expect: 'nothing',
    at: 'member',
    strike: () => [{ kind: 'claim', times: 3 }],
    mend: none,
    dead: 'nothing',
    noticed: 'foreignClaim',
    astray: true,
    stranger: true,
    forgottenMs: contestMs,
    only: 'understudy',
  },
  proxy: toProxy('power', 'the active member’s proxy loses its power: its links go down, its processes stop'),
  'proxy-silent': toProxy('silent', 'the proxy falls silent without any signal: carrier up, nothing passes'),
  'proxy-kill': toProxy('kill', 'the proxy’s daemon dies (SIGKILL); its kernel goes on'),
  'proxy-freeze': toProxy('freeze', 'the proxy’s daemon is frozen (SIGSTOP) and wakes up again (SIGCONT)'),
  'proxy-stop': toProxy('stop', 'the proxy’s daemon is stopped in order (SIGTERM)'),
  exchange: {
    summary: 'the exchange dies (SIGKILL); its daemon’s check fails, and the role is handed over',
    expect: 'takeover',
    at: 'member',
    strike: signal('SIGKILL', 'exchange'),
    mend: none,
    dead: 'exchange',
    checked: 'exchange',
    only: 'understudy',
  },
};

function lanPorts(plan: LabPlan): string[] {
  return nodesOnLan(plan).map(({ lanPort }) => lanPort);
}

/** Of members, the link and the LAN: possible with and without proxies. */
export const faultNames: readonly FaultName[] = named('member');

export const proxyFaultNames: readonly FaultName[] = named('proxy');

/** Of the application: possible where there is one. */
export const exchangeFaultNames: readonly FaultName[] = ['exchange'];

function named(at: Fault['at']): readonly FaultName[] {
  return Object.keys(faults)
    .filter((name) => isFaultName(name))
    .filter((name) => faults[name].at === at && faults[name].dead !== 'exchange');
}

export function isFaultName(text: string): text is FaultName {
  return Object.hasOwn(faults, text);
}

export function faultByName(name: FaultName): Fault {
  return faults[name];
}
