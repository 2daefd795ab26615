/** Plays one engine by hand: what it hears is said here, what it asks for is read back as short lines. */
import type { EngineConfig, GroupConfig } from '../../src/engine/config.ts';
import { Engine, type EngineStart } from '../../src/engine/engine.ts';
import type { Event } from '../../src/engine/event.ts';
import { instant, later } from '../../src/engine/time.ts';
import { type MacAddress, parseIp } from '../../src/wire/address.ts';
import {
  type ControlMessage,
  ControlType,
  type GroupRecord,
  MemberState,
  type NodeId,
  type PathId,
  type Promised,
  type Registration,
  RegistrationCode,
  type Term,
} from '../../src/wire/control/message.ts';
import { inWords } from './in-words.ts';

export const group = 77;
export const interval = 2000;
export const patience = 3 * interval;
export const slot = 4 * interval;

export const everySignal: GroupConfig['takeOverOn'] = {
  silence: true,
  processDeath: true,
  carrier: true,
  status: true,
};

/** Member `self` of `members` (priorities 300, 200, 100 for 1, 2, 3); path 1 is a cable, path 2 the LAN. */
export function engineConfig(
  self: NodeId,
  members = 2,
  changes: Partial<Omit<EngineConfig, 'groups'>> & { group?: Partial<GroupConfig> } = {},
): EngineConfig {
  const { group: groupChanges, ...rest } = changes;
  const ids = Array.from({ length: members }, (_, index) => index + 1);
  return {
    self,
    boot: 1000 + self,
    heartbeatIntervalUs: interval,
    missCount: 3,
    startupGraceUs: 1_000_000,
    probeUs: 0,
    silentPortUs: 0,
    settleUs: 0,
    drainUs: 5000,
    switchoverTimeoutUs: 1_000_000,
    announceScheduleUs: [50_000, 200_000],
    defendIntervalUs: 100_000,
    damping: { firstUs: 10_000_000, maxUs: 60_000_000, forgetUs: 300_000_000 },
    termBlock: 1000,
    peers: ids
      .filter((id) => id !== self)
      .map((id) => ({
        id,
        paths: [
          { id: 1, cable: true },
          { id: 2, cable: false },
        ],
      })),
    proxied: [],
    witnessed: [],
    registrationUs: 300_000,
    stragglersUs: 200_000,
    groups: [
      {
        id: group,
        members: ids.map((id) => ({ id, priority: 400 - 100 * id })),
        proxy: 0,
        proxies: [],
        preempt: false,
        takeOverOn: everySignal,
        ...groupChanges,
      },
    ],
    ...rest,
  };
}

export interface Word {
  readonly state?: MemberState;
  readonly term?: Term;
  readonly boot?: number;
  /** Of the header. */
  readonly flags?: number;
  readonly recordFlags?: number;
  readonly falls?: number;
  readonly yourFalls?: number;
  readonly intervalUs?: number;
  /** Absent: all paths to the peer. */
  readonly paths?: readonly PathId[];
}

type Told = Word & {
  readonly target?: NodeId;
  readonly registration?: Partial<Registration>;
  readonly promise?: Promised;
};

export class Rehearsal {
  readonly engine: Engine;
  readonly config: EngineConfig;
  now = instant(1_000_000);
  /** Answer 'acquire' in the same turn, as the reactor does; undefined: not at all. */
  grants: boolean | undefined = true;
  lines: string[] = [];

  constructor(config: EngineConfig, start: Partial<EngineStart> = {}) {
    this.config = config;
    this.engine = new Engine(config, { now: this.now, termCeiling: 1000, termFloor: 0, ...start });
    this.#collect();
  }

  /** Standby under member 1, who is active with term 5; nothing pending in `lines`. */
  static standby(config: EngineConfig): Rehearsal {
    const play = new Rehearsal(config);
    for (const { id } of config.peers) play.says(id, id === 1 ? active(5, 1) : standby(5, 1));
    play.drained();
    play.take();
    return play;
  }

  /** Active with every peer standing by; nothing pending in `lines`. */
  static active(config: EngineConfig): Rehearsal {
    const play = new Rehearsal(config);
    for (const { id } of config.peers) play.says(id, { state: MemberState.starting });
    play.drained();
    play.pass(2 * slot + config.startupGraceUs, (at) => {
      for (const { id } of config.peers) play.says(id, at < 2 ? { state: MemberState.starting } : play.stood);
    });
    play.take();
    return play;
  }

