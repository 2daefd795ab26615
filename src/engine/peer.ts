/** One peer and the paths to it, as the detector keeps them. */
import type { BootNonce, GroupId, NodeId, PathId } from '../wire/control/message.ts';
import type { PeerConfig } from './config.ts';
import type { TakeoverCause } from './effect.ts';
import { Standing } from './standing.ts';
import { type Instant, later } from './time.ts';

/** How many of the peer's former boots are remembered, so that their late datagrams are not believed. */
const formerBootsKept = 8;

export class PathWatch {
  readonly id: PathId;
  readonly cable: boolean;
  carrier = true;
  /**
   * Its carrier went, and what was queued then is still being read: that does not make the path pass traffic again. What comes
   * later does, before the kernel reports the carrier even.
   */
  queued = false;
  tether = false;
  up = false;
  lastHeard: Instant | undefined;
  /** When silence is believed at the latest: last heard, the full count of intervals, and our own lateness. */
  silentAt: Instant | undefined;
  /** The same, or sooner while patience is shortened. */
  deadline: Instant | undefined;
  /** Our own lateness added since the path was last heard, microseconds. */
  allowedUs = 0;

  constructor(id: PathId, cable: boolean) {
    this.id = id;
    this.cable = cable;
  }

  heard(now: Instant, patienceUs: number): void {
    this.lastHeard = now;
    this.allowedUs = 0;
    this.silentAt = later(now, patienceUs);
    this.deadline = this.silentAt;
  }

  /** Adds our own lateness, but never more than a full listening from now: beyond that it proves nothing more. */
  allow(lateUs: number, now: Instant, patienceUs: number): void {
    if (this.silentAt === undefined || this.deadline === undefined) return;
    this.allowedUs += lateUs;
    const fresh = later(now, patienceUs);
    this.silentAt = pushed(this.silentAt, lateUs, fresh);
    this.deadline = pushed(this.deadline, lateUs, fresh);
  }
}

function pushed(deadline: Instant, byUs: number, atMost: Instant): Instant {
  const wanted = later(deadline, byUs);
  if (wanted <= atMost) return wanted;
  return deadline > atMost ? deadline : atMost;
}

export class PeerWatch {
  readonly id: NodeId;
  readonly paths: readonly PathWatch[];
  /** Its own interval, or ours until it said one. */
  intervalUs: number;
  up = false;
  /** When it was last believed down. */
  downAt: Instant | undefined;
  /** Why it was last believed down. */
  downCause: TakeoverCause = 'silence';
  /** It has been down for as long as plain silence takes, so that silence itself is a cause too. */
  silent = false;
  boot: BootNonce = 0;
  /** When that was heard first. */
  bornAt: Instant | undefined;
  /** Another boot that spoke once since the present one did, soon after that one's birth; 0: none. */
  stranger: BootNonce = 0;
  /** The boot whose death was proven, and when. Its late datagrams are not believed. */
  deadBoot: BootNonce = 0;
  deadAt: Instant | undefined;
  /** What shortened our patience since it was last heard. */
  shortenedBy: TakeoverCause | undefined;
  /** Until when it may be heard on a path that passed nothing of late, where the last one that did lost its carrier. */
  awaitedUntil: Instant | undefined;
  #formerBoots: BootNonce[] = [];
  #standings = new Map<GroupId, Standing>();

  constructor(config: PeerConfig, intervalUs: number) {
    this.id = config.id;
    this.paths = config.paths.map(({ id, cable }) => new PathWatch(id, cable));
    this.intervalUs = intervalUs;
  }

  path(id: PathId): PathWatch | undefined {
    return this.paths.find((path) => path.id === id);
  }

  /** When it was last heard on any path. */
  get lastHeard(): Instant | undefined {
    let last: Instant | undefined;
    for (const { lastHeard } of this.paths)
      if (lastHeard !== undefined && (last === undefined || lastHeard > last)) last = lastHeard;
    return last;
  }

  /** What it says of itself in the group, undefined before its present boot said anything. */
  standing(group: GroupId): Standing | undefined {
    return this.#standings.get(group);
  }

  standingToNote(group: GroupId): Standing {
    let standing = this.#standings.get(group);
    if (standing === undefined) {
      standing = new Standing(this.id);
      this.#standings.set(group, standing);
    }
    return standing;
  }

  isFormer(boot: BootNonce): boolean {
    return this.#formerBoots.includes(boot);
  }

  /** A new life of the peer: what the former one said of itself is void. */
  reborn(boot: BootNonce, now: Instant): void {
    const others = this.#formerBoots.filter((each) => each !== boot);
    if (this.boot !== 0) this.#formerBoots = [this.boot, ...others].slice(0, formerBootsKept);
    this.boot = boot;
    this.bornAt = now;
    this.stranger = 0;
    this.#standings = new Map();
  }

  /** When plain silence on all paths is believed at the latest. */
  get silentAt(): Instant | undefined {
    let last: Instant | undefined;
    for (const { silentAt } of this.paths) {
      if (silentAt !== undefined && (last === undefined || silentAt > last)) last = silentAt;
    }
    return last;
  }
}
