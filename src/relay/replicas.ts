/** The standby's table of connections: built from handshakes, driven by mirrored packets, compared with the active's words. */
import { monotonicUs } from '../linux/clock.ts';
import { OperationError } from '../linux/errors.ts';
import { ServiceSocket } from '../linux/service-socket.ts';
import { openRepaired } from '../linux/tcp-repair.ts';
import { Handshake, type SocketPlan } from '../sessions/handshake.ts';
import { type Commitment, ComparedOutput } from '../sessions/output.ts';
import type { FlowKey, Packet } from '../sessions/packet.ts';
import { pokeFrame } from '../sessions/poke.ts';
import { add } from '../sessions/sequence.ts';
import type { MacAddress } from '../wire/address.ts';
import { tcpFlag } from '../wire/tcp.ts';
import type { Greeting, Word } from './channel.ts';
import { DoomedConnections } from './doomed.ts';
import { ReplicaFlow } from './flow.ts';
import type { Programs, Site } from './program.ts';
import { Session } from './session.ts';

export interface ReplicaOptions {
  readonly program: Programs;
  readonly readiness: Site['readiness'];
  /** Lets the kernel receive a frame. */
  readonly inject: (frame: Uint8Array) => void;
  /** Tells the active. */
  readonly say: (word: Word) => void;
  readonly farewellMark: number;
}

export interface ReplicaCounts {
  readonly lost: number;
  readonly diverged: number;
  readonly survivable: number;
  readonly doomed: number;
  readonly reset: number;
  readonly partials: number;
  readonly repeats: number;
}

interface Opening {
  readonly handshake: Handshake;
  /** When the SYN was here, µs. The active answered it later. */
  readonly sinceUs: number;
}

/** Handshakes that are not complete; the oldest give way. */
const openingsMax = 65_536;
const flowBytesMax = 16 << 20;
/** As much as the active may have promised in our name. */
const receiveWindow = { scaled: 8 << 20, plain: 65_535 } as const;
/** How long the kernel has to take what it was given, before it is given again. */
const repeatUs = 20_000;
/** Connections whose kernel gave up on a silent client are found by looking. */
const sweepUs = 1_000_000;
/** By how much our clocks may run apart until they are compared again, ms. */
const clockMarginMs = 20;
const pokesEach = 6;

export class Replicas {
  readonly #options: ReplicaOptions;
  readonly #openings = new Map<string, Opening>();
  readonly #flows = new Map<string, ReplicaFlow>();
  /** Flows that have something to do which no packet will remind of. */
  readonly #stalled = new Set<ReplicaFlow>();
  readonly #doomed: DoomedConnections;
  #speaks = false;
  #diverged = 0;
  #server: Greeting = { windowScale: 0 };
  #lost = 0;
  #partials = 0;
  #repeats = 0;
  #sweepAtUs = 0;
  #repeatAtUs = 0;

  constructor(options: ReplicaOptions) {
    this.#options = options;
    this.#doomed = new DoomedConnections(options.farewellMark);
  }

  get stalled(): boolean {
    return this.#stalled.size > 0;
  }

  get counts(): ReplicaCounts {
    let partials = this.#partials;
    let repeats = this.#repeats;
    for (const { input } of this.#flows.values()) {
      partials += input.counts.partials;
      repeats += input.counts.repeats;
    }
    return {
      lost: this.#lost,
      diverged: this.#diverged,
      doomed: this.#doomed.size,
      reset: this.#doomed.reset,
      survivable: this.#flows.size,
      partials,
      repeats,
    };
  }

  greeted(server: Greeting): void {
    this.#server = server;
  }

