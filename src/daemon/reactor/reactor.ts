/**
 * The loop in which milliseconds matter: sleep until something is ready or due, renew the lease, tell the engine how
 * late we are, drain every socket, let the engine judge, carry out what it asks, and only then talk to the other
 * thread. One turn takes tens of microseconds; nothing in it waits, forks or writes to a disk.
 */

import type { Effect } from '../../engine/effect.ts';
import { Engine } from '../../engine/engine.ts';
import type { Event } from '../../engine/event.ts';
import { type Instant, instant } from '../../engine/time.ts';
import { monotonicUs } from '../../linux/clock.ts';
import { formatIp, type IpAddress, type MacAddress } from '../../wire/address.ts';
import type { GroupId } from '../../wire/control/message.ts';
import { hmacSha256 } from '../../wire/control/sha256.ts';
import type { BootRecord, FromReactor, ReactorConfig, ToReactor } from '../bridge.ts';
import { Bindings } from './bindings.ts';
import { Claims } from './claims.ts';
import { Groups } from './groups.ts';
import { Health } from './health.ts';
import { Outbox } from './outbox.ts';
import { Paths } from './paths.ts';
import { Ports } from './ports.ts';
import { rehearse } from './rehearsal.ts';
import { Speaker } from './speaker.ts';
import { statusOf } from './status.ts';
import { Surroundings } from './surroundings.ts';
import { Tethers } from './tethers.ts';
import { Watch } from './watch.ts';

/** The other plane's messages; `descriptor` becomes readable when there are some. */
export interface Mailbox {
  readonly descriptor: number;
  /** Makes the descriptor unreadable until the next message. */
  drain(): void;
  take(): ToReactor | undefined;
  post(message: FromReactor): void;
}

/** How often an unheld fence is looked at, microseconds. */
const inspectIntervalUs = 1_000_000;
/** So many turns in a row may end with something unread before silence is judged all the same: a few milliseconds. */
const wetTurnsMax = 16;
/** So many turns in a row that were due before they began mean a deadline that never moves. */
const spinsMax = 10_000;

export class Reactor {
  readonly #boot: BootRecord;
  readonly #mailbox: Mailbox;
  readonly #watch: Watch = new Watch();
  readonly #surroundings: Surroundings;
  readonly #groups: Groups;
  readonly #paths: Paths;
  readonly #tethers: Tethers;
  readonly #engine: Engine;
  readonly #bindings: Bindings;
  readonly #claims: Claims;
  readonly #ports: Ports;
  readonly #outbox: Outbox;
  readonly #health: Health;
  readonly #speaker: Speaker;
  #config: ReactorConfig;
  #now: Instant;
  #running = false;
  #ended = false;
  /** Interfaces arrived in this turn. */
  #arrived = false;
  /** So many turns in a row left something unread in a control socket. */
  #wet = 0;
  #inspectAtUs: number;
  #late = { lastUs: 0, maxUs: 0 };

  static open(config: ReactorConfig, boot: BootRecord, mailbox: Mailbox): Reactor {
    rehearse(config.engine, hmacSha256(new Uint8Array(32)));
    return new Reactor(config, boot, mailbox);
  }

