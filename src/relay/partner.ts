/**
 * The other machine, as either role sees it. The active sends it every packet before the kernel gets it, and lets it have a
 * say in goodbyes; the standby takes packets in, and asks whether it has all. Which of the two this machine is, it is told.
 */
import type { Commitment } from '../sessions/output.ts';
import { decodePacket, isFirst } from '../sessions/packet.ts';
import { Agreements } from './agreements.ts';
import { Belief } from './belief.ts';
import { channelKind, decodeWord, encodeWord, type Kept, type Word } from './channel.ts';
import { Commitments, decodeOutputWord, encodeOutputWord, type OutputWord } from './commitments.ts';
import { Commits } from './commits.ts';
import { Contention } from './contention.ts';
import { Exchange } from './exchange.ts';
import { Peering, type PeeringConfig } from './peering.ts';
import type { Readiness } from './readiness.ts';
import type { MachineReport, PartnerCounts } from './report.ts';

export interface PartnerConfig {
  readonly peering: PeeringConfig;
  /** `degrade`: after the patience the active goes on without the standby. `wait`: packets wait for it, always. */
  readonly policy: 'wait' | 'degrade';
  readonly patienceUs: number;
  /** What may wait for the standby, bytes. */
  readonly bytesMax: number;
}

export interface PartnerEvents {
  /** So many unpredictable bytes. */
  draw(length: number): Uint8Array;
  /** Active: a packet that the other machine got although it is not the active any more. */
  stray(frame: Uint8Array): void;
  /** Active: the packet may reach the kernel. */
  deliver(frame: Uint8Array): void;
  /** Standby: a packet that the active had, a view that is valid until `settle`; and what it is about to say. */
  mirrored(frame: Uint8Array): void;
  settle(): void;
  output(word: OutputWord): void;
  /** Active: there is a standby, which has these connections, and said so many bytes on each when it led. */
  hold(flows: ReadonlyMap<string, number>): void;
  word(word: Word): void;
  /** The two begin anew. */
  anew(): void;
  /** Nobody has a say any more in connections that only this machine has. */
  released(): void;
  report(report: MachineReport): void;
}

export class Partner {
  readonly agreements: Agreements = new Agreements();
  readonly #config: PartnerConfig;
  readonly #events: PartnerEvents;
  readonly #exchange: Exchange;
  readonly #peering: Peering;
  readonly #commits: Commits;
  readonly #commitments = new Commitments();
  readonly #contention: Contention;
  /** Standby: that all is here. */
  readonly #belief: Belief;
  #leads = false;
  #role: 'active' | 'standby' | undefined;
  /** What it keeps as replicas of connections that began there. */
  #kept: readonly Kept[] = [];
  /** How much it said on each of these when it led, bytes. */
  #offsets: ReadonlyMap<string, number> = new Map();
  /** When the two lost each other last. */
  #lostAtUs = 0;
  #nowUs = 0;

