/**
 * Who is alive. A path is silent after `missCount` of the peer's own intervals without a believed message; a peer is down
 * when all its paths are. The end of a tether on a cable is proof; carrier loss on a cable and the end of any other
 * tether only shorten the patience, once. Silence is only judged by `sweep`, after every socket was drained.
 */
import { type ControlMessage, flagStopping, type NodeId, type PathId } from '../wire/control/message.ts';
import type { EngineConfig, GroupConfig } from './config.ts';
import type { Effect, Report, TakeoverCause } from './effect.ts';
import type { Event } from './event.ts';
import { type PathWatch, PeerWatch } from './peer.ts';
import { type Instant, instant, later } from './time.ts';

/** Lateness below this share of the interval is ordinary scheduling; the count of missed heartbeats has room for it. */
const lateShare = 8;
/**
 * Most of our own lateness that may be added since a path was last heard, in intervals. A machine that is late in every
 * turn must still believe a silence at some time; 50 intervals are far beyond what a scheduler does to a running process
 * and short for an operator (0.1 s at 2 ms).
 */
const allowedIntervals = 50;
/** Granted on top of the count while this member settles: see `settleUs`. */
const settlingIntervals = 10;
/** Shortened patience, in intervals: the next heartbeat is due after one, and half of one is left for jitter. */
const shortenedIntervals = 1.5;
/** A peer heard so recently, in intervals, lives: below any count that believes silence. */
const outspokenIntervals = 2;

export class Detector {
  readonly peers: readonly PeerWatch[];
  readonly #emit: (effect: Effect) => void;
  readonly #settledAt: Instant;
  #config: EngineConfig;
  #returned: PeerWatch[] = [];

  constructor(config: EngineConfig, now: Instant, emit: (effect: Effect) => void) {
    this.#config = config;
    this.#settledAt = later(now, config.settleUs);
    this.#emit = emit;
    this.peers = config.peers.map((peer) => new PeerWatch(peer, config.heartbeatIntervalUs));
  }

  reconfigure(config: EngineConfig): void {
    this.#config = config;
  }

  peer(id: NodeId): PeerWatch | undefined {
    return this.peers.find((peer) => peer.id === id);
  }

