/**
 * One member: the real engine and the real control protocol behind a modelled reactor, socket and kernel. It lives
 * (process runs), may be frozen (sockets fill, the lease runs out), and keeps its disk over restarts.
 */
import type { Effect } from '../engine/effect.ts';
import { Engine } from '../engine/engine.ts';
import type { Event } from '../engine/event.ts';
import { type Instant, instant } from '../engine/time.ts';
import { controlLengthMax, decodeControl, encodeControl } from '../wire/control/codec.ts';
import { Freshness } from '../wire/control/freshness.ts';
import {
  type BootNonce,
  ControlType,
  MemberState,
  type NodeId,
  noTerm,
  type PathId,
  type Term,
} from '../wire/control/message.ts';
import { SimulatedFence } from './fence.ts';
import { cluster, engineConfig, group, type PathPlan, renewUs } from './plan.ts';
import type { World } from './world.ts';

/** What a socket's buffer keeps while nobody reads, datagrams. */
const socketBuffer = 2_000;

interface Link {
  readonly peer: NodeId;
  readonly path: PathPlan;
  readonly freshness: Freshness;
  sequence: number;
  carrier: boolean;
}

type Waiting = { readonly path: PathId; readonly bytes: Uint8Array } | { readonly event: Event };

export class Machine {
  readonly id: NodeId;
  readonly #world: World;
  /** Our clock: microseconds at world time 0, and how fast it runs. */
  readonly #clock: { readonly offset: number; readonly rate: number };
  fence: SimulatedFence = new SimulatedFence();
  alive = false;
  frozenUntil = 0;
  boot: BootNonce = 0;
  forwardsTo: NodeId | 0 = 0;
  holdsPackets = false;
  /** What was written to disk, if it survives. */
  #ceiling = 0;
  #engine: Engine | undefined;
  #links: Link[] = [];
  #waiting: Waiting[] = [];
  #renewAt = 0;
  #turnAt = Number.POSITIVE_INFINITY;
  #turnOrder = 0;
  #planned: number | undefined;
  #spins = 0;

  constructor(world: World, id: NodeId) {
    this.#world = world;
    this.id = id;
    const { random } = world;
    this.#clock = { offset: random.between(0, 2 ** 40), rate: 1 + (random.next() - 0.5) * 4e-4 };
  }