  constructor(config: PartnerConfig, readiness: Readiness, events: PartnerEvents) {
    this.#config = config;
    this.#events = events;
    this.#contention = new Contention(config.bytesMax);
    this.#belief = new Belief(config);
    this.#exchange = new Exchange(
      {
        met: (anew) => this.#met(anew),
        message: (kind, body) => this.#message(kind, body),
        had: (count) => {
          this.#commits.had(count, this.#nowUs);
          this.#commitments.had(count);
        },
        note: (kind, body) => this.#note(kind, body),
        flush: () => this.flush(),
      },
      events.draw,
    );
    this.#peering = new Peering(config.peering, readiness, {
      connected: () => this.#exchange.connected(),
      produce: (into) => this.#exchange.take(into),
      received: (bytes) => {
        const good = this.#exchange.receive(bytes);
        events.settle();
        return good;
      },
      disconnected: () => this.#disconnected(),
    });
    this.#commits = new Commits({
      ...config,
      send: (frame) => this.#exchange.send(channelKind.packet, frame),
      deliver: events.deliver,
    });
  }

  get counts(): PartnerCounts {
    const { policy } = this.#config;
    const waits = this.#leads && policy === 'wait' && this.#role !== 'standby';
    return {
      partner: this.#exchange.met ? (this.#role ?? 'met') : 'absent',
      mirroring: waits ? 'waiting' : this.#commits.mode === 'commit' ? 'mirrored' : 'alone',
      ...this.#commits.counts,
      latency: this.#commits.latency.report(),
      refusedFrames: this.#peering.refused,
    };
  }

  /** This machine is the active, and packets wait for the other one. */
  get mirrors(): boolean {
    return this.#leads && this.#commits.mode === 'commit';
  }

  /** The other machine is connected. */
  get met(): boolean {
    return this.#exchange.met;
  }

  /** The other machine is the active, as far as it has said. */
  get leads(): boolean {
    return this.#role === 'active';
  }

  /**
   * The other machine has been the active meanwhile: this one goes on from where that came to, once it has yielded to it
   * (`yield`, `takeDeferred`).
   */
  get superseded(): boolean {
    return this.#contention.superseded;
  }

  /** What is due, and what waits to be written. */
  turn(nowUs: number): void {
    this.#nowUs = nowUs;
    this.#peering.turn();
    const question = this.#belief.question(nowUs, !this.#leads && this.#role === 'active');
    if (question !== undefined) this.#exchange.note(channelKind.question, question);
    if (this.#leads && this.#commits.mode !== 'alone') {
      const isOutputOverdue =
        this.#config.policy === 'degrade' && this.#commitments.ageUs(nowUs) >= this.#config.patienceUs;
      if (this.#commits.isOverdue(nowUs) || isOutputOverdue) this.#giveUp('it does not take what it is sent');
      else if (this.#exchange.keptBytes > this.#config.bytesMax * 2) this.#giveUp('too much waits for it');
    }
    if (this.#leads && this.#role === 'active' && !this.#exchange.met) this.#outlive(nowUs);
    this.flush();
  }

  /** Reads what has arrived by now. */
  receive(): void {
    this.#peering.receive();
  }

  flush(): void {
    this.#peering.flush();
  }

  say(word: Word): void {
    this.#exchange.send(channelKind.word, encodeWord(word));
  }

  /**
   * Active: tells the standby what a connection is about to say; `had`: it has heard. False: it has no part in that
   * connection (unless that is `shared`), or is not known to be one yet.
   */
  commit(flow: string, shared: boolean, commitment: Commitment, had: () => void): boolean {
    if (!this.mirrors || !(shared || this.agreements.isMirrored(flow))) return false;
    this.#commitments.said(this.sayOutput({ kind: 'said', flow, commitment }), this.#nowUs, had);
    return true;
  }

  sayOutput(word: OutputWord): number {
    return this.#exchange.send(channelKind.output, encodeOutputWord(word));
  }

  /** The oldest packets that wait for the other machine: to be delivered, and to be had. */
  get oldest(): readonly Uint8Array[] {
    return [this.#commits.oldest, this.#exchange.oldest(channelKind.packet)].filter(
      (frame) => frame !== undefined,
    );
  }

  /**
   * Active: a packet from the network, which stays what it is while it waits (`oldest`); `begins`: the connection whose SYN it is.
   */
  arrive(frame: Uint8Array, begins: string | undefined, nowUs: number): void {
    this.#nowUs = nowUs;
    if (begins !== undefined && this.#commits.mode !== 'alone') this.agreements.begun(begins);
    this.#commits.arrive(frame, nowUs);
  }

  /** Active: whether the other machine has nothing against closing this connection. */
  consents(flow: string): boolean {
    return this.#commits.mode !== 'commit' || this.agreements.mayClose(flow);
  }

  /** Standby: whether it is sure to have everything that the active delivered. */
  holdsAll(nowUs: number): boolean {
    return this.#belief.holds(nowUs);
  }

  /** This machine is the active from now on. Returns what the other one says that it keeps. */
  lead(nowUs: number): readonly Kept[] {
    this.#nowUs = nowUs;
    this.#leads = true;
    this.#belief.lose();
    const kept = this.#kept;
    this.#kept = [];
    // Not connected just now, it goes on from here when it is again; unless it is given up before.
    if (this.#role === 'standby') this.#mirror(kept);
    else if (this.#config.policy === 'wait') this.#commits.commit();
    else if (this.#exchange.met) this.#commits.follow(nowUs);
    return kept;
  }

  /** No more. Tells which connections the other machine has from their beginning. */
  yield(nowUs: number): (flow: string) => boolean {
    this.#leads = false;
    const mirrored = this.agreements.mirrored();
    // It may never hear that it is to lead, and not say again what it has.
    this.#kept =
      this.#role === 'standby'
        ? [...mirrored].map((flow) => ({ flow, offset: this.#offsets.get(flow) ?? 0 }))
        : [];
    // It led all that was here, was sent everything since, and has not said yet that it yielded.
    const all = this.#commits.mode !== 'alone' && this.#role === 'active' && !this.#contention.contended;
    if (this.#commits.mode !== 'alone' && this.#role !== 'active') this.#belief.trust(nowUs);
    // What waits is on its way to the other machine: here it is a replica's input now.
    this.#commits.alone(nowUs);
    this.#commitments.reset();
    this.agreements.forgetAll();
    return (flow) => all || mirrored.has(flow);
  }

  /** What the new active sent before this machine was told to yield. */
  takeDeferred(): void {
    for (const { kind, body } of this.#contention.take()) this.#message(kind, body);
  }

  #met(anew: boolean): void {
    this.#belief.askNow();
    if (!anew) return;
    this.#role = undefined;
    this.#kept = [];
    this.#belief.lose();
    if (!this.#leads) this.#contention.drop();
    this.#commitments.reset();
    this.agreements.forgetAll();
    this.#events.anew();
    if (!this.#leads) return;
    if (this.#commits.mode === 'follow') this.#commits.alone(this.#nowUs);
    for (const frame of this.#commits.anew(this.#nowUs)) {
      const packet = decodePacket(frame);
      if (packet.ok && isFirst(packet.value)) this.agreements.begun(packet.value.flow);
    }
    this.#events.released();
    this.#takeStrays();
  }

  #message(kind: number, body: Uint8Array): void {
    if (kind === channelKind.packet || kind === channelKind.output) {
      if (this.#leads) this.#defer(kind, body);
      else this.#take(kind, body);
      return;
    }
    const word = kind === channelKind.word ? decodeWord(body) : undefined;
    if (word === undefined) return;
    if (this.#commits.mode !== 'alone') this.#contention.hear(word);
    if (this.superseded) return this.#defer(kind, body);
    if (word.kind === 'role') this.#hearRole(word);
    this.#events.word(word);
  }

  /** Standby: what the active mirrors. */
  #take(kind: number, body: Uint8Array): void {
    if (kind === channelKind.packet) return this.#events.mirrored(body);
    const word = decodeOutputWord(body);
    if (word !== undefined) this.#events.output(word);
  }

  #hearRole({ role, kept }: Extract<Word, { kind: 'role' }>): void {
    if (role === 'gone') {
      this.#role = undefined;
      if (this.#leads && this.#config.policy === 'degrade' && this.#commits.mode !== 'alone')
        this.#giveUp('it stopped');
      return this.#takeStrays();
    }
    this.#role = role;
    if (role === 'active') {
      this.#contention.claimed(this.#leads);
      // Of these it said nothing as an active.
      this.#kept = [];
      this.#belief.lose();
      this.#belief.askNow();
      return;
    }
    if (this.#leads) {
      // What was delivered without it since the takeover, it does not have.
      this.#mirror(this.#commits.mode === 'alone' ? [] : kept);
      return this.#takeStrays();
    }
    this.#contention.drop();
    this.#kept = kept;
    this.#belief.confirm();
  }

  /** Active: what the other machine delivered while it thought itself the active, clients believe to be delivered. */
  #takeStrays(): void {
    const deferred = this.#contention.take();
    if (!this.#leads) return;
    for (const { kind, body } of deferred) if (kind === channelKind.packet) this.#events.stray(body);
  }

  /** The other machine is the standby: every packet waits for it, and these connections it has. */
  #mirror(kept: readonly Kept[]): void {
    for (const { flow } of kept) this.agreements.begun(flow);
    this.#commits.commit();
    const offsets = new Map(kept.map(({ flow, offset }) => [flow, offset]));
    this.#offsets = offsets;
    this.#events.hold(new Map([...this.agreements.mirrored()].map((flow) => [flow, offsets.get(flow) ?? 0])));
    this.#commits.require(this.#exchange.sent);
    this.#events.report({ event: 'mirrored', sessions: kept.length });
  }

  #note(kind: number, body: Uint8Array): void {
    if (kind === channelKind.question) {
      const answer = Belief.answer(body, this.#leads && this.#role === 'standby' ? this.#claimUs() : 0);
      if (answer !== undefined) this.#exchange.note(channelKind.answer, answer);
    } else if (kind === channelKind.answer && !this.#leads) this.#belief.hear(body);
  }

  /** For how long from now nothing is delivered or said that the standby does not know. */
  #claimUs(): number {
    const { policy, patienceUs } = this.#config;
    const ofPackets = this.#commits.claimUs(this.#nowUs);
    if (policy === 'wait') return ofPackets;
    return Math.max(0, Math.floor(Math.min(ofPackets, patienceUs - this.#commitments.ageUs(this.#nowUs))));
  }

  #defer(kind: number, body: Uint8Array): void {
    if (!this.#contention.defer(kind, body)) this.#beginAnew();
  }

  /** What led until this machine did has not said that it leads no more: without power it never will. */
  #outlive(nowUs: number): void {
    const { mode } = this.#commits;
    if (mode === 'commit' || this.#contention.contended) return;
    if (nowUs - this.#lostAtUs < this.#config.patienceUs) return;
    if (mode === 'follow') return this.#giveUp('it is gone');
    this.#role = undefined;
    this.#takeStrays();
  }

  #disconnected(): void {
    this.#exchange.disconnected();
    this.#lostAtUs = this.#nowUs;
    if (this.#role === 'standby') this.#belief.limit(this.#nowUs);
  }

  /** On without it, until it comes again. */
  #giveUp(why: string): void {
    this.#commits.alone(this.#nowUs);
    this.#commitments.reset();
    this.agreements.forgetAll();
    this.#beginAnew();
    this.#events.report({ event: 'degraded', why });
    this.#events.released();
    this.#takeStrays();
  }

  #beginAnew(): void {
    this.#role = undefined;
    this.#kept = [];
    this.#exchange.forget();
    this.#peering.drop();
  }
}
