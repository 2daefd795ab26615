/**
 * One member or proxy: the real engine and the real control protocol behind a modelled reactor, socket and kernel. It
 * lives (process runs), may be frozen (sockets fill, the lease runs out), and keeps its disk over restarts.
 */
import type { Effect } from '../engine/effect.ts';
import { Engine } from '../engine/engine.ts';
import type { Event } from '../engine/event.ts';
import type { PinnedRole } from '../engine/pin.ts';
import type { Instant } from '../engine/time.ts';
import type { BootNonce, ControlMessage, NodeId, PathId } from '../wire/control/message.ts';
import { Clock } from './clock.ts';
import { Condition } from './condition.ts';
import { Disk } from './disk.ts';
import { engineConfig } from './engine-config.ts';
import { SimulatedFence } from './fence.ts';
import { Front } from './front.ts';
import { claimBy } from './lan.ts';
import { group } from './plan.ts';
import { Sockets } from './sockets.ts';
import type { World } from './world.ts';

/** So often at most the engine hears of claims: as the reactor does. */
const claimIntervalUs = 50_000;

/** What the kernel does with the next request for the fence. */
export interface SlowAnswer {
  /** The fence opens at once; the engine hears of it so much later, and of this before. */
  readonly us: number;
  readonly word: Event;
}

type Waiting = { readonly path: PathId; readonly message: ControlMessage } | { readonly event: Event };

export class Machine {
  readonly id: NodeId;
  readonly isProxy: boolean;
  readonly isMember: boolean;
  readonly #world: World;
  readonly #clock: Clock;
  fence: SimulatedFence;
  readonly condition: Condition = new Condition();
  readonly disk: Disk;
  frozenUntil = 0;
  boot: BootNonce = 0;
  /** What it was when an operator pinned its role; undefined: its role is not pinned. */
  pinnedAs: PinnedRole | undefined;
  /** It was told to stop in order. */
  stopping = false;
  #front: Front = new Front();
  #engine: Engine | undefined;
  #sockets: Sockets | undefined;
  #waiting: Waiting[] = [];
  #renewAt = 0;
  #turnAt = Number.POSITIVE_INFINITY;
  #turnOrder = 0;
  #planned: number | undefined;
  #spins = 0;
  #claimedAt = Number.NEGATIVE_INFINITY;
  /** When the kernel's slow answer came, or will. */
  #answerAt = 0;
  slowAnswer: SlowAnswer | undefined;

  constructor(world: World, id: NodeId) {
    this.#world = world;
    this.id = id;
    this.isProxy = world.plan.proxies.includes(id);
    this.isMember = world.plan.members.includes(id);
    this.fence = new SimulatedFence(world.plan.leaseUs);
    this.#clock = new Clock(world.agenda, world.random);
    this.disk = new Disk(world.agenda, world.random);
  }