  /** A packet, mirrored or (`own`) from the network. False: it belongs to no connection known here. */
  arrive(packet: Packet, own: boolean): boolean {
    const { flags } = packet.segment;
    if ((flags & (tcpFlag.syn | tcpFlag.ack)) === tcpFlag.syn) return this.#begin(packet, own);
    if (this.#doomed.arrive(packet, this.#speaks)) return true;
    const flow = this.#flows.get(packet.flow) ?? this.#build(packet);
    if (flow === undefined) return false;
    if (flow.arrive(packet)) this.#advance(flow);
    else this.#lose(flow, 'lost');
    return true;
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

  /** Before what the sockets send is heard. */
  keepClocks(): void {
    for (const flow of this.#flows.values()) flow.keepClock(clockMarginMs);
  }

  /** What the sockets send is heard from now on, and no word of the active follows. */
  lead(): void {
    this.#speaks = true;
    for (const flow of [...this.#flows.values()]) {
      flow.session.output.lead();
      this.#advance(flow);
    }
    this.#doomed.ask();
  }

  /** For each client, what makes it send again at once. */
  pokes(mac: MacAddress): readonly Uint8Array[] {
    const frames: Uint8Array[] = [];
    for (const flow of this.#flows.values()) {
      const frame = pokeFrame(flow.last, mac, flow.progress().receiveNext);
      for (let count = 0; count < pokesEach; count++) frames.push(frame);
    }
    return frames;
  }

  /** What is due without a packet. */
  turn(): void {
    const nowUs = monotonicUs();
    if (nowUs >= this.#sweepAtUs) {
      this.#sweepAtUs = nowUs + sweepUs;
      for (const flow of [...this.#flows.values()]) this.#advance(flow);
      if (this.#speaks) this.#doomed.ask();
    }
    if (this.#stalled.size === 0) return;
    const repeats = nowUs >= this.#repeatAtUs;
    if (repeats) this.#repeatAtUs = nowUs + repeatUs;
    for (const flow of [...this.#stalled]) {
      if (repeats && flow.input.incomplete)
        for (const frame of flow.input.repeat(flow.progress())) this.#options.inject(frame);
      this.#advance(flow);
    }
  }

  /** A SYN. After the takeover it is the listener's, also one that has been here: nobody answered it, or it would not come. */
  #begin(packet: Packet, own: boolean): boolean {
    if (!own && this.#openings.get(packet.flow)?.handshake.repeats(packet) === true) return true;
    this.#openings.delete(packet.flow);
    this.#doomed.forget(packet.flow);
    const old = this.#flows.get(packet.flow);
    if (old !== undefined) this.#end(old);
    if (own) return false;
    const handshake = Handshake.begin(packet);
    if (handshake === undefined) return true;
    if (this.#openings.size >= openingsMax) this.#forgetOldest();
    this.#openings.set(packet.flow, { handshake, sinceUs: monotonicUs() });
    return true;
  }

  #forgetOldest(): void {
    for (const flow of this.#openings.keys()) {
      this.#openings.delete(flow);
      return;
    }
  }

  #build(packet: Packet): ReplicaFlow | undefined {
    const opening = this.#openings.get(packet.flow);
    if (opening === undefined) return undefined;
    const { windowScale } = this.#server;
    const plan = opening.handshake.complete(packet, { windowScale, sack: true, timestamps: true });
    if (plan === undefined) return undefined;
    this.#openings.delete(packet.flow);
    const socket = this.#open(plan, opening.sinceUs);
    if (socket === undefined) {
      this.#options.say({ kind: 'lost', flow: packet.flow, offset: 0, digest: '' });
      return undefined;
    }
    const key = packet.flow;
    const wake = (): void => {
      const flow = this.#flows.get(key);
      if (flow?.session.socket === socket) this.#advance(flow);
    };
    const { readiness } = this.#options;
    const program = this.#options.program({ flow: key, client: plan.remote, readiness, wake });
    const session = new Session(key, socket, program, new ComparedOutput());
    const flow = new ReplicaFlow(plan, session, packet, flowBytesMax);
    this.#flows.set(key, flow);
    return flow;
  }

  #open(plan: SocketPlan, sinceUs: number): ServiceSocket | undefined {
    try {
      const fd = openRepaired({
        ...plan,
        receiveWindow: plan.windowScale === undefined ? receiveWindow.plain : receiveWindow.scaled,
        timestamp: clockNow(plan, sinceUs),
      });
      return new ServiceSocket(fd);
    } catch (error) {
      if (!(error instanceof OperationError)) throw error;
      this.#lost++;
      return undefined;
    }
  }

  /** Gives the kernel what may be given, and lets the program answer, until both wait for something else. */
  #advance(flow: ReplicaFlow): void {
    const { session, input } = flow;
    do {
      for (;;) {
        const step = input.next(flow.progress());
        if (step === undefined) break;
        this.#options.inject(step.frame);
      }
      if (session.finished && !session.finishing) {
        session.finish(this.#options.farewellMark);
        this.#say('finished', session);
      }
    } while (session.pump());
    if (session.output.diverged) return this.#lose(flow, 'diverged');
    if (session.broken || session.output.overrun) return this.#lose(flow, 'lost');
    if (session.over && session.socket.facts().closed) return this.#end(flow);
    const busy = input.waiting > 0 || input.incomplete || session.blocked;
    if (busy) this.#stalled.add(flow);
    else this.#stalled.delete(flow);
  }

  #say(kind: Word['kind'], { flow, output }: Session<ComparedOutput>): void {
    this.#options.say({ kind, flow, offset: output.said.offset, digest: output.said.digest });
  }

  #lose(flow: ReplicaFlow, why: 'lost' | 'diverged'): void {
    if (why === 'lost') this.#lost++;
    else this.#diverged++;
    this.#say(why, flow.session);
    this.#doom(flow);
  }

  /** It lives on the active only; after a takeover its client is told that it is over. */
  #doom(flow: ReplicaFlow): void {
    this.#forget(flow);
    flow.session.abort();
    this.#doomed.add(flow.session.flow, flow.plan, flow.last);
    if (this.#speaks) this.#doomed.ask();
  }

  #end(flow: ReplicaFlow): void {
    this.#forget(flow);
    flow.session.close();
  }

  #forget(flow: ReplicaFlow): void {
    this.#partials += flow.input.counts.partials;
    this.#repeats += flow.input.counts.repeats;
    this.#flows.delete(flow.session.flow);
    this.#stalled.delete(flow);
  }
}

/** What the active's clock shows now, at most: it answered the SYN after we had it. */
function clockNow(plan: SocketPlan, sinceUs: number): number | undefined {
  if (plan.timestamp === undefined) return undefined;
  return add(plan.timestamp, Math.ceil((monotonicUs() - sinceUs) / 1000) + 1);
}