  /** Our loop woke late: what we did not hear meanwhile is no evidence. */
  late(lateUs: number, now: Instant): void {
    const intervalUs = this.#config.heartbeatIntervalUs;
    if (lateUs * lateShare <= intervalUs) return;
    for (const peer of this.peers) {
      for (const path of peer.paths) {
        const room = allowedIntervals * peer.intervalUs - path.allowedUs;
        if (room > 0) path.allow(Math.min(lateUs, room), now, this.#patienceUs(peer, now));
      }
    }
  }

  /** Takes note of a message; undefined when it is not to be believed (unknown peer or path, a boot that is over). */
  heard(pathId: PathId, message: ControlMessage, now: Instant): PeerWatch | undefined {
    const peer = this.peer(message.sender);
    const path = peer?.path(pathId);
    if (peer === undefined || path === undefined || !this.#speaksNow(peer, message, now)) return undefined;
    if (message.intervalUs > 0) peer.intervalUs = message.intervalUs;
    if (!path.queued) this.#heardOn(peer, path, now);
    if (message.flags & flagStopping) this.#left(peer, now);
    return peer;
  }

  carrier(peerId: NodeId, pathId: PathId, up: boolean, now: Instant): void {
    const peer = this.peer(peerId);
    const path = peer?.path(pathId);
    if (peer === undefined || path === undefined || path.carrier === up) return;
    path.carrier = up;
    path.queued = !up;
    if (up) return;
    // On a LAN it is our own port or the switch; only a direct cable says something about the peer.
    const signal = peer.up && path.up && path.cable && this.#anyGroup(peer, 'carrier');
    if (signal) this.#report({ code: 'faultSeen', peer: peer.id, why: 'carrier' });
    this.#pathDown(peer, path, 'carrier');
    if (!signal) return;
    this.#shorten(peer, 'carrier');
    if (peer.paths.some((each) => each.up)) return;
    const awaitedUntil = this.#patientUntil(peer, path);
    // Its next heartbeat may come another way, though that passed nothing for a while.
    if (awaitedUntil > now && peer.paths.some((each) => each.carrier)) {
      peer.shortenedBy = 'carrier';
      peer.awaitedUntil = awaitedUntil;
    } else {
      this.#peerDown(peer, 'carrier', now);
    }
  }

  tether(event: Extract<Event, { kind: 'tether' }>, now: Instant): void {
    const peer = this.peer(event.peer);
    const path = peer?.path(event.path);
    if (peer === undefined || path === undefined) return;
    const was = path.tether;
    path.tether = event.up;
    if (event.up) {
      if (event.boot === undefined || event.boot === peer.deadBoot) peer.deadBoot = 0;
      // We heard it all the while, but what we said may not have come through, nor have hosts beyond heard it.
      if (path.up && !path.cable) this.#isBack(peer);
      return;
    }
    // After a freeze of ours the end of an old boot's tether may be told behind the first words of its new boot.
    if (event.boot !== undefined && event.boot !== peer.boot) return;
    if (!peer.up || !this.#anyGroup(peer, 'processDeath')) return;
    if (event.proof) {
      this.#report({ code: 'faultSeen', peer: peer.id, why: 'processDeath' });
      this.#bury(peer, now);
      this.#allDown(peer, 'processDeath', now);
    } else if (was) {
      this.#report({ code: 'faultSeen', peer: peer.id, why: 'processDeath' });
      this.#shorten(peer, 'processDeath');
    }
  }

  /** Peers that are heard again, at all or on a path that is no cable, or hear us there again; each is given once. */
  takeReturned(): readonly PeerWatch[] {
    const returned = this.#returned;
    if (returned.length > 0) this.#returned = [];
    return returned;
  }

  /** Believes silence where it is due. Only after every socket was drained. */
  sweep(now: Instant): void {
    for (const peer of this.peers) {
      const silentAt = peer.silentAt;
      for (const path of peer.paths) {
        path.queued = false;
        if (path.up && path.deadline !== undefined && now >= path.deadline) {
          this.#pathDown(peer, path, peer.shortenedBy ?? 'silence');
        }
      }
      const plain = silentAt === undefined || now >= silentAt;
      const short = peer.shortenedBy !== undefined && now >= (peer.awaitedUntil ?? now);
      if (peer.up && !peer.paths.some((path) => path.up) && (plain || short)) {
        const why = plain ? 'silence' : (peer.shortenedBy ?? 'silence');
        if (peer.shortenedBy === undefined) this.#report({ code: 'faultSeen', peer: peer.id, why });
        this.#peerDown(peer, why, now);
      }
      if (!peer.up && !peer.silent && silentAt !== undefined && now >= silentAt) peer.silent = true;
    }
  }

  /** The next moment at which a sweep may find something. */
  next(): Instant | undefined {
    let next: Instant | undefined;
    for (const peer of this.peers) {
      for (const { up, deadline } of peer.paths) {
        if (up && deadline !== undefined && (next === undefined || deadline < next)) next = deadline;
      }
      const waits = !peer.silent && !peer.paths.some((path) => path.up);
      const silentAt = waits ? (peer.awaitedUntil ?? peer.silentAt) : undefined;
      if (silentAt !== undefined && (next === undefined || silentAt < next)) next = silentAt;
    }
    return next;
  }

  /** Why the group may treat the peer as dead now, by the group's own policy; undefined: it may not. */
  causeOfDeath(peer: PeerWatch, policy: GroupConfig['takeOverOn']): TakeoverCause | undefined {
    if (peer.up) return undefined;
    const cause = peer.downCause;
    const believed = cause === 'stopping' || cause === 'heard' ? policy.status : policy[cause];
    if (believed) return cause;
    return peer.silent && policy.silence ? 'silence' : undefined;
  }

  #patienceUs(peer: PeerWatch, now: Instant): number {
    const settling = now < this.#settledAt;
    return (this.#config.missCount + (settling ? settlingIntervals : 0)) * peer.intervalUs;
  }

  /** False for a boot that is over: proven dead, left in order, or followed by a newer one. */
  #speaksNow(peer: PeerWatch, message: ControlMessage, now: Instant): boolean {
    const boot = message.senderBoot;
    if (peer.isFormer(boot) && !this.#speaksAgain(peer, now)) return false;
    // The farewell of an earlier life, late on another path: the present one has not left.
    if (peer.up && boot !== peer.boot && message.flags & flagStopping) return false;
    if (boot === peer.deadBoot) {
      // A datagram does not stay on the way as long as a start-up grace: a boot that still speaks then was not dead
      // (its tether was cut by something else), and an active one must not be ignored for ever.
      const buried = peer.deadAt ?? now;
      if (now - buried < this.#config.startupGraceUs) return false;
      peer.deadBoot = 0;
    }
    if (boot === peer.boot) {
      peer.stranger = 0;
      return true;
    }
    if (peer.stranger !== boot && this.#isOutspoken(peer, now)) {
      peer.stranger = boot;
      return false;
    }
    peer.reborn(boot, now);
    return true;
  }

  /**
   * Who was heard just now, in a life so new that datagrams of the one before it may be on the way, on another path: one
   * word of another boot proves nothing then. A second one does, if the present life says nothing in between.
   */
  #isOutspoken(peer: PeerWatch, now: Instant): boolean {
    const isNew = now - (peer.bornAt ?? now) < this.#config.startupGraceUs;
    return peer.up && isNew && now - (peer.lastHeard ?? now) < outspokenIntervals * peer.intervalUs;
  }

  /** A former life lives all the same when it still speaks after datagrams are surely gone, and the one after it does not. */
  #speaksAgain(peer: PeerWatch, now: Instant): boolean {
    return now - (peer.lastHeard ?? now) >= this.#config.startupGraceUs;
  }

  #heardOn(peer: PeerWatch, path: PathWatch, now: Instant): void {
    const patienceUs = this.#patienceUs(peer, now);
    path.heard(now, patienceUs);
    if (peer.shortenedBy !== undefined) {
      peer.shortenedBy = undefined;
      peer.awaitedUntil = undefined;
      for (const each of peer.paths) each.deadline = each.silentAt;
    }
    // Hosts beyond a path of the LAN may not have heard us either while it passed nothing.
    if (!path.up && (!path.cable || !peer.up)) this.#isBack(peer);
    if (!path.up) {
      path.up = true;
      this.#report({ code: 'pathUp', peer: peer.id, path: path.id, why: 'heard' });
    }
    peer.silent = false;
    if (!peer.up) {
      peer.up = true;
      this.#report({ code: 'peerUp', peer: peer.id, why: 'heard' });
    }
  }

  #isBack(peer: PeerWatch): void {
    if (!this.#returned.includes(peer)) this.#returned.push(peer);
  }

  #left(peer: PeerWatch, now: Instant): void {
    if (!peer.up) return;
    this.#bury(peer, now);
    this.#allDown(peer, 'stopping', now);
  }

