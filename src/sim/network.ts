/**
 * Paths that lose, delay, duplicate and reorder; that are cut at one end, partitioned, or stormy for a while. A path that
 * proxies route passes while their machines have power: a killed or frozen process is not asked.
 *
 * It remembers since when each direction has passed everything without delay: the checkers ask who could hear whom.
 */
import type { NodeId, PathId } from '../wire/control/message.ts';
import type { Agenda } from './agenda.ts';
import { lanOf, type Plan } from './plan.ts';
import type { Random } from './random.ts';
import type { PathPlan } from './wiring.ts';

/** Whom a machine that is cut off still reaches (`deaf`) or hears (`mute`), or neither. */
export type Way = 'mute' | 'deaf' | 'both';

/** What is so for some reasons, until the last of them is gone. */
class Reasons<T> {
  readonly #counts = new Map<T, number>();

  get size(): number {
    return this.#counts.size;
  }

  has(what: T): boolean {
    return this.#counts.has(what);
  }

  add(what: T): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  delete(what: T): void {
    const rest = (this.#counts.get(what) ?? 1) - 1;
    if (rest > 0) this.#counts.set(what, rest);
    else this.#counts.delete(what);
  }

  clear(): void {
    this.#counts.clear();
  }
}

export class Network {
  readonly #agenda: Agenda;
  readonly #random: Random;
  readonly #plan: Plan;
  readonly #fellSilent: () => void;
  /** How many datagrams in a row were lost by chance, by direction. */
  readonly #streaks = new Map<number, number>();
  /** Directions that pass nothing, and for how many reasons. */
  readonly #blocked = new Reasons<number>();
  readonly #cut = new Reasons<PathId>();
  readonly #lags = new Map<NodeId, number>();
  readonly #unpowered = new Set<NodeId>();
  /** Whose control datagrams are dropped on every path, while all else passes. */
  readonly #muted = new Reasons<NodeId>();
  /** Whose port on the hosts' LAN passes nothing yet. */
  readonly #silent = new Set<NodeId>();
  /** Nothing is lost any more; delays and duplicates stay. */
  lossless = false;
  #storm = { lossShare: 0, delayUs: 0 };
  /** Since when nothing has disturbed each direction; those that are disturbed are missing. */
  readonly #calmSince = new Map<number, number>();
  /** Since when each end of a path has carrier; those that have none are missing. */
  readonly #litSince = new Map<number, number>();
  /** When chance last took something of it. */
  readonly #lostAt = new Map<number, number>();

  /** `fellSilent`: chance alone took as many datagrams in a row as silence needs. */
  constructor(agenda: Agenda, random: Random, plan: Plan, fellSilent: () => void) {
    this.#agenda = agenda;
    this.#random = random;
    this.#plan = plan;
    this.#fellSilent = fellSilent;
    this.#changed();
  }

  get stormLossShare(): number {
    return this.#storm.lossShare;
  }

  /** For a while so much is lost, and what is not may be so late, microseconds. */
  storm(lossShare: number, delayUs: number): () => void {
    this.#storm = { lossShare, delayUs };
    this.#changed();
    return () => {
      this.#storm = { lossShare: 0, delayUs: 0 };
      this.#changed();
    };
  }

  /** For how long the soundest path from one to the other has passed all, at once; undefined: they share none. Microseconds. */
  soundUs(from: NodeId, to: NodeId): number | undefined {
    const each = this.#plan.paths.flatMap((path) => this.soundOnUs(path, from, to) ?? []);
    return each.length === 0 ? undefined : Math.max(...each);
  }

  /** For how long this path has; undefined: it does not join them. Microseconds. */
  soundOnUs({ id, members }: PathPlan, from: NodeId, to: NodeId): number | undefined {
    if (!members.includes(from) || !members.includes(to)) return undefined;
    const now = this.#agenda.now;
    const way = direction(id, from, to);
    return now - Math.max(this.#calmSince.get(way) ?? now, this.#lostAt.get(way) ?? 0);
  }

  /** From the one to the other. Returns what takes it back, as all of these do. */
  block({ id }: PathPlan, from: NodeId, to: NodeId, how: 'oneWay' | 'bothWays'): () => void {
    const back = how === 'oneWay' ? [] : [direction(id, to, from)];
    return this.#add(this.#blocked, [direction(id, from, to), ...back]);
  }

  /** On every path. */
  isolate(lonely: NodeId, way: Way): () => void {
    return this.#add(
      this.#blocked,
      this.#plan.paths.flatMap((path) => waysOf(path, lonely, way)),
    );
  }

  /** The same on one path. */
  part(path: PathPlan, lonely: NodeId, way: Way): () => void {
    return this.#add(this.#blocked, waysOf(path, lonely, way));
  }

  /** What it sends and what is sent to it takes so much longer, microseconds. */
  lag(node: NodeId, us: number): () => void {
    this.#lags.set(node, us);
    this.#changed();
    return () => {
      this.#lags.delete(node);
      this.#changed();
    };
  }

  /** A filter takes the control datagrams that they send and that are sent to them. */
  mute(nodes: readonly NodeId[]): () => void {
    return this.#add(this.#muted, nodes);
  }

  silence(node: NodeId, on: boolean): void {
    if (on) this.#silent.add(node);
    else this.#silent.delete(node);
    this.#changed();
  }

  isSilent(node: NodeId): boolean {
    return this.#silent.has(node);
  }

  healAll(): void {
    this.#blocked.clear();
    this.#muted.clear();
    this.#lags.clear();
    this.#cut.clear();
    this.#storm = { lossShare: 0, delayUs: 0 };
    this.#changed();
  }