  get open(): boolean {
    return this.alive && this.fence.open(this.#world.agenda.now);
  }

  /** Hosts hear it: it answers for the address, and what it sends from there passes. */
  get isVoice(): boolean {
    if (this.isProxy) return this.open && this.#front.answers;
    return this.open && !this.#world.plan.proxyOf.has(this.id);
  }

  get alive(): boolean {
    return this.condition.alive;
  }

  get front(): Readonly<Front> {
    return this.#front;
  }

  /** For how long it has run without standing still, microseconds. */
  get steadyUs(): number {
    const { now } = this.#world.agenda;
    return Math.max(0, now - Math.max(this.condition.aliveSince, this.frozenUntil, this.#answerAt));
  }

  get frozen(): boolean {
    return this.#world.agenda.now < this.frozenUntil;
  }

  get engine(): Engine | undefined {
    return this.#engine;
  }

  get state(): string {
    const snapshot = this.alive ? this.#engine?.snapshot() : undefined;
    return snapshot?.groups[0]?.state ?? snapshot?.proxied[0]?.state ?? 'dead';
  }

  start(): void {
    const { random, plan } = this.#world;
    this.boot = random.between(1, 2 ** 31);
    this.condition.begin(this.#world.agenda.now);
    this.fence = new SimulatedFence(this.#world.plan.leaseUs);
    this.#front = new Front();
    this.#waiting = [];
    this.#planned = undefined;
    this.#sockets = new Sockets(this.#world, this.id, this.boot);
    const config = engineConfig(plan, this.id, this.boot);
    const { ceiling, pin } = this.disk;
    const start = { now: this.#clock.now, termCeiling: ceiling, termFloor: ceiling };
    const pins = new Map(pin === undefined ? [] : [[group, pin]]);
    this.stopping = false;
    this.#engine = new Engine(config, { ...start, pins });
    this.carriersChanged();
    this.#perform(this.#engine.takeEffects());
    this.#schedule(0);
  }

  /** The process is gone, by whatever signal. What its kernel was told lasts as long as it was told, unless power is gone too. */
  end(how: 'process' | 'power'): void {
    this.condition.end(this.#world.agenda.now);
    this.#engine = undefined;
    if (how === 'power') this.fence = new SimulatedFence(this.#world.plan.leaseUs);
    this.#front = new Front();
    this.frozenUntil = 0;
    this.#turnAt = Number.POSITIVE_INFINITY;
    this.#turnOrder++;
  }

  loseDisk(): void {
    this.disk.lose();
    this.pinnedAs = undefined;
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

  /** An operator pins its role, or ends that: a dead daemon does not answer him. */
  pin(on: boolean): void {
    if (!this.isMember) return;
    this.#world.checker.caused();
    this.tell({ kind: 'maintenance', group, on });
  }

  hear(path: PathId, message: ControlMessage): void {
    if (!this.alive || this.#waiting.length >= this.#world.plan.socketBuffer) return;
    this.#waiting.push({ path, message });
    this.#schedule(this.#wakeUs());
  }

  /** Another machine's announcement. Only who answers himself takes it for a claim. */
  hearAnnouncement(from: NodeId): void {
    const { now } = this.#world.agenda;
    if (!this.alive || !this.#front.answers || now - this.#claimedAt < claimIntervalUs) return;
    this.#claimedAt = now;
    this.tell(claimBy(from));
    this.#world.checker.heardAnnouncement(this, from);
  }

  carriersChanged(): void {
    for (const change of this.#sockets?.takeCarriers() ?? []) this.tell({ kind: 'carrier', ...change });
    this.#judge();
  }

  /** The word of the checks. */
  check(healthy: boolean): void {
    this.condition.check(healthy, this.#world.agenda.now);
    const carries = this.#world.serves(this.id);
    const reason = carries ? 'check' : 'no carrier';
    if (this.isMember) this.tell({ kind: 'health', group, healthy: healthy && carries, reason });
  }

  /** With proxies: without carrier where it serves, a member is not healthy; hosts may miss what a place announces. */
  #judge(): void {
    const carries = this.#world.serves(this.id);
    if (carries === this.condition.carries) return;
    this.condition.carry(carries, this.#world.agenda.now);
    if (this.isMember) this.check(this.condition.healthy);
    if (carries) this.tell({ kind: 'evidence', group, reason: 'carrierReturned' });
  }

  /** Both ends have proven each other's present boot on the path. */
  hasProven(peer: Machine, path: PathId): boolean {
    return this.alive && this.#sockets?.hasProven(peer.id, path, peer.boot) === true;
  }

  #wakeUs(): number {
    return this.#world.random.between(2, 60);
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
    const { agenda, checker } = this.#world;
    const lateUs = this.#planned === undefined ? 0 : Math.max(0, agenda.now - this.#planned);
    if (this.fence.held && agenda.now >= this.#renewAt) {
      this.#renewAt = agenda.now + this.#world.plan.renewUs;
      if (!this.fence.renew(agenda.now)) {
        this.fence.yield();
        checker.leaseEnded(this);
        this.#feed({ kind: 'leaseLost' });
      } else checker.renewed(this);
    }
    this.#feed({ kind: 'turn', lateUs });
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) {
      if ('event' in each) this.#feed(each.event);
      else this.#receive(each.path, each.message);
    }
    this.#feed({ kind: 'drained' });
    checker.turned(this);
    if (this.alive) this.#plan();
  }

  #plan(): void {
    const deadline = this.#engine?.nextDeadline();
    const engineAt = deadline === undefined ? Number.POSITIVE_INFINITY : this.#clock.worldTime(deadline);
    const at = Math.min(engineAt, this.fence.held ? this.#renewAt : Number.POSITIVE_INFINITY);
    this.#planned = Number.isFinite(at) ? at : undefined;
    if (this.#planned === undefined) return;
    const { agenda } = this.#world;
    this.#spins = this.#planned <= agenda.now ? this.#spins + 1 : 0;
    if (this.#spins > 100) this.#world.fail(`member ${this.id}: a deadline that is never met`);
    this.#schedule(Math.max(0, this.#planned - agenda.now) + this.#world.random.between(0, 40));
  }

  #receive(path: PathId, message: ControlMessage): void {
    if (this.#sockets?.believes(path, message) !== true) return;
    this.#world.checker.heard(this, message);
    this.#feed({ kind: 'message', path, message });
  }

  #feed(event: Event): void {
    const engine = this.#engine;
    if (engine === undefined) return;
    if (event.kind === 'maintenance') this.#pinned(event.on);
    if (event.kind === 'stop') this.stopping = true;
    if (event.kind === 'switchover') this.#world.checker.asked();
    engine.handle(event, this.#clock.now);
    for (let effects = engine.takeEffects(); effects.length > 0; effects = engine.takeEffects()) {
      this.#perform(effects);
    }
  }

  /** As somebody sees it who watches the fence. */
  #pinned(on: boolean): void {
    if (!on) this.pinnedAs = undefined;
    else this.pinnedAs ??= this.fence.held ? 'active' : 'standby';
    this.#world.trace(this.id, () => (on ? `is pinned as ${this.pinnedAs}` : 'is not pinned'));
  }

  #perform(effects: readonly Effect[]): void {
    for (const effect of effects) this.#performOne(effect);
  }

  #performOne(effect: Effect): void {
    const engine = this.#engine;
    if (engine === undefined) return;
    switch (effect.kind) {
      case 'beat':
        return this.#sockets?.beat(engine, effect.peer, effect.path);
      case 'send':
        return this.#sockets?.send(engine, effect);
      case 'acquire':
        return this.#acquire(effect);
      case 'extend':
        if (this.fence.extend(this.#world.agenda.now, this.#kernelTime(effect.until))) return;
        return this.#feed({ kind: 'leaseLost', group });
      case 'yield':
        if (this.fence.held) this.#world.checker.yielded(this);
        this.fence.yield();
        return this.#world.checker.voicesChanged(this);
      case 'answer':
        this.#front.perform(effect);
        if (effect.on) this.#world.checker.spoke(this, 'answers');
        return this.#world.checker.voicesChanged(this);
      case 'probe':
        return this.#world.lan.probe(this);
      case 'announce':
        this.#world.checker.spoke(this, 'announces');
        return this.#world.announced(this);
      case 'forward':
      case 'route':
      case 'hold':
        return this.#front.perform(effect);
      case 'resolve':
        return;
      case 'reserveTerms':
        return this.#reserve(effect.ceiling);
      case 'report':
        if (effect.report.code === 'maintenance') this.disk.pin = effect.report.role ?? undefined;
        return this.#world.reported(this, effect.report);
      case 'stopped':
        return this.#world.stopped(this);
    }
  }

  #reserve(ceiling: number): void {
    const { boot } = this;
    const alive = (): boolean => this.alive && this.boot === boot;
    this.disk.reserve(ceiling, alive, () => this.tell({ kind: 'termsReserved', ceiling }));
  }

  /** The kernel ends what it was told to end a little early, never late. */
  #kernelTime(at: Instant): number {
    return this.#clock.worldTime(at) - this.#world.random.between(2, 500);
  }

  #acquire({ term, until }: Extract<Effect, { kind: 'acquire' }>): void {
    const { agenda, checker } = this.#world;
    const ok = this.#world.kernelAgrees();
    if (ok) {
      if (!this.fence.held) this.#renewAt = agenda.now + this.#world.plan.renewUs;
      this.fence.acquire(agenda.now, until === undefined ? undefined : this.#kernelTime(until));
      if (this.isProxy) checker.served(this, term);
      else checker.activated(this, term);
    } else checker.refused(this);
    const answer = { kind: 'acquired', group, ok } as const;
    const { slowAnswer } = this;
    this.slowAnswer = undefined;
    if (slowAnswer === undefined) return this.#feed(answer);
    const engine = this.#engine;
    this.tell(slowAnswer.word);
    this.#answerAt = agenda.now + slowAnswer.us;
    agenda.after(slowAnswer.us, () => {
      if (this.#engine === engine) this.tell(answer);
    });
  }
}
