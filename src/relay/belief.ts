/**
 * Whether the standby has all that the active delivered. It asks, and the answer is for how long from then on nothing can pass
 * without it: so it believes that for as long from when it asked, and the belief is over before anything can be missing.
 */
import { readU48, writeU48 } from '../wire/big-endian.ts';

/** A belief is shortened by so much: clocks do not all run at the same speed. */
const clockShare = 0.985;
/** Of a time in a question or an answer. */
const stampBytes = 6;
const ask = { leastUs: 20_000, mostUs: 100_000, shareOfPatience: 0.1 } as const;

export interface BeliefConfig {
  readonly policy: 'wait' | 'degrade';
  readonly patienceUs: number;
}

export class Belief {
  readonly #config: BeliefConfig;
  #untilUs = 0;
  #askAtUs = 0;

  constructor(config: BeliefConfig) {
    this.#config = config;
  }

  holds(nowUs: number): boolean {
    return nowUs <= this.#untilUs;
  }

  /** Nothing is known. */
  lose(): void {
    this.#untilUs = 0;
  }

  /** All that it delivered, it sent before its last word. */
  confirm(): void {
    this.#untilUs = Number.POSITIVE_INFINITY;
  }

  /** What its last word said does not hold for ever: it is not heard any more, and may become the active. */
  limit(nowUs: number): void {
    if (this.#untilUs === Number.POSITIVE_INFINITY) this.trust(nowUs);
  }

  /** All that was delivered until now is here, but the other one may become the active unheard. */
  trust(nowUs: number): void {
    this.#untilUs = nowUs + (this.#config.patienceUs / 2) * clockShare;
  }

  askNow(): void {
    this.#askAtUs = 0;
  }

  /** What to ask when it is time to; `depends`: on the answer. */
  question(nowUs: number, depends: boolean): Uint8Array | undefined {
    if (nowUs < this.#askAtUs) return undefined;
    const { leastUs, mostUs, shareOfPatience } = ask;
    const usual = Math.max(leastUs, Math.min(mostUs, this.#config.patienceUs * shareOfPatience));
    this.#askAtUs = nowUs + (depends && !this.holds(nowUs) ? leastUs : usual);
    const stamp = new Uint8Array(stampBytes);
    writeU48(stamp, 0, nowUs);
    return stamp;
  }

  /** `claimUs`: for how long from now nothing passes without the other one; 0: something may. Undefined: that was no question. */
  static answer(question: Uint8Array, claimUs: number): Uint8Array | undefined {
    if (question.length !== stampBytes) return undefined;
    const answer = new Uint8Array(2 * stampBytes);
    answer.set(question);
    writeU48(answer, stampBytes, claimUs);
    return answer;
  }

  hear(answer: Uint8Array): void {
    if (answer.length !== 2 * stampBytes) return;
    const claimUs = readU48(answer, stampBytes);
    if (claimUs === 0) return;
    const untilUs = readU48(answer, 0) + claimUs * clockShare;
    this.#untilUs =
      this.#config.policy === 'wait' ? Number.POSITIVE_INFINITY : Math.max(this.#untilUs, untilUs);
  }
}
