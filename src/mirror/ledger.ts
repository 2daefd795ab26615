/**
 * When a commit resolves. It does as soon as every standby that *counts* holds it. With `wait` all count, always. With
 * `degrade` a standby that has not held a commit for `degradeAfterUs` stops counting until it has caught up.
 *
 * **The claim.** A standby that takes over wants to know whether it holds all that was ever resolved. While it counts it
 * is told so, and it may believe that for a *claim* of half of `degradeAfterUs` from when it asked. From half of
 * `degradeAfterUs` after the oldest commit that it does not hold, it is told so no more. So every claim is over before
 * the first commit resolves without its holder, whatever the network delays: no clock is compared with another one.
 */
export type Policy = 'wait' | 'degrade';

export interface LedgerEvent {
  readonly kind: 'counts' | 'degraded';
  readonly standby: string;
}

interface Standing {
  counts: boolean;
  held: number;
}

/** Commits issued at nearly one time share an entry: so many entries at most in one `degradeAfterUs`. */
const entriesInPatience = 64;

export class CommitLedger {
  readonly #policy: Policy;
  readonly #degradeAfterUs: number;
  readonly #standings = new Map<string, Standing>();
  /** Unresolved commits: the last of each entry, and when its first was issued. Only with `degrade`. */
  #entries: { last: number; readonly atUs: number }[] = [];
  #head = 0;
  #resolved = 0;
  #events: LedgerEvent[] = [];

  constructor(policy: Policy, degradeAfterUs: number) {
    this.#policy = policy;
    this.#degradeAfterUs = degradeAfterUs;
  }

  /** `expected`: it counts from the start; otherwise, with `degrade`, only once it has caught up. */
  add(standby: string, expected: boolean): void {
    this.#standings.set(standby, { counts: expected || this.#policy === 'wait', held: 0 });
  }

  /** How long a claim lasts, µs; 0: without end. */
  get claimUs(): number {
    return this.#policy === 'wait' ? 0 : Math.floor(this.#degradeAfterUs / 2);
  }

  /** The last commit that is resolved. It never goes back, also when a standby that lags a little counts again. */
  get resolved(): number {
    let resolved = this.#head;
    for (const { counts, held } of this.#standings.values()) {
      if (counts) resolved = Math.min(resolved, held);
    }
    this.#resolved = Math.max(this.#resolved, resolved);
    return this.#resolved;
  }

  /** There is a standby, and every one counts: what resolves is held by all. */
  get mirrored(): boolean {
    return this.#standings.size > 0 && [...this.#standings.values()].every(({ counts }) => counts);
  }

  counts(standby: string): boolean {
    return this.#standings.get(standby)?.counts ?? false;
  }

  issue(sequence: number, nowUs: number): void {
    this.#head = sequence;
    if (this.#policy === 'wait') return;
    const last = this.#entries.at(-1);
    const span = this.#degradeAfterUs / entriesInPatience;
    if (last !== undefined && nowUs - last.atUs < span) last.last = sequence;
    else this.#entries.push({ last: sequence, atUs: nowUs });
    this.#forget();
  }

  held(standby: string, sequence: number): void {
    const standing = this.#standings.get(standby);
    if (standing === undefined) return;
    standing.held = Math.max(standing.held, sequence);
    this.#forget();
  }

  caughtUp(standby: string): void {
    const standing = this.#standings.get(standby);
    if (standing === undefined || standing.counts) return;
    standing.counts = true;
    this.#events.push({ kind: 'counts', standby });
  }

  /** It gave up its claim and goes: with `degrade` nobody waits for it. */
  left(standby: string): void {
    if (this.#policy === 'degrade') this.#degrade(standby);
  }

  /** Whether it may be told that it counts. */
  mayClaim(standby: string, nowUs: number): boolean {
    const standing = this.#standings.get(standby);
    if (!standing?.counts) return false;
    const oldest = this.#oldestUnheld(standing);
    return oldest === undefined || nowUs < oldest + this.#degradeAfterUs / 2;
  }

  /** When somebody stops counting unless it holds more by then; undefined: nobody will. */
  get deadlineUs(): number | undefined {
    const first = this.#entries[0];
    return first === undefined ? undefined : first.atUs + this.#degradeAfterUs;
  }

  expire(nowUs: number): void {
    for (const [standby, standing] of this.#standings) {
      const oldest = this.#oldestUnheld(standing);
      if (oldest !== undefined && nowUs >= oldest + this.#degradeAfterUs) this.#degrade(standby);
    }
    this.#forget();
  }

  take(): readonly LedgerEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  #oldestUnheld({ held }: Standing): number | undefined {
    return this.#entries.find(({ last }) => last > held)?.atUs;
  }

  #degrade(standby: string): void {
    const standing = this.#standings.get(standby);
    if (!standing?.counts) return;
    standing.counts = false;
    this.#events.push({ kind: 'degraded', standby });
    this.#forget();
  }

  #forget(): void {
    const { resolved } = this;
    const kept = this.#entries.findIndex(({ last }) => last > resolved);
    if (kept !== 0) this.#entries.splice(0, kept < 0 ? this.#entries.length : kept);
  }
}
