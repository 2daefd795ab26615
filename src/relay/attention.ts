/**
 * Connections that have something to do which no packet reminds of: those that wait, looked at in every turn, and those that
 * are turned to when there is time, in slices, because all of them at once would make every packet wait.
 */
import { monotonicUs } from '../linux/clock.ts';
import type { ReplicaFlow } from './flow.ts';

/** How long packets wait for connections that are turned to without a reason of their own. */
const sliceUs = 1000;
/** Clients that were heard within so long before a change of role are turned to first: they may be waiting. */
const recentUs = 1_000_000;
/** How long the kernel has to take what it was given, before it is given again. */
const repeatUs = 20_000;

export class Attention {
  readonly #stalled = new Set<ReplicaFlow>();
  /** In the order in which they are turned to, behind those of the round. */
  readonly #due = new Set<ReplicaFlow>();
  /** Through all of them. */
  #round: Iterator<ReplicaFlow> | undefined;
  #repeatAtUs = 0;

  /** Somebody waits. */
  get stalled(): boolean {
    return this.#stalled.size > 0;
  }

  /** There is more to do at once. */
  get busy(): boolean {
    return this.#due.size > 0 || this.#round !== undefined;
  }

  /** To be turned to when there is time. */
  add(flow: ReplicaFlow): void {
    this.#due.add(flow);
  }

  /**
   * To all of them: first those that wait for something, and those that were heard just now. The map is walked as they are
   * turned to, so that it takes no time here, however many they are.
   */
  addAll(flows: ReadonlyMap<string, ReplicaFlow>): void {
    this.#due.clear();
    this.#round = this.#roundOf(flows, monotonicUs() - recentUs);
  }

  *#roundOf(flows: ReadonlyMap<string, ReplicaFlow>, sinceUs: number): Generator<ReplicaFlow> {
    const isFirst = (flow: ReplicaFlow): boolean =>
      flow.heardUs >= sinceUs || flow.session.output.waiting > 0 || this.#stalled.has(flow);
    for (const flow of flows.values()) if (isFirst(flow)) yield flow;
    // One that has become such meanwhile was turned to for that.
    for (const flow of flows.values()) if (!isFirst(flow)) yield flow;
  }

  /** It waits for something, or no more. */
  stall(flow: ReplicaFlow, waits: boolean): void {
    if (waits) this.#stalled.add(flow);
    else this.#stalled.delete(flow);
  }

  forget(flow: ReplicaFlow): void {
    this.#stalled.delete(flow);
    this.#due.delete(flow);
  }

  /** Those whose turn it is, for a slice of time from `nowUs`. */
  *slice(nowUs: number): Generator<ReplicaFlow> {
    for (let flow = this.#next(); flow !== undefined; flow = this.#next()) {
      yield flow;
      if (monotonicUs() >= nowUs + sliceUs) return;
    }
  }

  #next(): ReplicaFlow | undefined {
    const step = this.#round?.next();
    if (step !== undefined && step.done !== true) return step.value;
    this.#round = undefined;
    for (const flow of this.#due) {
      this.#due.delete(flow);
      return flow;
    }
    return undefined;
  }

  /** Those that wait; `repeats`: what their kernels were given and have not taken is to be given again. */
  waiting(nowUs: number): { readonly flows: readonly ReplicaFlow[]; readonly repeats: boolean } {
    if (this.#stalled.size === 0) return { flows: [], repeats: false };
    const repeats = nowUs >= this.#repeatAtUs;
    if (repeats) this.#repeatAtUs = nowUs + repeatUs;
    return { flows: [...this.#stalled], repeats };
  }
}
