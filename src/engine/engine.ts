/**
 * The engine decides and does nothing itself: events in, effects out, deadlines known. Decisions fall at the event
 * `drained`, when everything that had arrived was told; only a member that must close its fence does not wait for it.
 */
import {
  type ControlMessage,
  ControlType,
  flagProxy,
  flagStopping,
  type GroupId,
  type GroupRecord,
  type NodeId,
  type PathId,
} from '../wire/control/message.ts';
import type { EngineConfig } from './config.ts';
import type { Context } from './context.ts';
import { Detector } from './detector.ts';
import type { Effect } from './effect.ts';
import type { Event } from './event.ts';
import { Group } from './group.ts';
import type { PeerWatch } from './peer.ts';
import type { PinnedRole } from './pin.ts';
import { ProxyServer } from './proxy-server.ts';
import { type EngineSnapshot, snapshotOf } from './snapshot.ts';
import { Terms } from './terms.ts';
import { type Instant, instant, later } from './time.ts';
import { type Timer, Timers } from './timers.ts';
import { Voter } from './voter.ts';

export type { EngineSnapshot } from './snapshot.ts';

/** How often a member that leaves says so. */
const farewells = 3;

const nothing: readonly Effect[] = [];

export interface EngineStart {
  readonly now: Instant;
  readonly termCeiling: number;
  readonly termFloor: number;
  readonly pins?: ReadonlyMap<GroupId, PinnedRole>;
}

export class Engine {
  readonly #context: Context;
  readonly #groups = new Map<GroupId, Group>();
  readonly #proxies = new Map<GroupId, ProxyServer>();
  /** Our votes: as a member of strict groups, and as their witness. */
  readonly #voters = new Map<GroupId, Voter>();
  readonly #beat: Timer;
  readonly #grace: Timer;
  readonly #stopLimit: Timer;
  /** Where the grid of heartbeats is anchored. */
  #grid: Instant;
  #effects: Effect[] = [];
  #graceOver = false;
  #farewell: 'no' | 'said' | 'over' = 'no';
  #farewellsLeft = farewells - 1;

  /**
   * `termCeiling`: counters up to it are reserved on disk for this life. `termFloor`: counters up to it may have been used
   * by an earlier life. `pins`: what an operator had pinned then. The first heartbeat is due at once.
   */
  constructor(config: EngineConfig, start: EngineStart) {
    const emit = (effect: Effect): void => {
      this.#effects.push(effect);
    };
    const timers = new Timers();
    this.#context = {
      config,
      now: start.now,
      stopping: false,
      beatDue: false,
      timers,
      terms: new Terms({
        self: config.self,
        block: config.termBlock,
        ceiling: start.termCeiling,
        floor: start.termFloor,
      }),
      detector: new Detector(config, start.now, emit),
      emit,
      report: (report) => emit({ kind: 'report', report }),
      beatAll: () => this.#beatAll(),
    };
    for (const group of config.groups) {
      this.#groups.set(group.id, new Group(this.#context, group, start.pins?.get(group.id)));
    }
    for (const group of config.proxied) this.#proxies.set(group.id, new ProxyServer(this.#context, group));
    for (const { id, quorum } of config.witnessed) this.#voters.set(id, new Voter(this.#context, id, quorum));
    for (const [id, { voter }] of this.#groups) if (voter !== undefined) this.#voters.set(id, voter);
    this.#beat = timers.create('beat', () => this.#onBeat());
    this.#grace = timers.create('grace', () => this.#endGrace());
    this.#stopLimit = timers.create('stopLimit', () => this.#stopNow());
    this.#grid = start.now;
    this.#beat.arm(start.now);
    this.#grace.arm(later(start.now, config.startupGraceUs));
    this.#reserve();
  }

