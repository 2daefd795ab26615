/**
 * Connections that packets drive one by one: those that began on the other machine. While this one is the standby the packets
 * are mirrored, and nobody hears the answers; after a takeover they come from the network, and the same sockets speak.
 */
import { monotonicUs } from '../linux/clock.ts';
import { type Commitment, SharedOutput } from '../sessions/output.ts';
import { type FlowKey, isFirst, type Packet } from '../sessions/packet.ts';
import { Attention } from './attention.ts';
import { Course, type CourseOptions, type Role } from './course.ts';
import { DoomedConnections } from './doomed.ts';
import { ReplicaFlow, type SharedSession } from './flow.ts';
import { type Beginning, Openings } from './openings.ts';
import type { Programs, Site } from './program.ts';
import { openReplica, receiveWindowOf } from './replica-socket.ts';
import { Session } from './session.ts';

export interface ReplicaOptions extends CourseOptions {
  readonly program: Programs;
  readonly readiness: Site['readiness'];
  /** Leading: tells the other machine what a connection is about to say. See `SharedOutput`. */
  readonly commit: (flow: FlowKey, commitment: Commitment) => boolean;
  /** Sends frames to the LAN, from `mac`. */
  readonly poke: (frames: readonly Uint8Array[]) => void;
  /** The connection is over. */
  readonly ended: (flow: string) => void;
  /** It lives on elsewhere, or nowhere: whoever asks for it here is told. */
  readonly vanished: (flow: string) => void;
}

const flowBytesMax = 16 << 20;
/** Connections whose kernel gave up on a silent client are found by looking. */
const sweepUs = 1_000_000;
/** By how much our clocks may run apart until they are compared again, ms. */
const clockMarginMs = 20;
/** By how much the clock of the machine that goes on may be ahead of ours, ms: it was set ahead when it was not sure. */
const otherClockMs = 40;

export interface ReplicaCounts {
  readonly replicas: number;
  readonly lost: number;
  readonly diverged: number;
  readonly doomed: number;
  readonly reset: number;
  readonly partials: number;
  readonly repeats: number;
}

export class Replicas {
  readonly #options: ReplicaOptions;
  readonly #openings = new Openings();
  readonly #flows = new Map<string, ReplicaFlow>();
  readonly #attention = new Attention();
  /** Flows whose packets nobody has looked at. */
  readonly #fresh = new Set<ReplicaFlow>();
  /** Following: flows whose clock may be behind what was heard. */
  readonly #behind = new Set<ReplicaFlow>();
  readonly #doomed: DoomedConnections;
  readonly #course: Course;
  /** A connection follows a change when it is next turned to: at a takeover there is no time for all of them. */
  #role: Role = { leads: false, change: 0 };
  #windowScale = 0;
  #lost = 0;
  #diverged = 0;
  #partials = 0;
  #repeats = 0;
  #nowUs = 0;
  #sweepAtUs = 0;

  constructor(options: ReplicaOptions) {
    this.#options = options;
    this.#course = new Course(options);
    this.#doomed = new DoomedConnections(options.farewellMark);
  }

  /** No packet can be for anything here. */
  get empty(): boolean {
    return this.#flows.size === 0 && this.#openings.empty && this.#doomed.size === 0;
  }

  get stalled(): boolean {
    return this.#attention.stalled;
  }

  get size(): number {
    return this.#flows.size;
  }

  /** There is more to do at once. */
  get busy(): boolean {
    return this.#attention.busy;
  }

  get counts(): ReplicaCounts {
    let partials = this.#partials;
    let repeats = this.#repeats;
    for (const { input } of this.#flows.values()) {
      partials += input.counts.partials;
      repeats += input.counts.repeats;
    }
    return {
      replicas: this.#flows.size,
      lost: this.#lost,
      diverged: this.#diverged,
      doomed: this.#doomed.size,
      reset: this.#doomed.reset,
      partials,
      repeats,
    };
  }

