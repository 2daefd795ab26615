/**
 * Commit before deliver, as the active does it: packets pass the gate, go to the standby as numbered messages, and are let
 * through when it has them. What the standby may believe of itself meanwhile, how long the active waits for it, and how long
 * it took.
 *
 * **The claim.** The standby asks; the answer is for how long from now nothing is delivered without it: what is left of the
 * patience with the oldest packet that it lacks. It may believe that for as long from when it asked. So the belief is over before
 * anything can be missing; no two clocks are compared.
 */
import { Gate, type GateMode } from '../sessions/gate.ts';
import { Latency } from './latency.ts';

export interface CommitsOptions {
  readonly policy: 'wait' | 'degrade';
  /** How long packets wait for a standby that does not answer, µs; with `degrade` only. */
  readonly patienceUs: number;
  /** What may wait, bytes. */
  readonly bytesMax: number;
  /** Sends a packet to the other machine; returns the message's number. */
  readonly send: (frame: Uint8Array) => number;
  /** Lets the kernel have it. */
  readonly deliver: (frame: Uint8Array) => void;
}

export class Commits {
  readonly #options: CommitsOptions;
  readonly #gate: Gate;
  readonly #latency = new Latency();
  /** Of packets that the other side does not have: the messages' numbers, and when they were sent. */
  #numbers: number[] = [];
  #timesUs: number[] = [];
  #first = 0;
  #had = 0;
  /** Commits that the other side has, as the gate counts them. */
  #resolved = 0;
  /** Messages up to this number were delivered without waiting: the standby has all only when it has these. */
  #followed = 0;

  constructor(options: CommitsOptions) {
    this.#options = options;
    this.#gate = new Gate('alone', options.bytesMax);
  }

  get mode(): GateMode {
    return this.#gate.mode;
  }

  /** Packets sent to the standby, and turned away because too much waited; what waits, bytes; how long commits took. */
  get counts(): { committed: number; dropped: number; bytesBehind: number } {
    const { committed, dropped } = this.#gate.counts;
    return { committed, dropped, bytesBehind: this.#gate.heldBytes };
  }

  get latency(): Latency {
    return this.#latency;
  }

  /** The first of the packets that wait. */
  get oldest(): Uint8Array | undefined {
    return this.#gate.oldest;
  }

  /** A packet from the network; it stays what it is while it waits. */
  arrive(frame: Uint8Array, nowUs: number): void {
    this.#gate.arrive(frame);
    this.#act(nowUs);
  }

  /** The other side has the first `count` messages. */
  had(count: number, nowUs: number): void {
    this.#had = count;
    let commits = 0;
    while (this.#first < this.#numbers.length && (this.#numbers[this.#first] ?? 0) <= count) {
      this.#latency.add(nowUs - (this.#timesUs[this.#first] ?? nowUs));
      this.#first++;
      commits++;
    }
    this.#resolved += commits;
    this.#gate.committed(this.#resolved);
    if (this.#first >= 1024 || this.#first === this.#numbers.length) this.#trim();
    this.#act(nowUs);
  }

  /** Each packet waits for the standby from now on. */
  commit(): void {
    this.#gate.setMode('commit');
  }

  /** The standby has not all before it has the messages up to this number. */
  require(sent: number): void {
    this.#followed = sent;
  }

  /** The standby gets each packet and none waits: whether it is one is not known yet. */
  follow(nowUs: number): void {
    this.#gate.setMode('follow');
    this.#act(nowUs);
  }

  /** There is no standby: what waits passes, and so does all that follows. */
  alone(nowUs: number): void {
    this.#gate.setMode('alone');
    this.#numbers = [];
    this.#timesUs = [];
    this.#first = 0;
    this.#resolved = this.#gate.counts.committed;
    this.#act(nowUs);
  }

  /** Another standby is there, or the same one that remembers nothing: what waits is sent to it. */
  anew(nowUs: number): readonly Uint8Array[] {
    const { held } = this.#gate;
    this.#numbers = held.map((frame) => this.#options.send(frame));
    this.#timesUs = held.map(() => nowUs);
    this.#first = 0;
    this.#had = 0;
    this.#followed = 0;
    this.#resolved = this.#gate.counts.committed - held.length;
    return held;
  }

  /** For how long from now nothing is delivered that the standby has not had; 0: some is already, or may be at any time. */
  claimUs(nowUs: number): number {
    if (this.#gate.mode !== 'commit' || this.#had < this.#followed) return 0;
    const { policy, patienceUs } = this.#options;
    return policy === 'wait' ? patienceUs : Math.max(0, patienceUs - this.#ageUs(nowUs));
  }

  /** It has not had a packet for the whole patience. */
  isOverdue(nowUs: number): boolean {
    if (this.#options.policy === 'wait' && this.#gate.mode === 'commit') return false;
    return this.#ageUs(nowUs) >= this.#options.patienceUs;
  }

  /** Of the oldest packet that the standby lacks. */
  #ageUs(nowUs: number): number {
    return nowUs - (this.#timesUs[this.#first] ?? nowUs);
  }

  #trim(): void {
    this.#numbers = this.#numbers.slice(this.#first);
    this.#timesUs = this.#timesUs.slice(this.#first);
    this.#first = 0;
  }

  #act(nowUs: number): void {
    for (const effect of this.#gate.takeEffects()) {
      if (effect.kind === 'deliver') this.#options.deliver(effect.frame);
      else {
        this.#numbers.push(this.#options.send(effect.frame));
        this.#timesUs.push(nowUs);
      }
    }
  }
}
