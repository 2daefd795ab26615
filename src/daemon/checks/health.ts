/** The checks of all groups, and each group's health: all of its checks healthy. */
import type { CheckStatus } from '../../api/types.ts';
import type { CheckEntry } from '../config/format.ts';
import type { ControlGroup } from '../config/resolve.ts';
import type { CheckRun } from './check.ts';
import { makeCheck } from './registry.ts';
import { CheckSchedule, type CheckState } from './schedule.ts';

export interface HealthListener {
  /** A check turned, or ran for the first time. */
  check(group: ControlGroup, entry: CheckEntry, state: CheckState): void;
  /** The sum changed, or is known for the first time. */
  health(group: ControlGroup, healthy: boolean, reason: string): void;
}

interface Watched {
  readonly entry: CheckEntry;
  readonly schedule: CheckSchedule;
}

interface WatchedGroup {
  readonly group: ControlGroup;
  readonly checks: readonly Watched[];
}

export class HealthWatch {
  readonly #listener: HealthListener;
  readonly #make: (entry: CheckEntry) => CheckRun;
  readonly #groups = new Map<number, WatchedGroup>();
  readonly #said = new Map<number, boolean>();

  constructor(listener: HealthListener, make: (entry: CheckEntry) => CheckRun = makeCheck) {
    this.#listener = listener;
    this.#make = make;
  }

  /**
   * Checks these groups and no others. Checks that are the same as before run on. A group that is new is unhealthy until
   * all its checks pass; one that was watched keeps its health until its new checks have run.
   */
  watch(groups: readonly ControlGroup[]): void {
    const before = new Map(this.#groups);
    this.#groups.clear();
    const begun = groups.flatMap((group) => this.#take(group, before.get(group.id)?.checks ?? []));
    const kept = new Set([...this.#groups.values()].flatMap(({ checks }) => checks));
    for (const { checks } of before.values()) {
      for (const one of checks) if (!kept.has(one)) one.schedule.stop();
    }
    for (const id of before.keys()) if (!this.#groups.has(id)) this.#said.delete(id);
    for (const group of groups) this.#judge(group.id);
    for (const { schedule } of begun) schedule.start();
  }

  status(group: number): CheckStatus[] {
    return (this.#groups.get(group)?.checks ?? []).map(({ entry, schedule }) => ({
      name: entry.name,
      kind: entry.kind,
      healthy: schedule.state.healthy,
      detail: schedule.state.detail,
    }));
  }

  stop(): void {
    this.watch([]);
  }

  /** Returns the checks that are to be started: those without an equal among `before`. */
  #take(group: ControlGroup, before: readonly Watched[]): readonly Watched[] {
    const running = new Map(before.map((one) => [JSON.stringify(one.entry), one]));
    const begun: Watched[] = [];
    const checks = group.checks.map((entry) => {
      const same = running.get(JSON.stringify(entry));
      if (same !== undefined) return same;
      const one = this.#schedule(group, entry);
      begun.push(one);
      return one;
    });
    this.#groups.set(group.id, { group, checks });
    return begun;
  }

  #schedule(group: ControlGroup, entry: CheckEntry): Watched {
    const schedule = new CheckSchedule(entry, this.#make(entry), (state) => {
      this.#listener.check(group, entry, state);
      this.#judge(group.id);
    });
    return { entry, schedule };
  }

  #judge(id: number): void {
    const watched = this.#groups.get(id);
    if (watched === undefined) return;
    const failing = this.status(id).filter((check) => !check.healthy);
    const healthy = failing.length === 0;
    const said = this.#said.get(id);
    // Of a group whose health was known, a check that only a reload made says nothing before its first run.
    if (said === healthy || (said === true && failing.every((check) => check.detail === null))) return;
    this.#said.set(id, healthy);
    const reason = failing.map((check) => `${check.name}: ${check.detail ?? 'has not run yet'}`).join('; ');
    this.#listener.health(watched.group, healthy, reason === '' ? 'all checks pass' : reason);
  }
}