  get names(): readonly string[] {
    return [...this.#flows.keys()];
  }

  has(flow: string): boolean {
    return this.#flows.has(flow);
  }

  /** Handshakes that the other machine answered, and that are not complete. */
  get opening(): readonly string[] {
    return this.#openings.names;
  }

  /** The connection, or the beginning of one. */
  expects(flow: string): boolean {
    return this.#flows.has(flow) || this.#openings.knows(flow);
  }

  session(flow: string): SharedSession | undefined {
    return this.#flows.get(flow)?.session;
  }

  /** The connection, the beginning of one that the other machine answered, or one whose client is to be told. */
  knows(flow: string): boolean {
    return this.expects(flow) || this.#doomed.has(flow);
  }

  /** The window scale that the other machine's kernel announces, bits. */
  scale(windowScale: number): void {
    this.#windowScale = windowScale;
  }

  /**
   * A packet, mirrored or (`own`) from the network; its frame may be a view, valid until `settle`. False: it belongs to no
   * connection known here.
   */
  arrive(packet: Packet, own: boolean): boolean {
    if (isFirst(packet)) return this.#begin(packet, own);
    if (this.#doomed.arrive(packet, this.#role.leads)) return true;
    const flow = this.#flows.get(packet.flow) ?? this.#build(packet);
    if (flow === undefined) return false;
    flow.heardUs = this.#nowUs;
    if (!this.#role.leads) this.#behind.add(flow);
    if (flow.arrive(packet)) this.#fresh.add(flow);
    else this.#lose(flow, 'lost');
    return true;
  }

  /** What has arrived goes to the kernel, many packets at a time. */
  settle(): void {
    for (const flow of this.#fresh) {
      this.#fresh.delete(flow);
      this.#advance(flow);
      flow.input.keep();
    }
  }

  /** What the active is about to say on a connection. */
  said(key: FlowKey, commitment: Commitment): void {
    const flow = this.#flows.get(key);
    if (flow === undefined) return;
    flow.session.output.expect(commitment);
    this.#advance(flow);
  }

  /** The active goes on without us on this connection, or (`over`) it is at its end. */
  abandoned(key: FlowKey, over: boolean): void {
    const flow = this.#flows.get(key);
    if (flow !== undefined) this.#doom(flow);
    if (over) this.#doomed.forget(key);
  }

  /** A connection that began here goes on at the other machine: what is mirrored drives it from now on. */
  adopt(session: SharedSession, { plan, packet }: Beginning): void {
    const flow = new ReplicaFlow(plan, session, packet, flowBytesMax, this.#role.change);
    this.#flows.set(session.flow, flow);
    this.#follow(flow);
    flow.prepareBy(() => {
      session.socket.takeAtLeast(receiveWindowOf(plan));
      flow.advanceClock(otherClockMs);
    });
  }

  /** Handshakes that were answered here, and that the other machine may see completed. */
  inherit(openings: Openings): void {
    openings.handOver(this.#openings);
  }

  /** Before what the sockets send is heard. */
  keepClocks(): void {
    const nowUs = monotonicUs();
    for (const flow of this.#behind) flow.keepClock(clockMarginMs, nowUs);
    this.#behind.clear();
  }

  /**
   * What the sockets send is heard from now on, and no word of the active follows. Each connection is turned to, and its
   * client poked, when there is time; before that, when a packet comes for it.
   */
  lead(): void {
    this.#role = { leads: true, change: this.#role.change + 1 };
    this.#attention.addAll(this.#flows);
    this.#doomed.ask();
  }

  #attend(): void {
    const frames: Uint8Array[] = [];
    for (const flow of this.#attention.slice(this.#nowUs)) {
      if (!this.#role.leads) {
        flow.keepClock(clockMarginMs, this.#nowUs);
        this.#behind.delete(flow);
      }
      this.#advance(flow);
      if (this.#role.leads && flow.takePoke(this.#role.change) && this.#isHere(flow))
        frames.push(...this.#course.pokes(flow));
    }
    if (frames.length > 0) this.#options.poke(frames);
  }

  /** Nobody hears the sockets any more; before `adopt`. */
  follow(): void {
    this.#role = { leads: false, change: this.#role.change + 1 };
    this.#doomed.clear();
    for (const flow of this.#flows.values()) this.#follow(flow);
  }

  #follow(flow: ReplicaFlow): void {
    const { session } = flow;
    flow.follow(this.#role.change);
    this.#behind.add(flow);
    if (session.finishing) this.#course.say('finished', session);
    this.#attention.add(flow);
  }

  /** What the other machine agrees to, or what has become of it there, may let a connection go on. */
  remind(flow: string): void {
    const found = this.#flows.get(flow);
    if (found !== undefined) this.#advance(found);
  }

  /** It may be over by now. */
  #isHere(flow: ReplicaFlow): boolean {
    return this.#flows.get(flow.session.flow) === flow;
  }

  /** Ends a connection without a word to its client, who goes on with the other machine or has none. */
  vanish(flow: string): void {
    const found = this.#flows.get(flow);
    if (found === undefined) return;
    this.#forget(found);
    this.#options.vanished(flow);
    found.session.vanish();
  }

  vanishAll(): void {
    for (const flow of this.names) this.vanish(flow);
    this.#openings.clear();
  }

  /** What is here may be behind what clients were told: they are reset, so that none waits for ever. */
  doomAll(): void {
    for (const flow of [...this.#flows.values()]) this.#doom(flow);
    this.#openings.clear();
  }

  /** What is due without a packet. */
  turn(): void {
    this.settle();
    const nowUs = monotonicUs();
    this.#nowUs = nowUs;
    if (nowUs >= this.#sweepAtUs) {
      this.#sweepAtUs = nowUs + sweepUs;
      if (!this.busy) this.#attention.addAll(this.#flows);
      if (this.#role.leads) this.#doomed.ask();
    }
    this.#attend();
    const { flows, repeats } = this.#attention.waiting(nowUs);
    for (const flow of flows) {
      if (repeats) this.#course.repeat(flow);
      this.#advance(flow);
    }
  }

  /** A SYN. After the takeover it is the listener's, also one that has been here: nobody answered it, or it would not come. */
  #begin(packet: Packet, own: boolean): boolean {
    const { flow } = packet;
    if (!own && this.#openings.get(flow)?.handshake.repeats(packet) === true) return true;
    this.#openings.forget(flow);
    this.#doomed.forget(flow);
    this.vanish(flow);
    if (own) return false;
    this.#openings.begin(flow, packet);
    return true;
  }

  #build(packet: Packet): ReplicaFlow | undefined {
    const opening = this.#openings.get(packet.flow);
    if (opening === undefined) return undefined;
    const server = { windowScale: this.#windowScale, sack: true, timestamps: true };
    const plan = opening.handshake.complete(packet, server);
    if (plan === undefined) return undefined;
    this.#openings.forget(packet.flow);
    const socket = openReplica(plan, opening.sinceUs);
    if (socket === undefined) {
      this.#lost++;
      this.#course.sayNotBegun(packet);
      return undefined;
    }
    const key = packet.flow;
    const { readiness, commit } = this.#options;
    const wake = (): void => this.remind(key);
    const program = this.#options.program({ flow: key, client: plan.remote, readiness, wake });
    const output = SharedOutput.following((commitment) => commit(key, commitment));
    if (this.#role.leads) output.lead();
    const session = new Session(key, socket, program, output);
    const flow = new ReplicaFlow(plan, session, packet, flowBytesMax, this.#role.change);
    this.#flows.set(key, flow);
    return flow;
  }

  #advance(flow: ReplicaFlow): void {
    const stage = this.#course.advance(flow, this.#role);
    switch (stage) {
      case 'open':
      case 'waits':
        return this.#attention.stall(flow, stage === 'waits');
      case 'lost':
      case 'diverged':
        return this.#lose(flow, stage);
      case 'broken':
        return this.#end(flow).abort(this.#options.farewellMark);
      case 'over':
        return this.#end(flow).close();
    }
  }

  #lose(flow: ReplicaFlow, why: 'lost' | 'diverged'): void {
    if (why === 'lost') this.#lost++;
    else this.#diverged++;
    if (!this.#role.leads) this.#course.say(why, flow.session);
    this.#doom(flow);
  }

  /** It lives on the active only; after a takeover its client is told that it is over. */
  #doom(flow: ReplicaFlow): void {
    this.#end(flow).vanish();
    this.#doomed.add(flow.session.flow, flow.plan, flow.last);
    if (this.#role.leads) this.#doomed.ask();
  }

  /** It is over here; what becomes of its socket is the caller's. */
  #end(flow: ReplicaFlow): SharedSession {
    this.#forget(flow);
    this.#options.ended(flow.session.flow);
    return flow.session;
  }

  #forget(flow: ReplicaFlow): void {
    this.#partials += flow.input.counts.partials;
    this.#repeats += flow.input.counts.repeats;
    this.#flows.delete(flow.session.flow);
    this.#attention.forget(flow);
    this.#fresh.delete(flow);
    this.#behind.delete(flow);
  }
}
