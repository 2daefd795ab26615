/**
 * Paths that lose, delay, duplicate and reorder; that are cut at one end, partitioned, or stormy for a while. A path that
 * proxies route passes while their machines have power: a killed or frozen process is not asked.
 */
import type { NodeId, PathId } from '../wire/control/message.ts';
import type { Agenda } from './agenda.ts';
import { lanOf, type Plan } from './plan.ts';
import type { Random } from './random.ts';
import type { PathPlan } from './wiring.ts';

export class Network {
  readonly #agenda: Agenda;
  readonly #random: Random;
  readonly #plan: Plan;
  readonly #fellSilent: () => void;
  /** How many datagrams in a row were lost by chance, by direction. */
  readonly #streaks = new Map<number, number>();
  /** Directions that pass nothing. */
  readonly #blocked = new Set<number>();
  readonly #cut = new Set<PathId>();
  readonly #lags = new Map<NodeId, number>();
  readonly #unpowered = new Set<NodeId>();
  /** Whose control datagrams are dropped on every path, while all else passes. */
  readonly #muted = new Set<NodeId>();
  /** Whose port on the hosts' LAN passes nothing yet. */
  readonly #silent = new Set<NodeId>();
  /** Nothing is lost any more; delays and duplicates stay. */
  lossless = false;
  stormLossShare = 0;
  stormDelayUs = 0;

  /** `fellSilent`: chance alone took as many datagrams in a row as silence needs. */
  constructor(agenda: Agenda, random: Random, plan: Plan, fellSilent: () => void) {
    this.#agenda = agenda;
    this.#random = random;
    this.#plan = plan;
    this.#fellSilent = fellSilent;
  }

  block(path: PathId, from: NodeId, to: NodeId): void {
    this.#blocked.add(direction(path, from, to));
  }

  /** Nobody hears it any more; `oneWay`: it still hears the others. */
  isolate(lonely: NodeId, oneWay: boolean): void {
    for (const { id, members } of this.#plan.paths) {
      for (const other of members) {
        if (other === lonely || !members.includes(lonely)) continue;
        this.block(id, lonely, other);
        if (!oneWay) this.block(id, other, lonely);
      }
    }
  }

  /** What it sends and what is sent to it takes so much longer, microseconds. */
  lag(node: NodeId, us: number): void {
    if (us === 0) this.#lags.delete(node);
    else this.#lags.set(node, us);
  }

  /** A filter takes the control datagrams that it sends and that are sent to it. */
  mute(node: NodeId): void {
    this.#muted.add(node);
  }

  silence(node: NodeId, on: boolean): void {
    if (on) this.#silent.add(node);
    else this.#silent.delete(node);
  }

  isSilent(node: NodeId): boolean {
    return this.#silent.has(node);
  }

  healAll(): void {
    this.#blocked.clear();
    this.#muted.clear();
    this.#lags.clear();
    this.#cut.clear();
    this.stormLossShare = 0;
    this.stormDelayUs = 0;
  }

  cut(path: PathId, out: boolean): void {
    if (out) this.#cut.add(path);
    else this.#cut.delete(path);
  }

  isPowered(node: NodeId): boolean {
    return !this.#unpowered.has(node);
  }

  power(member: NodeId, on: boolean): void {
    if (on) this.#unpowered.delete(member);
    else this.#unpowered.add(member);
  }

  /**
   * A cable has carrier when it is in and both ends have power; a LAN port depends on the switch only. The carrier of a
   * routed path is that of the first part, as seen by `at`.
   */
  carrier(path: PathPlan, at: NodeId): boolean {
    const leg = path.legs?.find(({ from, to }) => from === at || to === at);
    if (leg !== undefined) return this.carrier(leg.path, at);
    if (this.#cut.has(path.id)) return false;
    return !path.cable || !path.members.some((member) => this.#unpowered.has(member));
  }

  passes(path: PathPlan, from: NodeId, to: NodeId): boolean {
    if (this.#muted.size > 0 && (this.#muted.has(from) || this.#muted.has(to))) return false;
    if (this.#blocked.size > 0 && this.#blocked.has(direction(path.id, from, to))) return false;
    const silent = this.#silent.size > 0 && (this.#silent.has(from) || this.#silent.has(to));
    if (silent && path === lanOf(this.#plan)) return false;
    if (path.legs === undefined) return this.carrier(path, from);
    const ahead = path.members[0] === from;
    return path.legs.every((leg) => {
      const [near, far] = ahead ? [leg.from, leg.to] : [leg.to, leg.from];
      const powered = far === to || !this.#unpowered.has(far);
      return powered && this.passes(leg.path, near, far);
    });
  }

  /** What one place says on the hosts' LAN, another one hears: no storm, no partition. */
  reaches(from: NodeId, to: NodeId): boolean {
    const lan = lanOf(this.#plan);
    return lan !== undefined && this.stormLossShare === 0 && this.passes(lan, from, to);
  }

  /** A frame on the hosts' LAN comes through, whatever becomes of control datagrams. */
  carries(from: NodeId, to: NodeId): boolean {
    const lan = lanOf(this.#plan);
    if (this.stormLossShare > 0 || [from, to].some((id) => this.#unpowered.has(id) || this.#silent.has(id)))
      return false;
    return lan === undefined || (this.carrier(lan, from) && !this.#blocked.has(direction(lan.id, from, to)));
  }

  /** Calls `deliver` once for each copy that arrives. */
  send(path: PathPlan, from: NodeId, to: NodeId, deliver: () => void): void {
    if (!this.passes(path, from, to)) return;
    const { lossShare, duplicateShare, delayUs } = this.#plan;
    const lagUs = this.#lags.size === 0 ? 0 : (this.#lags.get(from) ?? 0) + (this.#lags.get(to) ?? 0);
    const copies = this.#random.chance(duplicateShare) ? 2 : 1;
    let arrive = 0;
    for (let copy = 0; copy < copies; copy++) {
      const lost = this.#random.chance(Math.max(lossShare, this.stormLossShare));
      if (lost && !this.lossless) continue;
      arrive++;
      const late = this.stormDelayUs === 0 ? 0 : this.#random.between(0, this.stormDelayUs);
      this.#agenda.after(this.#random.between(delayUs[0], delayUs[1]) + late + lagUs, () => {
        if (this.passes(path, from, to)) deliver();
      });
    }
    this.#count(direction(path.id, from, to), arrive === 0);
  }

  #count(way: number, lost: boolean): void {
    if (!lost && !this.#streaks.has(way)) return;
    const streak = lost ? (this.#streaks.get(way) ?? 0) + 1 : 0;
    if (streak === 0) this.#streaks.delete(way);
    else this.#streaks.set(way, streak);
    // The next one may be later than the last one was, and then comes too late.
    if (streak >= this.#plan.missCount - 1) this.#fellSilent();
  }
}

/** One direction of a path as a number: node and path numbers of simulated worlds are below 64. */
function direction(path: PathId, from: NodeId, to: NodeId): number {
  return (path * 64 + from) * 64 + to;
}