  get open(): boolean {
    return this.alive && this.fence.open(this.#world.agenda.now);
  }

  get frozen(): boolean {
    return this.#world.agenda.now < this.frozenUntil;
  }

  /** Terms up to it will not be used again after a restart. */
  get ceiling(): number {
    return this.#ceiling;
  }

  get engine(): Engine | undefined {
    return this.#engine;
  }

  get state(): string {
    return (this.alive && this.#engine?.snapshot().groups[0]?.state) || 'dead';
  }

  start(): void {
    const { random, plan } = this.#world;
    this.boot = random.between(1, 2 ** 31);
    this.alive = true;
    this.fence = new SimulatedFence();
    this.#waiting = [];
    this.#planned = undefined;
    this.#links = [];
    for (const path of plan.paths) {
      if (!path.members.includes(this.id)) continue;
      for (const peer of path.members) if (peer !== this.id) this.#links.push(this.#link(peer, path));
    }
    const config = engineConfig(plan, this.id, this.boot);
    const start = { now: this.#clockNow(), termCeiling: this.#ceiling, termFloor: this.#ceiling };
    this.#engine = new Engine(config, start);
    this.carriersChanged();
    this.#perform(this.#engine.takeEffects());
    this.#schedule(0);
  }

  /** The process is gone, by whatever signal: descriptors, device and addresses with it. */
  end(): void {
    this.alive = false;
    this.#engine = undefined;
    this.fence = new SimulatedFence();
    this.forwardsTo = 0;
    this.holdsPackets = false;
    this.frozenUntil = 0;
    this.#turnAt = Number.POSITIVE_INFINITY;
    this.#turnOrder++;
  }

  loseDisk(): void {
    this.#ceiling = 0;
  }

  freeze(us: number): void {
    this.frozenUntil = Math.max(this.frozenUntil, this.#world.agenda.now + us);
  }

  /** Tells the engine, when it next runs. */
  tell(event: Event): void {
    if (!this.alive) return;
    this.#waiting.push({ event });
    this.#schedule(this.#wakeUs());
  }

  hear(path: PathId, bytes: Uint8Array): void {
    if (!this.alive || this.#waiting.length >= socketBuffer) return;
    this.#waiting.push({ path, bytes });
    this.#schedule(this.#wakeUs());
  }

  carriersChanged(): void {
    for (const link of this.#links) {
      const up = this.#world.network.carrier(link.path);
      if (link.carrier === up) continue;
      link.carrier = up;
      this.tell({ kind: 'carrier', peer: link.peer, path: link.path.id, up });
    }
  }

  /** Both ends have proven each other's present boot on the path. */
  hasProven(peer: Machine, path: PathId): boolean {
    const link = this.#links.find((each) => each.peer === peer.id && each.path.id === path);
    return this.alive && link?.freshness.proven === peer.boot;
  }

  #link(peer: NodeId, path: PathPlan): Link {
    const options = { self: this.id, peer, cluster, path: path.id, boot: this.boot };
    return { peer, path, freshness: new Freshness(options), sequence: 0, carrier: true };
  }

  #wakeUs(): number {
    return this.#world.random.between(2, 60);
  }

  #clockNow(): Instant {
    return instant(Math.floor(this.#clock.offset + this.#world.agenda.now * this.#clock.rate));
  }

  /** World time of a moment on our clock. */
  #worldTime(at: Instant): number {
    return Math.ceil((at + 1 - this.#clock.offset) / this.#clock.rate);
  }

  #schedule(us: number): void {
    const { agenda } = this.#world;
    const at = Math.max(agenda.now + us, this.frozenUntil);
    if (at >= this.#turnAt) return;
    this.#turnAt = at;
    const order = ++this.#turnOrder;
    agenda.at(at, () => {
      if (order !== this.#turnOrder) return;
      this.#turnAt = Number.POSITIVE_INFINITY;
      if (this.frozen) this.#schedule(0);
      else this.#turn();
    });
  }

  /** The reactor's turn: lease, lateness, every socket, judgement. */
  #turn(): void {
    const { agenda } = this.#world;
    const lateUs = this.#planned === undefined ? 0 : Math.max(0, agenda.now - this.#planned);
    if (this.fence.held && agenda.now >= this.#renewAt) {
      this.#renewAt = agenda.now + renewUs;
      if (!this.fence.renew(agenda.now)) {
        this.fence.yield();
        this.#feed({ kind: 'leaseLost' });
      }
    }
    this.#feed({ kind: 'turn', lateUs });
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) {
      if ('event' in each) this.#feed(each.event);
      else this.#receive(each.path, each.bytes);
    }
    this.#feed({ kind: 'drained' });
    if (this.alive) this.#plan();
  }

  #plan(): void {
    const deadline = this.#engine?.nextDeadline();
    const engineAt = deadline === undefined ? Number.POSITIVE_INFINITY : this.#worldTime(deadline);
    const at = Math.min(engineAt, this.fence.held ? this.#renewAt : Number.POSITIVE_INFINITY);
    this.#planned = Number.isFinite(at) ? at : undefined;
    if (this.#planned === undefined) return;
    const { agenda } = this.#world;
    this.#spins = this.#planned <= agenda.now ? this.#spins + 1 : 0;
    if (this.#spins > 100) this.#world.fail(`member ${this.id}: a deadline that is never met`);
    this.#schedule(Math.max(0, this.#planned - agenda.now) + this.#world.random.between(0, 40));
  }

  #receive(pathId: PathId, bytes: Uint8Array): void {
    const decoded = decodeControl(bytes);
    if (!decoded.ok) return this.#world.fail(`member ${this.id}: ${decoded.reason}`);
    const message = decoded.value;
    const link = this.#links.find((each) => each.peer === message.sender && each.path.id === pathId);
    if (link === undefined || link.freshness.check(message).verdict !== 'believed') return;
    this.#world.checker.heard(this, message);
    this.#feed({ kind: 'message', path: pathId, message });
  }

  #feed(event: Event): void {
    const engine = this.#engine;
    if (engine === undefined) return;
    engine.handle(event, this.#clockNow());
    for (let effects = engine.takeEffects(); effects.length > 0; effects = engine.takeEffects()) {
      this.#perform(effects);
    }
  }

  #perform(effects: readonly Effect[]): void {
    for (const effect of effects) this.#performOne(effect);
  }

  #performOne(effect: Effect): void {
    const { checker, agenda } = this.#world;
    switch (effect.kind) {
      case 'beat':
        return this.#beat(effect.peer, effect.path);
      case 'send': {
        const { type, term, state, target } = effect;
        for (const link of this.#links) {
          if (link.peer === effect.peer && link.carrier) this.#send(link, { type, term, state, target });
        }
        return;
      }
      case 'acquire':
        return this.#acquire(effect.term);
      case 'yield':
        this.fence.yield();
        return checker.fenceChanged(this);
      case 'answer':
        return effect.on ? checker.spoke(this, 'answers') : undefined;
      case 'announce':
        return checker.spoke(this, 'announces');
      case 'forward':
        this.forwardsTo = effect.to;
        return;
      case 'hold':
        this.holdsPackets = effect.action === 'begin';
        return;
      case 'reserveTerms': {
        const { boot } = this;
        agenda.after(this.#world.random.between(500, 20_000), () => {
          if (!this.alive || this.boot !== boot) return;
          this.#ceiling = Math.max(this.#ceiling, effect.ceiling);
          this.tell({ kind: 'termsReserved', ceiling: effect.ceiling });
        });
        return;
      }
      case 'report':
        return this.#world.trace(this.id, () => JSON.stringify(effect.report));
      case 'stopped':
        return this.#world.stopped(this);
    }
  }

  #acquire(term: Term): void {
    const { agenda, random, plan, checker } = this.#world;
    const ok = plan.calm || !random.chance(0.01);
    if (ok) {
      if (!this.fence.held) this.#renewAt = agenda.now + renewUs;
      this.fence.acquire(agenda.now);
      checker.activated(this, term);
    } else checker.disturbed();
    this.#feed({ kind: 'acquired', group, ok });
  }

  #beat(peer: NodeId, pathId: PathId): void {
    const link = this.#links.find((each) => each.peer === peer && each.path.id === pathId);
    if (link?.carrier) this.#send(link, { type: ControlType.heartbeat });
  }

  #send(link: Link, word: { type: ControlType; term?: Term; state?: MemberState; target?: NodeId }): void {
    const engine = this.#engine;
    if (engine === undefined) return;
    const isBeat = word.type === ControlType.heartbeat;
    const into = new Uint8Array(controlLengthMax);
    const length = encodeControl(
      {
        type: word.type,
        flags: engine.flags,
        cluster,
        sender: this.id,
        receiver: link.peer,
        path: link.path.id,
        senderBoot: this.boot,
        echoBoot: link.freshness.echo,
        sequence: ++link.sequence,
        scope: isBeat ? 0 : group,
        term: word.term ?? noTerm,
        state: word.state ?? MemberState.starting,
        intervalUs: isBeat ? this.#world.plan.intervalUs : 0,
        groups: isBeat ? engine.records(link.peer) : [],
        target: word.target ?? 0,
      },
      into,
    );
    this.#world.transmit(link.path, this.id, link.peer, into.subarray(0, length));
  }
}
