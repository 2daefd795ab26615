/** A connection as the standby rebuilds it: first a handshake, then a kernel socket that mirrored packets drive. */
import { monotonicUs } from '../linux/clock.ts';
import { setTimestampClock, timestampClock } from '../linux/tcp-repair.ts';
import type { SocketPlan } from '../sessions/handshake.ts';
import type { SharedOutput } from '../sessions/output.ts';
import { bareOf, type Packet } from '../sessions/packet.ts';
import { type Progress, ReplicaInput, type Step } from '../sessions/replica.ts';
import { add, distance, isAfter, latest } from '../sessions/sequence.ts';
import { decodeTcpOptions } from '../wire/tcp-options.ts';
import type { Session } from './session.ts';

/** A connection whose output both machines have a part in. */
export type SharedSession = Session<SharedOutput>;

export class ReplicaFlow {
  readonly session: SharedSession;
  readonly input: ReplicaInput;
  readonly plan: SocketPlan;
  /** The last packet from the client, bare: where and how it is reached. */
  last: Packet;
  /** When that was, CLOCK_MONOTONIC; 0: not since this machine has the connection. */
  heardUs = 0;
  /** The active's newest clock reading that the client has returned. */
  #echo: number | undefined;
  /** What the socket's clock showed, and when: it runs as the monotonic clock does. */
  #clock: { readonly shown: number; readonly atUs: number } | undefined;
  /** It is not behind anything that was heard until now. */
  #isClockKept = false;
  #spoken = false;
  /** What is to be done before a packet may drive it. */
  #preparation: (() => void) | undefined;
  /** What the socket said last: it is as far at least. */
  #known: Progress | undefined;
  /** Numbers of changes of role: of the last one that it has followed, and of the one after which its client was poked. */
  #followed: number;
  #pokedAfter: number;

  /** `change`: the number of the machine's last change of role. */
  constructor(plan: SocketPlan, session: SharedSession, first: Packet, bytesMax: number, change: number) {
    this.plan = plan;
    this.session = session;
    this.input = new ReplicaInput(bytesMax, plan.windowScale?.theirs);
    this.last = bareOf(first);
    this.#echo = plan.timestamp;
    this.#followed = change;
    this.#pokedAfter = change;
  }

  /**
   * This machine leads since the change of role with this number; to be called before a packet may drive the connection. What
   * waits of its output is digested the first time, which takes a while where that is much.
   */
  lead(change: number): void {
    if (this.#followed === change) return;
    this.#followed = change;
    // It was to become a replica.
    this.#preparation = undefined;
    this.session.output.lead();
  }

  /** Nobody hears it since the change of role with this number. */
  follow(change: number): void {
    this.#followed = change;
    this.#preparation = undefined;
    this.session.output.follow();
  }

  /** Whether its client is to be poked, once after a change of role. */
  takePoke(change: number): boolean {
    const isDue = this.#pokedAfter !== change;
    this.#pokedAfter = change;
    return isDue;
  }

  /** `work` is done when the connection is next turned to: of many at once most can wait. */
  prepareBy(work: () => void): void {
    this.#preparation = work;
  }

  prepare(): void {
    const work = this.#preparation;
    this.#preparation = undefined;
    work?.();
  }

  /** False: no room, the connection is lost. */
  arrive(packet: Packet): boolean {
    if (!isAfter(this.last.segment.acknowledgment, packet.segment.acknowledgment)) this.last = bareOf(packet);
    this.#isClockKept = false;
    if (this.#echo === undefined) return this.input.arrive(packet);
    const options = decodeTcpOptions(packet.segment.options);
    const timestamps = options.ok ? options.value.timestamps : undefined;
    if (timestamps !== undefined) this.#echo = latest(this.#echo, timestamps.echo);
    return this.input.arrive(packet, timestamps?.value);
  }

  /** What the kernel may have next. The socket is asked only where it matters how far it is: that is a call for each. */
  next(): Step | undefined {
    const { input } = this;
    if (this.#known !== undefined && input.passes(this.#known)) return input.next(this.#known);
    return input.waiting > 0 || input.incomplete ? input.next(this.progress()) : undefined;
  }

  progress(): Progress {
    const { sent, acknowledged, received, unsent } = this.session.socket.facts();
    const { sendSequence, receiveSequence } = this.plan;
    const farewell = this.session.finishing && unsent === 0 ? 1 : 0;
    const unacknowledged = add(sendSequence, acknowledged);
    this.#known = {
      sendNext: latest(add(sendSequence, sent + farewell), unacknowledged),
      sendUnacknowledged: unacknowledged,
      receiveNext: add(receiveSequence, received),
    };
    return this.#known;
  }

  /** How much of the output the client has, as its newest packet says, bytes. */
  get acknowledged(): number {
    const { acknowledged } = this.session.socket.facts();
    const here = add(this.plan.sendSequence, acknowledged);
    return acknowledged + distance(here, this.last.segment.acknowledgment);
  }

  /** The client has said something. */
  get spoken(): boolean {
    this.#spoken ||= this.progress().receiveNext !== this.plan.receiveSequence;
    return this.#spoken;
  }

  /** The clock must not show less than the client has seen: it would drop what we say (RFC 7323 §5). */
  keepClock(marginMs: number, nowUs: number): void {
    if (this.#isClockKept) return;
    this.prepare();
    this.#isClockKept = true;
    if (this.#echo === undefined) return;
    const least = add(this.#echo, marginMs);
    if (isAfter(least, this.#clockAt(nowUs))) this.#setClock(least);
  }

  /** The clock goes ahead by so much. */
  advanceClock(byMs: number): void {
    if (this.plan.timestamp !== undefined) this.#setClock(add(timestampClock(this.session.socket.fd), byMs));
  }

  /** The kernel is asked once: at a takeover it would be asked for every connection. */
  #clockAt(nowUs: number): number {
    this.#clock ??= { shown: timestampClock(this.session.socket.fd), atUs: monotonicUs() };
    return add(this.#clock.shown, Math.floor((nowUs - this.#clock.atUs) / 1000));
  }

  #setClock(shown: number): void {
    setTimestampClock(this.session.socket.fd, shown);
    this.#clock = { shown, atUs: monotonicUs() };
  }
}
