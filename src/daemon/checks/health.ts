/** The checks of all groups, and each group's health: all of its checks healthy. */
import type { CheckStatus } from '../../api/types.ts';
import type { CheckEntry } from '../config/format.ts';
import type { ControlGroup } from '../config/resolve.ts';
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

export class HealthWatch {
  readonly #listener: HealthListener;
  readonly #groups = new Map<number, { readonly group: ControlGroup; readonly checks: readonly Watched[] }>();
  readonly #said = new Map<number, boolean>();

  constructor(listener: HealthListener) {
    this.#listener = listener;
  }

  /** Starts the checks of these groups; those of the groups before are stopped, except where nothing changed. */
  watch(groups: readonly ControlGroup[]): void {
    for (const [id, watched] of this.#groups) {
      const same = groups.find((group) => group.id === id);
      if (same !== undefined && JSON.stringify(same.checks) === JSON.stringify(watched.group.checks))
        continue;
      for (const { schedule } of watched.checks) schedule.stop();
      this.#groups.delete(id);
      this.#said.delete(id);
    }
    for (const group of groups) {
      if (this.#groups.has(group.id)) continue;
      const checks = group.checks.map((entry) => this.#schedule(group, entry));
      this.#groups.set(group.id, { group, checks });
      this.#judge(group);
      for (const { schedule } of checks) schedule.start();
    }
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

  #schedule(group: ControlGroup, entry: CheckEntry): Watched {
    const schedule = new CheckSchedule(entry, makeCheck(entry), (state) => {
      this.#listener.check(group, entry, state);
      this.#judge(group);
    });
    return { entry, schedule };
  }

  #judge(group: ControlGroup): void {
    const failing = this.status(group.id).filter((check) => !check.healthy);
    const healthy = failing.length === 0;
    if (this.#said.get(group.id) === healthy) return;
    this.#said.set(group.id, healthy);
    const reason = failing.map((check) => `${check.name}: ${check.detail ?? 'has not run yet'}`).join('; ');
    this.#listener.health(group, healthy, reason === '' ? 'all checks pass' : reason);
  }
}