  /** A peer that stands by and has seen the highest term this engine names. */
  get stood(): Word {
    return {
      state: MemberState.standby,
      term: this.engine.snapshot().groups[0]?.term ?? { counter: 0, member: 0 },
    };
  }

  get state(): string {
    return this.engine.snapshot().groups[0]?.state ?? 'none';
  }

  give(event: Event): void {
    this.engine.handle(event, this.now);
    this.#collect();
  }

  /** ARP or neighbour discovery says that the address is another's: `by`'s, or a stranger's (0). */
  claim(by: NodeId | 0, mac = 0x0200_5e00_5300 + by): void {
    const address = parseIp('192.0.2.10');
    if (address !== undefined)
      this.give({ kind: 'claim', group, member: by, address, mac: mac as MacAddress });
  }

  /** Nothing is heard for so long that another life of a peer is believed. */
  hush(): void {
    this.pass(2 * interval);
  }

  says(peer: NodeId, word: Word): void {
    const record: GroupRecord = {
      group,
      state: word.state ?? MemberState.standby,
      priority: Math.max(0, 400 - 100 * peer),
      flags: word.recordFlags ?? 0,
      falls: word.falls ?? 0,
      yourFalls: word.yourFalls ?? 0,
      term: word.term ?? { counter: 0, member: 0 },
    };
    for (const path of this.#paths(peer, word)) {
      const message = this.#message(peer, path, word);
      this.give({ kind: 'message', path, message: { ...message, groups: [record] } });
    }
  }

  tells(peer: NodeId, type: ControlType, word: Told): void {
    const { state = MemberState.standby, term = { counter: 0, member: 0 }, target = 0 } = word;
    const about = { type, scope: group, state, term, target };
    const registration = {
      identification: 1,
      lifetimeMs: this.config.registrationUs / 1000,
      code: RegistrationCode.accepted,
      ...word.registration,
    };
    const isRegistration = type === ControlType.register || type === ControlType.registered;
    for (const path of this.#paths(peer, word)) {
      const message = { ...this.#message(peer, path, word), ...about };
      this.give({
        kind: 'message',
        path,
        message: {
          ...message,
          ...(isRegistration ? { registration } : {}),
          ...(word.promise === undefined ? {} : { promise: word.promise }),
        },
      });
    }
  }

  drained(lateUs = 0): void {
    this.give({ kind: 'turn', lateUs });
    this.give({ kind: 'drained' });
  }

  /** Lets time pass in turns, as the loop would; `each` says what is heard, once per interval. */
  pass(us: number, each: (round: number) => void = () => {}): void {
    const end = later(this.now, us);
    let round = 0;
    let heard = later(this.now, interval);
    for (;;) {
      const deadline = this.engine.nextDeadline() ?? end;
      const next = instant(Math.max(this.now, Math.min(deadline, heard, end)));
      this.now = next;
      if (next >= heard) {
        each(round++);
        heard = later(heard, interval);
      }
      this.drained();
      if (this.now >= end) return;
    }
  }

  /** The lines so far, without heartbeats unless asked for. */
  take(beats = false): string[] {
    const lines = this.lines.filter((line) => beats || !line.startsWith('beat'));
    this.lines = [];
    return lines;
  }

  #paths(peer: NodeId, { paths }: Word): readonly PathId[] {
    return paths ?? this.config.peers.find(({ id }) => id === peer)?.paths.map(({ id }) => id) ?? [];
  }

  #message(peer: NodeId, path: PathId, word: Word): ControlMessage {
    return {
      type: ControlType.heartbeat,
      flags: word.flags ?? 0,
      cluster: 1,
      sender: peer,
      receiver: this.config.self,
      path,
      senderBoot: word.boot ?? 1000 + peer,
      echoBoot: this.config.boot,
      sequence: 1,
      scope: 0,
      term: { counter: 0, member: 0 },
      state: MemberState.starting,
      intervalUs: word.intervalUs ?? interval,
      groups: [],
      target: 0,
    };
  }

  #collect(): void {
    for (const effect of this.engine.takeEffects()) {
      this.lines.push(inWords(effect));
      if (effect.kind === 'acquire' && this.grants !== undefined) {
        this.give({ kind: 'acquired', group: effect.group, ok: this.grants });
      }
    }
  }
}

export function active(counter: number, member: NodeId): Word {
  return { state: MemberState.active, term: { counter, member } };
}

export function standby(counter: number, member: NodeId): Word {
  return { state: MemberState.standby, term: { counter, member } };
}