  #bury(peer: PeerWatch, now: Instant): void {
    peer.deadBoot = peer.boot;
    peer.deadAt = now;
  }

  #allDown(peer: PeerWatch, why: TakeoverCause, now: Instant): void {
    for (const path of peer.paths) this.#pathDown(peer, path, why);
    this.#peerDown(peer, why, now);
  }

  #shorten(peer: PeerWatch, why: TakeoverCause): void {
    for (const path of peer.paths) {
      if (!path.up || path.deadline === undefined) continue;
      const sooner = this.#patientUntil(peer, path);
      if (sooner < path.deadline) path.deadline = sooner;
      peer.shortenedBy = why;
    }
  }

  /** It lived when it was last heard on any path: what this one lost before that says nothing. */
  #patientUntil(peer: PeerWatch, path: PathWatch): Instant {
    const shortenedUs = Math.ceil(shortenedIntervals * peer.intervalUs) + path.allowedUs;
    return later(peer.lastHeard ?? instant(0), shortenedUs);
  }

  #pathDown(peer: PeerWatch, path: PathWatch, why: string): void {
    if (!path.up) return;
    path.up = false;
    this.#report({ code: 'pathDown', peer: peer.id, path: path.id, why });
  }

  #peerDown(peer: PeerWatch, why: TakeoverCause, now: Instant): void {
    peer.up = false;
    peer.downAt = now;
    peer.downCause = why;
    peer.shortenedBy = undefined;
    peer.awaitedUntil = undefined;
    const silentAt = peer.silentAt;
    peer.silent = silentAt === undefined || now >= silentAt;
    this.#report({ code: 'peerDown', peer: peer.id, why });
  }

  #anyGroup(peer: PeerWatch, signal: 'carrier' | 'processDeath'): boolean {
    const { groups, proxied } = this.#config;
    return (
      groups.some(
        ({ members, proxies, takeOverOn }) =>
          takeOverOn[signal] && (members.some(({ id }) => id === peer.id) || proxies.includes(peer.id)),
      ) ||
      proxied.some(
        ({ members, elsewhere, takeOverOn }) =>
          takeOverOn[signal] &&
          (members.includes(peer.id) ||
            elsewhere.some(({ member, place }) => member === peer.id || place === peer.id)),
      )
    );
  }

  #report(report: Report): void {
    this.#emit({ kind: 'report', report });
  }
}
