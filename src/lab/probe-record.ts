/** What a probe saw: every request and every answer with its instant, and what follows from them. No I/O. */

/** What a probe makes of a stretch of time. Instants are CLOCK_MONOTONIC microseconds. */
export interface ProbeSummary {
  readonly intervalUs: number;
  /** Requests sent in the window, and how many of them were never answered. */
  readonly sent: number;
  readonly lost: number;
  /** When the first of the lost ones were sent, microseconds after the fault (before it: negative); at most 100. */
  readonly lostAfterFaultUs: readonly number[];
  /** The longest time between two consecutive answers that reaches beyond the fault, minus one interval. */
  readonly blackoutMs: number;
  /** The longest time between a request and its answer: one that waited somewhere is late, not lost. */
  readonly lateMaxMs: number;
  /** The first answer from anyone but the victim after the fault; null when there was none. */
  readonly firstAnswerUs: number | null;
  /** Answers of the victim that arrived later than the first answer of a successor. */
  readonly late: number;
  /** Those of them that arrived when the victim's fence must have closed: two voices. */
  readonly stray: number;
  /** Answers by the name of the member that gave them. */
  readonly answers: Readonly<Record<string, number>>;
  /**
   * The first answer since which all came from one member and never so many as `darkRequests` in a row were lost; null when
   * it is not so to the end.
   */
  readonly steadyUs: number | null;
  /** Who that is. */
  readonly steadyBy: string | null;
}

/** So many requests lost in a row are no accident: the host is in the dark. */
export const darkRequests = 3;

/** How many lost requests a summary lists. */
const listedMax = 100;

interface Answers {
  readonly sent: number;
  /** By request; undefined: lost. */
  readonly inOrder: readonly (Answer | undefined)[];
  readonly list: readonly Answer[];
  /** When the unanswered ones were sent. */
  readonly lost: readonly number[];
}

interface Answer {
  readonly atUs: number;
  /** Of the request. */
  readonly sentAt: number;
  readonly member: string;
}

/** One stream of requests with consecutive numbers; the last `capacity` (a power of two) are remembered. */
export class ProbeRecord {
  readonly intervalUs: number;
  readonly #sentAt: Float64Array;
  readonly #answeredAt: Float64Array;
  readonly #answeredBy: Uint8Array;
  readonly #members: string[] = [];
  readonly #mask: number;
  #next = 0;

  constructor(intervalUs: number, capacity = 262_144) {
    this.intervalUs = intervalUs;
    this.#sentAt = new Float64Array(capacity);
    this.#answeredAt = new Float64Array(capacity);
    this.#answeredBy = new Uint8Array(capacity);
    this.#mask = capacity - 1;
  }

  /** A request goes out at `atUs`; returns its number. */
  send(atUs: number): number {
    const number = this.#next++;
    this.#sentAt[number & this.#mask] = atUs;
    this.#answeredAt[number & this.#mask] = 0;
    return number;
  }

  /** An answer to request `number` came from `member`. A second answer to the same request is ignored. */
  answer(number: number, member: string, atUs: number): void {
    if (number >= this.#next || number < this.#next - this.#sentAt.length) return;
    const slot = number & this.#mask;
    if (this.#answeredAt[slot] !== 0) return;
    let index = this.#members.indexOf(member);
    if (index < 0) index = this.#members.push(member) - 1;
    this.#answeredAt[slot] = atUs;
    this.#answeredBy[slot] = index;
  }

  /** Judges the requests sent in fromUs..toUs around a fault at `faultUs` of the machine `victim`. */
  summary(window: {
    readonly fromUs: number;
    readonly toUs: number;
    readonly faultUs: number;
    readonly victim: string;
    /** From here on the victim's machine must not speak any more, whatever its daemon's state. */
    readonly fencedUs: number;
  }): ProbeSummary {
    const answers = this.#answersOf(window.fromUs, window.toUs);
    const counts: Record<string, number> = {};
    let gap = 0;
    let previous = window.fromUs;
    let first: number | null = null;
    let lateMaxUs = 0;
    let late = 0;
    let stray = 0;
    for (const { atUs, sentAt, member } of answers.list) {
      lateMaxUs = Math.max(lateMaxUs, atUs - sentAt);
      if (atUs > window.faultUs) gap = Math.max(gap, atUs - previous);
      previous = atUs;
      counts[member] = (counts[member] ?? 0) + 1;
      if (member !== window.victim && atUs > window.faultUs) first ??= atUs;
      else if (member === window.victim && first !== null) {
        late++;
        if (atUs > window.fencedUs) stray++;
      }
    }
    gap = Math.max(gap, window.toUs - previous);
    return {
      intervalUs: this.intervalUs,
      sent: answers.sent,
      lost: answers.lost.length,
      lostAfterFaultUs: answers.lost.slice(0, listedMax).map((atUs) => atUs - window.faultUs),
      blackoutMs: Math.max(0, Math.round(gap - this.intervalUs)) / 1000,
      lateMaxMs: Math.round(lateMaxUs) / 1000,
      firstAnswerUs: first,
      late,
      stray,
      answers: counts,
      ...steadiness(answers.inOrder),
    };
  }

  /** The answers to the requests of a window, in the order they arrived. */
  #answersOf(fromUs: number, toUs: number): Answers {
    const list: Answer[] = [];
    const inOrder: (Answer | undefined)[] = [];
    const lost: number[] = [];
    let sent = 0;
    for (let number = Math.max(0, this.#next - this.#sentAt.length); number < this.#next; number++) {
      const slot = number & this.#mask;
      const sentAt = this.#sentAt[slot] ?? 0;
      if (sentAt < fromUs || sentAt > toUs) continue;
      sent++;
      const atUs = this.#answeredAt[slot] ?? 0;
      const member = this.#members[this.#answeredBy[slot] ?? 0] ?? '';
      const answer = atUs === 0 ? undefined : { atUs, sentAt, member };
      inOrder.push(answer);
      if (answer === undefined) lost.push(sentAt);
      else list.push(answer);
    }
    list.sort((a, b) => a.atUs - b.atUs);
    return { sent, inOrder, list, lost };
  }
}

function steadiness(answers: Answers['inOrder']): Pick<ProbeSummary, 'steadyUs' | 'steadyBy'> {
  let since: Answer | undefined;
  let lost = 0;
  for (const answer of answers) {
    lost = answer === undefined ? lost + 1 : 0;
    if (lost >= darkRequests) since = undefined;
    else if (answer !== undefined && answer.member !== since?.member) since = answer;
  }
  return { steadyUs: since?.atUs ?? null, steadyBy: since?.member ?? null };
}