  handle(event: Event, now: Instant): void {
    const context = this.#context;
    context.now = now;
    if (this.#farewell === 'over') return;
    this.#dispatch(event);
    if (context.beatDue) this.#beatAll();
    if (this.#farewell === 'said' && this.#farewellsLeft === 0) this.#end();
    this.#reserve();
  }

  /** What is to be done, in order. Each effect is given once. */
  takeEffects(): readonly Effect[] {
    if (this.#effects.length === 0) return nothing;
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** When the next turn is due at the latest; undefined: never. */
  nextDeadline(): Instant | undefined {
    if (this.#farewell === 'over') return undefined;
    const timer = this.#context.timers.next();
    const silence = this.#context.detector.next();
    if (timer === undefined || silence === undefined) return timer ?? silence;
    return instant(Math.min(timer, silence));
  }

  /** The records of the groups we share with the peer, for a heartbeat. */
  records(peer: NodeId): readonly GroupRecord[] {
    const records: GroupRecord[] = [];
    for (const group of this.#groups.values()) if (group.concerns(peer)) records.push(group.recordFor(peer));
    for (const proxy of this.#proxies.values()) if (proxy.concerns(peer)) records.push(proxy.record);
    return records;
  }

  /** The header flags of everything we send. */
  get flags(): number {
    return this.#farewell === 'no' ? 0 : flagStopping;
  }

  /** Roles stay. Groups, peers and paths must be the same ones; other ids take effect at the next start. */
  reconfigure(config: EngineConfig, now: Instant): void {
    const context = this.#context;
    context.now = now;
    const interval = context.config.heartbeatIntervalUs;
    context.config = config;
    context.detector.reconfigure(config);
    context.terms.resize(config.termBlock);
    for (const group of config.groups) this.#groups.get(group.id)?.reconfigure(group);
    for (const group of config.proxied) this.#proxies.get(group.id)?.reconfigure(group);
    if (config.heartbeatIntervalUs !== interval) {
      this.#grid = now;
      this.#beat.arm(now);
    }
    this.#reserve();
  }

  snapshot(): EngineSnapshot {
    const all = <Part>(parts: ReadonlyMap<GroupId, Part>): readonly Part[] => [...parts.values()];
    return snapshotOf(this.#context, all(this.#groups), all(this.#proxies), all(this.#voters));
  }

  #dispatch(event: Event): void {
    const { detector, terms, now } = this.#context;
    switch (event.kind) {
      case 'turn':
        detector.late(event.lateUs, now);
        break;
      case 'drained':
        this.#drained();
        break;
      case 'message':
        this.#message(event.path, event.message);
        break;
      case 'carrier':
        detector.carrier(event.peer, event.path, event.up, now);
        break;
      case 'tether':
        detector.tether(event, now);
        break;
      case 'leaseLost':
        if (event.group !== undefined) {
          this.#groups.get(event.group)?.leaseLost();
          this.#proxies.get(event.group)?.leaseLost();
        } else for (const part of [...this.#groups.values(), ...this.#proxies.values()]) part.leaseLost();
        break;
      case 'termsReserved':
        terms.reserved(event.ceiling);
        break;
      case 'stop':
        this.#stop();
        break;
      case 'acquired':
        this.#groups.get(event.group)?.acquired(event.ok);
        this.#proxies.get(event.group)?.acquired(event.ok);
        break;
      case 'health':
        this.#groups.get(event.group)?.health(event.healthy, event.reason);
        break;
      case 'switchover':
        this.#groups.get(event.group)?.operator(event.target);
        break;
      case 'maintenance':
        this.#groups.get(event.group)?.maintenance(event.on);
        break;
      case 'claim':
        this.#groups.get(event.group)?.claimed(event);
        this.#proxies.get(event.group)?.claimed(event.member);
        break;
      case 'rival':
        this.#groups.get(event.group)?.member.debut.rivalled();
        break;
      case 'port':
        this.#groups.get(event.group)?.port(event.passes);
        this.#proxies.get(event.group)?.port(event.passes);
        break;
      case 'evidence':
        this.#groups.get(event.group)?.evidence();
        this.#proxies.get(event.group)?.evidence();
        break;
    }
  }

  #message(path: PathId, message: ControlMessage): void {
    const { detector, now } = this.#context;
    const before = detector.peer(message.sender);
    const boot = before?.up ? before.boot : 0;
    const wasUp = before?.path(path)?.up;
    const peer = detector.heard(path, message, now);
    if (peer === undefined) return this.#lateWord(message);
    // It can hear us from now on, and may be about to decide without us.
    if (peer.up && peer.boot !== boot) this.#context.beatDue = true;
    // On this path it may wait for our echo, and believes nothing there before.
    else if (!wasUp && peer.path(path)?.up) this.#effects.push({ kind: 'beat', peer: peer.id, path });
    for (const record of message.groups) this.#noted(peer, record);
    if (message.scope === 0) return;
    const { scope, type } = message;
    if (type === ControlType.promiseRequest) this.#voters.get(scope)?.request(peer, message);
    else if (type === ControlType.promise) this.#groups.get(scope)?.member.quorum?.answered(peer.id, message);
    else if (type === ControlType.register) this.#proxies.get(scope)?.message(peer, message, this.#graceOver);
    else if (type === ControlType.registered) {
      const group = this.#groups.get(scope);
      if (group?.member.config.proxy === peer.id) group.registered(message);
    } else this.#shared(scope, peer.id)?.message(peer, message);
  }

  /** A word of a life that has ended says nothing of who lives, but which terms there were. */
  #lateWord({ sender, groups }: ControlMessage): void {
    const { detector, terms, now } = this.#context;
    if (detector.peer(sender) === undefined) return;
    for (const { group, term } of groups) {
      // Its own activation has ended with that life, another one's may last.
      if (term.member !== sender) this.#groups.get(group)?.heardOf(term);
      else if (this.#groups.has(group)) terms.note(group, term, now);
    }
  }

  /** What a peer says of itself in a group: to a member, or to a proxy. */
  #noted(peer: PeerWatch, record: GroupRecord): void {
    const proxy = this.#proxies.get(record.group);
    if (proxy?.concerns(peer.id)) return proxy.noted(peer, record);
    if ((record.flags & flagProxy) === 0) return this.#shared(record.group, peer.id)?.noted(peer, record);
    const group = this.#groups.get(record.group);
    if (group?.concerns(peer.id)) group.notedProxy(peer, record);
  }

  #shared(id: GroupId, peer: NodeId): Group | undefined {
    const group = this.#groups.get(id);
    return group?.member.peers.some(({ id: member }) => member === peer) ? group : undefined;
  }

  #drained(): void {
    const { detector, timers, now } = this.#context;
    detector.sweep(now);
    timers.fire(now);
    if (!this.#graceOver && this.#everybodyTold()) this.#endGrace();
    for (const peer of detector.takeReturned()) {
      for (const group of this.#groups.values()) group.returned(peer.id);
      for (const proxy of this.#proxies.values()) proxy.returned(peer.id);
    }
    for (const group of this.#groups.values()) group.review(this.#graceOver);
    for (const proxy of this.#proxies.values()) proxy.review(this.#graceOver);
    if (this.#context.stopping) this.#sayFarewell();
  }

  /** Every path passed traffic (one without carrier cannot), and every peer told its state in every group we share. */
  #everybodyTold(): boolean {
    return (
      this.#context.detector.peers.every(
        (peer) => peer.up && peer.paths.every((path) => path.up || !path.carrier),
      ) && [...this.#groups.values(), ...this.#proxies.values()].every(({ heardAll }) => heardAll)
    );
  }

  #endGrace(): void {
    this.#graceOver = true;
    this.#grace.cancel();
  }

  /** Heartbeats on a fixed grid: no drift, and after a stall the missed ones are not made up for. */
  #onBeat(): void {
    const { now, config } = this.#context;
    const interval = config.heartbeatIntervalUs;
    this.#beat.arm(later(this.#grid, (Math.floor((now - this.#grid) / interval) + 1) * interval));
    this.#context.beatDue = true;
    if (this.#farewell === 'said') this.#farewellsLeft--;
  }

  #beatAll(): void {
    this.#context.beatDue = false;
    for (const peer of this.#context.detector.peers) {
      const carrying = peer.paths.filter(({ carrier, up }) => carrier || up);
      for (const { id } of carrying) this.#effects.push({ kind: 'beat', peer: peer.id, path: id });
      // The others are out, and every loss on the one that is left counts: it carries each word twice.
      const [lone] = carrying;
      const degraded = peer.paths.length > 1 && carrying.length === 1 && lone?.up;
      if (degraded) this.#effects.push({ kind: 'beat', peer: peer.id, path: lone.id });
    }
  }

  #reserve(): void {
    const ceiling = this.#context.terms.shortfall();
    if (ceiling !== undefined) this.#effects.push({ kind: 'reserveTerms', ceiling });
  }

  #stop(): void {
    if (this.#context.stopping) return;
    this.#context.stopping = true;
    this.#stopLimit.arm(later(this.#context.now, this.#context.config.switchoverTimeoutUs));
    for (const group of this.#groups.values()) group.stop();
    for (const proxy of this.#proxies.values()) proxy.stop();
  }

  #stopNow(): void {
    for (const group of this.#groups.values()) group.stopNow();
    for (const proxy of this.#proxies.values()) proxy.stopNow();
  }

  /** Once nothing is held: says so in a few heartbeats, then the process may end. */
  #sayFarewell(): void {
    if (this.#farewell !== 'no') return;
    for (const each of [...this.#groups.values(), ...this.#proxies.values()]) if (!each.settled) return;
    this.#farewell = 'said';
    this.#context.beatDue = true;
  }

  #end(): void {
    for (const group of this.#groups.values()) group.end();
    this.#farewell = 'over';
    this.#effects.push({ kind: 'stopped' });
  }
}