  cut(path: PathId): () => void {
    return this.#add(this.#cut, [path]);
  }

  isPowered(node: NodeId): boolean {
    return !this.#unpowered.has(node);
  }

  power(member: NodeId, on: boolean): void {
    if (on) this.#unpowered.delete(member);
    else this.#unpowered.add(member);
    this.#changed();
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
    return lan !== undefined && this.#storm.lossShare === 0 && this.passes(lan, from, to);
  }

  /** A frame on the hosts' LAN comes through, whatever becomes of control datagrams. */
  carries(from: NodeId, to: NodeId): boolean {
    const lan = lanOf(this.#plan);
    if (this.#storm.lossShare > 0 || [from, to].some((id) => this.#unpowered.has(id) || this.#silent.has(id)))
      return false;
    return lan === undefined || (this.carrier(lan, from) && !this.#blocked.has(direction(lan.id, from, to)));
  }

  /** A frame of a machine on the hosts' LAN comes to hosts that are on the side of `near`, or on every side (0). */
  reachesHost(from: NodeId, near: NodeId | 0): boolean {
    if (this.#unpowered.has(from) || this.#silent.has(from)) return false;
    const lan = lanOf(this.#plan);
    if (lan === undefined) return true;
    if (!this.carrier(lan, from)) return false;
    return near === 0 || near === from || !this.#blocked.has(direction(lan.id, from, near));
  }

  /** Sends it one; `random`: the hosts' own. False: chance took it. */
  sendToHost(from: NodeId, near: NodeId | 0, random: Random, deliver: () => void): boolean {
    const { lossShare, delayUs } = this.#plan;
    const isLost = random.chance(Math.max(lossShare, this.#storm.lossShare)) && !this.lossless;
    if (isLost || !this.reachesHost(from, near)) return !isLost;
    const lateUs = this.#storm.delayUs === 0 ? 0 : random.between(0, this.#storm.delayUs);
    this.#agenda.after(random.between(delayUs[0], delayUs[1]) + lateUs, () => {
      if (this.reachesHost(from, near)) deliver();
    });
    return true;
  }

  /** Calls `deliver` once for each copy that arrives. */
  send(path: PathPlan, from: NodeId, to: NodeId, deliver: () => void): void {
    if (!this.passes(path, from, to)) return;
    const { lossShare, duplicateShare, delayUs } = this.#plan;
    const lagUs = this.#lags.size === 0 ? 0 : (this.#lags.get(from) ?? 0) + (this.#lags.get(to) ?? 0);
    const copies = this.#random.chance(duplicateShare) ? 2 : 1;
    let arrive = 0;
    for (let copy = 0; copy < copies; copy++) {
      const lost = this.#random.chance(Math.max(lossShare, this.#storm.lossShare));
      if (lost && !this.lossless) continue;
      arrive++;
      const late = this.#storm.delayUs === 0 ? 0 : this.#random.between(0, this.#storm.delayUs);
      this.#agenda.after(this.#random.between(delayUs[0], delayUs[1]) + late + lagUs, () => {
        if (this.passes(path, from, to)) deliver();
      });
    }
    this.#count(direction(path.id, from, to), arrive === 0);
  }

  #add<T>(reasons: Reasons<T>, what: readonly T[]): () => void {
    for (const each of what) reasons.add(each);
    this.#changed();
    return () => {
      for (const each of what) reasons.delete(each);
      this.#changed();
    };
  }

  /** When the path last got carrier at this end, world time; it has none: never. Microseconds. */
  carrierSince(path: PathPlan, at: NodeId): number {
    return this.#litSince.get(direction(path.id, at, at)) ?? Number.POSITIVE_INFINITY;
  }

  #changed(): void {
    for (const path of this.#plan.paths) {
      for (const from of path.members) {
        const end = direction(path.id, from, from);
        if (!this.carrier(path, from)) this.#litSince.delete(end);
        else if (!this.#litSince.has(end)) this.#litSince.set(end, this.#agenda.now);
        for (const to of path.members) if (from !== to) this.#judge(path, from, to);
      }
    }
  }

  #judge(path: PathPlan, from: NodeId, to: NodeId): void {
    const way = direction(path.id, from, to);
    const delayed = this.#storm.delayUs > 0 || this.#lags.has(from) || this.#lags.has(to);
    if (delayed || this.#storm.lossShare > 0 || !this.passes(path, from, to)) this.#calmSince.delete(way);
    else if (!this.#calmSince.has(way)) this.#calmSince.set(way, this.#agenda.now);
  }

  #count(way: number, lost: boolean): void {
    if (!lost && !this.#streaks.has(way)) return;
    if (lost) this.#lostAt.set(way, this.#agenda.now);
    const streak = lost ? (this.#streaks.get(way) ?? 0) + 1 : 0;
    if (streak === 0) this.#streaks.delete(way);
    else this.#streaks.set(way, streak);
    // The next one may be later than the last one was, and then comes too late.
    if (streak >= this.#plan.missCount - 1) this.#fellSilent();
  }
}

function waysOf({ id, members }: PathPlan, lonely: NodeId, way: Way): number[] {
  if (!members.includes(lonely)) return [];
  return members
    .filter((other) => other !== lonely)
    .flatMap((other) => [
      ...(way === 'deaf' ? [] : [direction(id, lonely, other)]),
      ...(way === 'mute' ? [] : [direction(id, other, lonely)]),
    ]);
}

/** One direction of a path as a number: node and path numbers of simulated worlds are below 64. */
function direction(path: PathId, from: NodeId, to: NodeId): number {
  return (path * 64 + from) * 64 + to;
}