  private constructor(config: ReactorConfig, boot: BootRecord, mailbox: Mailbox) {
    this.#config = config;
    this.#boot = boot;
    this.#mailbox = mailbox;
    this.#outbox = new Outbox((message) => mailbox.post(message));
    this.#now = instant(monotonicUs());
    this.#inspectAtUs = this.#now + inspectIntervalUs;
    this.#surroundings = new Surroundings({
      carrier: (name, up) => this.#carrier(name, up),
      appeared: (name, rebind) => {
        if (!this.#running) return;
        this.#bindings.arrived(name, rebind);
        this.#arrived = true;
      },
      disturbed: (index) => this.#running && this.#groups.restore(index),
      host: (index, address, mac) => this.#host(index, address, mac),
    });
    this.#health = new Health(config.groups, (name) => this.#surroundings.carrierOf(name));
    this.#groups = new Groups(
      config,
      {
        claimed: (claim) => this.#claims.hear(claim, this.#groups.answers(claim.group), this.#now),
        rivalled: (group) => this.#feed({ kind: 'rival', group }),
        placed: (address, mac) => this.#claims.learn(address, mac),
        passes: (name) => this.#ports.passes(name),
      },
      (report) => this.#outbox.report(report),
    );
    const ask = (name: string, addresses: readonly IpAddress[]): void =>
      this.#outbox.push({ kind: 'ask', interface: name, addresses: addresses.map(formatIp) });
    this.#claims = new Claims(config, {
      claimed: ({ group, address, mac }, member) =>
        this.#feed({ kind: 'claim', group, member, address, mac }),
      ask,
      report: (report) => this.#outbox.report(report),
    });
    this.#ports = new Ports(config.groups, this.#groups, this.#claims, {
      feed: (event) => this.#feed(event),
      ask,
    });
    this.#paths = new Paths(config, boot.nonce, (report) => this.#outbox.report(report));
    // The grace begins now: making devices, tables and rehearsals may have taken a second.
    this.#now = instant(monotonicUs());
    this.#engine = new Engine(
      { ...config.engine, boot: boot.nonce },
      { now: this.#now, termCeiling: boot.termCeiling, termFloor: boot.termFloor, pins: boot.pins },
    );
    this.#speaker = new Speaker(this.#engine, this.#paths);
    this.#tethers = new Tethers(config.engine.self, this.#paths, this.#watch, (path, up, proof, boot) =>
      this.#feed({ kind: 'tether', peer: path.link.peer, path: path.link.path, up, proof, boot }),
    );
    this.#watch.readable(mailbox.descriptor, () => this.#readMailbox());
    this.#watch.readable(this.#surroundings.fd, () => this.#surroundings.receive());
    const fence = this.#groups.fenceDescriptor;
    if (fence !== undefined) this.#watch.readable(fence, () => this.#mendFence());
    const bound = { watch: this.#watch, groups: this.#groups, paths: this.#paths, tethers: this.#tethers };
    this.#bindings = new Bindings(bound, {
      believed: (path, message) => {
        this.#tethers.tend(path, this.#now);
        this.#feed({ kind: 'message', path: path.link.path, message });
      },
      // Hosts must learn a new MAC; a sense of having been away is evidence enough.
      settled: (name) => this.#ports.evidence(name),
      report: (report) => this.#outbox.report(report),
    });
  }

  /** Returns when the engine has stopped in order; throws when an invariant broke, when all is told. */
  run(): void {
    try {
      this.#loop();
    } finally {
      this.#outbox.sendReports();
    }
    this.#close();
  }

  #loop(): void {
    this.#surroundings.survey();
    this.#running = true;
    for (let spins = 0; !this.#ended; ) {
      const plannedUs = this.#plannedUs();
      const timeoutUs = Math.max(0, plannedUs - monotonicUs());
      this.#watch.wait(timeoutUs);
      this.#now = instant(monotonicUs());
      // Asked again after the clock was read: whatever arrived before `now` is drained before silence is judged, even
      // when we were held up between waking and looking at the clock.
      const ready = this.#watch.wait(0);
      spins = timeoutUs === 0 && ready === 0 ? spins + 1 : 0;
      if (spins > spinsMax) throw new Error(`a deadline ${this.#now - plannedUs} µs ago was never met`);
      this.#turn(ready, Math.max(0, this.#now - plannedUs));
    }
  }

  #turn(ready: number, lateUs: number): void {
    this.#late = { lastUs: lateUs, maxUs: Math.max(lateUs, this.#late.maxUs) };
    const renewed = this.#groups.lease.renewIfDue(this.#now);
    if (renewed === 'changed') this.#mendFence();
    if (renewed === 'lost') {
      this.#outbox.report({ code: 'lapse', lateUs });
      this.#feed({ kind: 'leaseLost' });
    }
    this.#feed({ kind: 'turn', lateUs });
    this.#watch.dispatch(ready);
    // A flood that keeps a socket from running dry may put silence off, but not for ever.
    this.#wet = this.#bindings.takeDry() ? 0 : this.#wet + 1;
    if (this.#wet === 0 || this.#wet > wetTurnsMax) this.#feed({ kind: 'drained' });
    this.#claims.proceed(this.#now);
    this.#groups.proceed(this.#now);
    this.#claims.proceed(this.#now);
    if (this.#arrived) this.#bindings.settle();
    this.#arrived = false;
    if (this.#now >= this.#inspectAtUs) this.#inspect();
    this.#outbox.proceed(this.#now);
  }

  #mendFence(): void {
    for (const group of this.#groups.mendFence(this.#now)) this.#feed({ kind: 'leaseLost', group });
  }

  /** Once a second: what nobody tells us about, and what was refused before. */
  #inspect(): void {
    this.#inspectAtUs = this.#now + inspectIntervalUs;
    this.#groups.inspect();
    this.#ports.look();
    if (this.#bindings.unsettled) this.#bindings.settle();
    const addresses = this.#groups.takeYielded(this.#now);
    if (addresses.length > 0) this.#outbox.push({ kind: 'yielded', addresses });
  }

  #plannedUs(): number {
    if (this.#groups.busy || this.#wet > 0) return monotonicUs();
    return Math.min(
      this.#engine.nextDeadline() ?? Number.POSITIVE_INFINITY,
      this.#groups.lease.nextUs ?? Number.POSITIVE_INFINITY,
      this.#inspectAtUs,
      this.#claims.dueUs,
      this.#outbox.dueUs,
    );
  }

  #feed(event: Event): void {
    this.#engine.handle(event, this.#now);
    for (let effects = this.#engine.takeEffects(); effects.length > 0; effects = this.#engine.takeEffects()) {
      for (const effect of effects) this.#perform(effect);
    }
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case 'beat':
        return this.#speaker.beat(effect.peer, effect.path, this.#config.engine.heartbeatIntervalUs);
      case 'send':
        return this.#speaker.send(effect);
      case 'acquire': {
        const ok = this.#groups.acquire(effect.group, this.#now, effect.until);
        if (ok) this.#voice(effect.group, true);
        return this.#engine.handle({ kind: 'acquired', group: effect.group, ok }, this.#now);
      }
      case 'extend':
        if (this.#groups.extend(effect.group, effect.until)) return;
        return this.#engine.handle({ kind: 'leaseLost', group: effect.group }, this.#now);
      case 'yield':
        this.#groups.yield(effect.group, this.#now);
        return this.#voice(effect.group, false);
      case 'answer':
        return this.#groups.answer(effect.group, effect.on);
      case 'announce':
        return this.#groups.announce(effect.group, effect.ask);
      case 'probe':
        return this.#groups.probe(effect.group);
      case 'forward':
        return this.#groups.forward(effect.group, effect.to);
      case 'hold':
        if (effect.action === 'begin') return this.#groups.hold.begin(effect.group);
        if (effect.action === 'deliver') return this.#groups.hold.deliver(effect.group, this.#now);
        return this.#groups.hold.discard(effect.group);
      case 'route':
        this.#groups.route(effect.group, effect.to);
        this.#outbox.push(effect);
        return;
      case 'resolve':
        this.#outbox.push(effect);
        return;
      case 'reserveTerms':
        this.#outbox.push({ kind: 'reserveTerms', ceiling: effect.ceiling });
        return;
      case 'report':
        return this.#outbox.report(effect.report);
      case 'stopped':
        this.#ended = true;
        return;
    }
  }

  /** The relay of a mirrored group follows at once: this goes out with the turn, not with its reports. */
  #voice(group: GroupId, open: boolean): void {
    if (!this.#groups.isMirrored(group)) return;
    this.#outbox.push({ kind: 'voice', group, open, atUs: monotonicUs() });
  }

  #readMailbox(): void {
    // Before reading: what is posted while we read signals again.
    this.#mailbox.drain();
    for (let message = this.#mailbox.take(); message !== undefined; message = this.#mailbox.take()) {
      switch (message.kind) {
        case 'health':
          this.#health.check(message.group, message);
          this.#judgeHealth(message.group);
          break;
        case 'routed':
          this.#groups.routed(message.group, message.to);
          break;
        case 'switchover':
        case 'maintenance':
        case 'termsReserved':
        case 'stop':
          this.#feed(message);
          break;
        case 'status': {
          // Who asks how it is has heard by then how it came about.
          this.#outbox.sendReports();
          const status = statusOf(
            this.#engine.snapshot(),
            this.#groups,
            this.#paths,
            this.#claims,
            this.#late,
          );
          this.#outbox.push({ kind: 'status', id: message.id, status });
          break;
        }
        case 'reload':
          this.#config = { ...this.#config, engine: message.config.engine };
          this.#engine.reconfigure({ ...message.config.engine, boot: this.#boot.nonce }, this.#now);
          break;
      }
    }
  }

  #carrier(name: string, up: boolean): void {
    const paths = this.#paths.all.filter((path) => path.link.interface === name);
    const groups = this.#config.groups.filter((group) => group.interface === name);
    if (paths.length === 0 && groups.length === 0) return;
    this.#outbox.report({ code: 'carrier', interface: name, up });
    for (const path of paths) {
      path.carrier = up;
      if (!up) path.freshness.cutOff();
      this.#feed({ kind: 'carrier', peer: path.link.peer, path: path.link.path, up });
    }
    for (const { id, role } of groups) if (role === 'member') this.#judgeHealth(id);
    if (up) this.#ports.rose(name, this.#config.engine.silentPortUs / inspectIntervalUs);
  }

  #judgeHealth(group: GroupId): void {
    const { healthy, reason } = this.#health.of(group);
    this.#feed({ kind: 'health', group, healthy, reason });
  }

  #host(index: number, address: IpAddress, mac: MacAddress): void {
    this.#claims.learn(address, mac);
    for (const responder of this.#groups.responders.values()) {
      if (responder.interfaceIndex === index) responder.hosts.learn(address, mac);
    }
  }

  #close(): void {
    this.#tethers.close();
    this.#groups.close();
    this.#paths.close();
    this.#surroundings.close();
    this.#watch.close();
    this.#outbox.proceed(Number.POSITIVE_INFINITY);
  }
}
