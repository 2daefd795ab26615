/**
 * The hosts' LAN as hosts see it: each has its own entry for the address, by Linux's rules, and sends packets by it. They
 * run nothing of ours. An entry that exists takes every announcement; an answer to a question makes one, or changes one that
 * is older than the lock time; and one that no answer has confirmed for long is asked for at the machine it names, and then everybody is asked.
 */
import type { NodeId } from '../wire/control/message.ts';
import type { Machine } from './machine.ts';
import { lanOf, placeOf } from './plan.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

/** A packet's lifetime, machines. */
const hopsMax = 8;
/** Between two packets of a host, in a brisk world, microseconds. */
const talkUs = 40_000;
/** Linux's locktime, base_reachable_time (half of it to half as much again), delay_first_probe_time with three probes. */
const neighbour = { lockUs: 1_000_000, reachableUs: [15_000_000, 45_000_000], probingUs: 8_000_000 } as const;
/** A brisk world lasts seconds. There these times are as much shorter. */
const briskShare = 1 / 25;

interface Host {
  /** On the same side of a parted LAN as this machine; 0: nothing parts it from anybody. */
  readonly near: NodeId | 0;
  readonly reachableUs: number;
  /** Whom its entry names for the address, since when, and when an answer last confirmed it. */
  entry: { readonly at: NodeId; readonly setAt: number; readonly confirmedAt: number } | undefined;
  /** Chance took the last announcement on its way here. */
  hasMissed: boolean;
}

export class Hosts {
  readonly #world: World;
  readonly #random: Random;
  readonly #hosts: readonly Host[];
  readonly #share: number;

  /** `random`: a stream of its own. */
  constructor(world: World, random: Random) {
    this.#world = world;
    this.#random = random;
    this.#share = world.plan.tempo.beats > 1 ? 1 : briskShare;
    const places = world.machines.filter((machine) => world.lan.holds(machine)).map(({ id }) => id);
    const host = (): Host => {
      const near = random.chance(0.5) ? 0 : random.pick(places);
      return {
        near,
        reachableUs: random.between(...neighbour.reachableUs) * this.#share,
        entry: undefined,
        hasMissed: false,
      };
    };
    this.#hosts = Array.from({ length: random.between(1, 3) }, host);
  }

  begin(): void {
    for (const host of this.#hosts) this.#talkLater(host);
  }

  /** A frame of a place with an open fence is on its way to every host and to the other places. */
  announced(machine: Machine): void {
    const { plan, network, lan, machines } = this.#world;
    if (!lan.holds(machine) || !machine.open) return;
    for (const host of this.#hosts) {
      host.hasMissed = !this.#send(machine, host, () => {
        if (host.entry !== undefined) this.#names(host, machine.id);
      });
    }
    const wire = lanOf(plan);
    if (plan.proxies.length === 0 || wire === undefined) return;
    for (const other of machines) {
      if (other === machine || !wire.members.includes(other.id)) continue;
      network.send(wire, machine.id, other.id, () => other.hearAnnouncement(machine.id));
    }
  }

  /** Where packets of the hosts to the address end now: each at a machine, or nowhere and why. */
  get ends(): readonly (Machine | string)[] {
    return this.#hosts.map((host) => this.#end(host));
  }

  /** Without those whom chance alone left to their own time-out: it is not over. */
  get certainEnds(): readonly (Machine | string)[] {
    const { now } = this.#world.agenda;
    const lastUs = 2 * talkUs * this.#world.plan.tempo.waits + neighbour.probingUs * this.#share;
    return this.#hosts
      .filter(({ hasMissed, entry, reachableUs }) => {
        const silentUs = now - (entry?.confirmedAt ?? 0);
        return !hasMissed || silentUs > reachableUs + lastUs;
      })
      .map((host) => this.#end(host));
  }

  #end({ entry }: Host): Machine | string {
    let at = entry === undefined ? this.#voice : this.#machine(entry.at);
    const way: NodeId[] = [];
    while (way.length < hopsMax) {
      if (at === undefined) return 'goes to nobody';
      way.push(at.id);
      if (!at.alive) return `ends at ${at.id}, which is dead (${way.join(' > ')})`;
      const { holds, forwardsTo, routesTo } = at.front;
      if (holds) return `is kept by ${at.id} (${way.join(' > ')})`;
      const next = forwardsTo === 0 ? routesTo : placeOf(this.#world.plan, forwardsTo);
      if (!at.isProxy && forwardsTo === 0) return at;
      if (next === 0) return `ends at ${at.id}, which routes it nowhere (${way.join(' > ')})`;
      at = this.#machine(next);
    }
    return `goes round in circles (${way.join(' > ')})`;
  }

  #talkLater(host: Host): void {
    const us = talkUs * this.#world.plan.tempo.waits * (0.5 + this.#random.next());
    this.#world.agenda.after(Math.round(us), () => {
      this.#talk(host);
      this.#talkLater(host);
    });
  }

  /** Sends a packet, and hears an answer or none. */
  #talk(host: Host): void {
    const { entry } = host;
    if (entry === undefined) return this.#ask(host);
    const { now } = this.#world.agenda;
    const named = this.#machine(entry.at);
    const end = this.#end(host);
    const isReached = named !== undefined && this.#world.network.reachesHost(named.id, host.near);
    if (isReached && typeof end !== 'string' && end.open) {
      host.entry = { ...entry, confirmedAt: now };
      return;
    }
    const silentUs = now - entry.confirmedAt;
    if (silentUs < host.reachableUs) return;
    // It is asked itself first.
    if (isReached && named.isVoice && !named.frozen) host.entry = { ...entry, confirmedAt: now };
    else if (silentUs > host.reachableUs + neighbour.probingUs * this.#share) host.entry = undefined;
  }

  /** Asks everybody. */
  #ask(host: Host): void {
    for (const machine of this.#world.machines) {
      if (!machine.isVoice || machine.frozen || !this.#world.network.reachesHost(machine.id, host.near))
        continue;
      this.#send(machine, host, () => {
        const { entry } = host;
        const isLocked =
          entry !== undefined && this.#world.agenda.now - entry.setAt < neighbour.lockUs * this.#share;
        if (machine.isVoice && !isLocked) this.#names(host, machine.id);
      });
    }
  }

  #names(host: Host, at: NodeId): void {
    const { now } = this.#world.agenda;
    host.entry = { at, setAt: now, confirmedAt: host.entry?.at === at ? host.entry.confirmedAt : now };
  }

  /** False: chance took it. */
  #send(from: Machine, { near }: Host, deliver: () => void): boolean {
    return this.#world.network.sendToHost(from.id, near, this.#random, deliver);
  }

  get #voice(): Machine | undefined {
    return this.#world.machines.find(({ isVoice }) => isVoice);
  }

  #machine(id: NodeId): Machine | undefined {
    return this.#world.machines.find((machine) => machine.id === id);
  }
}
