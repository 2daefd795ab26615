/** What one session of a host's program comes to: what it heard, what of that was wrong, and how long it waited. */

/** CLOCK_MONOTONIC microseconds, the clock of the whole lab, as any Node program can read it. */
export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

interface Wait {
  readonly fromUs: number;
  readonly toUs: number;
}

/** Shorter waits are nobody's stall, microseconds. */
const noticeableUs = 1000;

export class SessionLog {
  readonly openedUs: number = nowUs();
  /** Bytes heard, and those that were not what they must be. */
  bytes = 0;
  wrongBytes = 0;
  #endedUs: number | undefined;
  #lost: string | undefined;
  readonly #waits: Wait[] = [];
  #waitingSinceUs: number | undefined;
  #provenUs = 0;

  /** Why it is lost; undefined while it lives and after an end in order. */
  get lost(): string | undefined {
    return this.#lost;
  }

  /** When it was lost or ended in order, microseconds; undefined while it lives. */
  get endedUs(): number | undefined {
    return this.#endedUs;
  }

  /** Something that was asked or awaited from here on has come: the session lived then, microseconds. */
  get provenUs(): number {
    return this.#provenUs;
  }

  /** From here on something is awaited. */
  await(): void {
    this.#waitingSinceUs = nowUs();
  }

  /** It came: `bytes` of it, `wrong` of these not as they must be. Returns how long it took, microseconds. */
  hear(bytes: number, wrong: number): number {
    this.bytes += bytes;
    this.wrongBytes += wrong;
    const fromUs = this.#waitingSinceUs;
    if (fromUs === undefined) return 0;
    const toUs = nowUs();
    this.#waitingSinceUs = undefined;
    this.#provenUs = fromUs;
    if (toUs - fromUs >= noticeableUs) this.#waits.push({ fromUs, toUs });
    return toUs - fromUs;
  }

  /** It ended in order. */
  end(): void {
    this.#over();
  }

  lose(why: string): void {
    if (this.#endedUs === undefined) this.#lost = why;
    this.#over();
  }

  /** The longest wait that was not over at `sinceUs` and began by `untilUs`; one that goes on counts up to now. Microseconds. */
  longestWaitUs(sinceUs: number, untilUs: number): number {
    const waits = [...this.#waits];
    if (this.#waitingSinceUs !== undefined) waits.push({ fromUs: this.#waitingSinceUs, toUs: nowUs() });
    return Math.max(
      0,
      ...waits
        .filter(({ fromUs, toUs }) => toUs >= sinceUs && fromUs <= untilUs)
        .map(({ fromUs, toUs }) => toUs - fromUs),
    );
  }

  #over(): void {
    if (this.#endedUs !== undefined) return;
    this.#endedUs = nowUs();
    if (this.#waitingSinceUs !== undefined) this.hear(0, 0);
  }
}

/** How many bytes of `heard` are not those of `expected`; missing and additional ones count. */
export function difference(heard: Uint8Array, expected: Uint8Array): number {
  let wrong = Math.abs(heard.length - expected.length);
  for (let i = 0; i < Math.min(heard.length, expected.length); i++) if (heard[i] !== expected[i]) wrong++;
  return wrong;
}
