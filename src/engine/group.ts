/** One group on this node: what each event means for our part in it. */
import {
  type ControlMessage,
  ControlType,
  compareTerms,
  flagHandsOver,
  type GroupRecord,
  type NodeId,
  type Term,
} from '../wire/control/message.ts';
import type { GroupConfig } from './config.ts';
import { type Context, slotUs } from './context.ts';
import { elect } from './election.ts';
import type { Event } from './event.ts';
import { Member } from './member.ts';
import type { PeerWatch } from './peer.ts';
import type { PinnedRole } from './pin.ts';
import { Quorum } from './quorum.ts';
import { Requests } from './request.ts';
import { holdsRole, type Word } from './standing.ts';
import { Switchover } from './switchover.ts';
import { type Instant, later } from './time.ts';
import { Voter } from './voter.ts';

export class Group {
  readonly member: Member;
  readonly #context: Context;
  readonly #switchover: Switchover;
  readonly #requests: Requests;
  /** A failing active member tries no further handover before this moment. */
  #retryAt: Instant | undefined;
  /** The word of the checks and of the interface; what the proxy adds is in `member.healthy`. */
  #checks: { readonly healthy: boolean; readonly reason: string } = { healthy: true, reason: '' };

  /** Strict: our own vote. */
  readonly voter: Voter | undefined;

  constructor(context: Context, config: GroupConfig, pinned: PinnedRole | undefined) {
    this.#context = context;
    this.member = new Member(context, config, pinned);
    if (config.quorum !== undefined) {
      this.voter = new Voter(context, config.id, config.quorum);
      this.member.quorum = new Quorum(this.member, this.voter, () => this.#lose('majorityLost'));
    }
    this.#switchover = new Switchover(this.member);
    this.#requests = new Requests(this.member, this.#switchover);
  }

  /** Nothing is held, and nobody waits for a word of ours. */
  get settled(): boolean {
    return this.member.state === 'stopped' && !this.#switchover.pending;
  }

  /** Somebody knows of an activation that we have not heard of from whoever made it: leave that one time to be heard. */
  heardOf(term: Term): void {
    const { member } = this;
    const { terms, config, now } = this.#context;
    if (terms.note(member.id, term, now)) member.pause(slotUs(config));
  }

  /** What a peer says of itself: its record in a heartbeat, or the header of a datagram about this group. */
  noted(peer: PeerWatch, record: Word): void {
    const { member } = this;
    const standing = peer.standingToNote(member.id);
    if (holdsRole(record.state)) this.#context.terms.note(member.id, record.term, this.#context.now);
    else this.heardOf(record.term);
    const newer = standing.note(record);
    member.damping.heard(peer, record, standing.holds);
    if (!newer) return;
    if (!standing.holds) return member.announcer.unopposed(peer.id);
    if (!member.holds && member.state !== 'acquiring') return;
    if (compareTerms(standing.term, member.held) > 0) this.#yieldTo(peer.id);
    else member.announcer.opposed(peer.id);
  }

  /** Whether this node says to `peer` what it is in the group: to members, and to every proxy. */
  concerns(peer: NodeId): boolean {
    const { member } = this;
    return member.peers.some(({ id }) => id === peer) || member.config.proxies.includes(peer);
  }

  /** Every member has said what it is, and our proxy has accepted us. */
  get heardAll(): boolean {
    const { id, peers, registrant } = this.member;
    return peers.every((peer) => peer.standing(id) !== undefined) && registrant?.registered !== false;
  }

  /** What a proxy of the group says in its heartbeat. A higher term that is served is as good as heard. */
  notedProxy(peer: PeerWatch, record: Word): void {
    const { member } = this;
    const standing = peer.standingToNote(member.id);
    const news = this.#context.terms.note(member.id, record.term, this.#context.now);
    if (!standing.note(record)) return;
    if (news && !standing.served) member.pause(slotUs(this.#context.config));
    if (!member.holds && member.state !== 'acquiring') return;
    if (compareTerms(record.term, member.held) <= 0) return;
    if (standing.served) this.#yieldTo(record.term.member);
    // Hosts are answered by a term of which nobody is left, and not by ours.
    else if (standing.answers) this.#goAbove();
  }

  /** The answer of our proxy, who may know of a higher term than ours. */
  registered(message: ControlMessage): void {
    const { member } = this;
    const higher = member.registrant?.answered(message);
    if (higher === undefined) return;
    this.heardOf(higher);
    if (member.holds && compareTerms(higher, member.held) > 0) this.#goAbove();
  }

  message(peer: PeerWatch, message: ControlMessage): void {
    if (message.type === ControlType.switchoverRequest) {
      this.heardOf(message.term);
      this.#requests.message(message);
      return;
    }
    const { type, state, term } = message;
    const handsOver = type === ControlType.prepare || type === ControlType.released;
    const lasting = peer.standing(this.member.id)?.lastingFlags ?? 0;
    this.noted(peer, { state, term, flags: lasting | (handsOver ? flagHandsOver : 0) });
    this.#switchover.message(message);
  }

  recordFor(peer: NodeId): GroupRecord {
    const record = this.member.recordFor(peer);
    return this.#switchover.pending ? { ...record, flags: record.flags | flagHandsOver } : record;
  }

  acquired(ok: boolean): void {
    const { member } = this;
    if (member.state !== 'acquiring') {
      // Something took the reason away between the request and its answer.
      if (ok && !member.holds) member.closeFence();
      return;
    }
    // Another term came into use while the kernel was busy: nobody would take ours for the newer one.
    if (ok && compareTerms(this.#context.terms.seen(member.id), member.held) > 0) return this.#goAbove();
    if (ok) {
      this.#switchover.stopForwarding();
      member.activate();
      return;
    }
    this.#switchover.end();
    member.quorum?.release();
    member.lastActive = this.#context.config.self;
    member.enter('standby', 'refused');
    // The kernel refused: others go first, and we do not hammer it.
    member.pause(this.#context.config.startupGraceUs);
  }

  leaseLost(): void {
    if (this.member.holds || this.member.state === 'acquiring') this.#lose('leaseLost');
  }

  /** We are active no longer, by nobody's wish. */
  #lose(code: 'leaseLost' | 'majorityLost'): void {
    const { member } = this;
    this.#context.report({ code, group: member.id });
    member.closeFence();
    this.#switchover.leave();
    member.lastActive = this.#context.config.self;
    if (member.holds) member.damping.fell();
    this.#stepDown(code);
    member.vacantSince = this.#context.now;
    // Listen for as long as it takes to hear from anyone who took over meanwhile.
    member.pause(slotUs(this.#context.config));
  }

  health(healthy: boolean, reason: string): void {
    this.#checks = { healthy, reason };
    this.#judge();
  }

  /** Healthy when the checks are, and when our proxy, if we have one, serves us. */
  #judge(): void {
    const { healthy: checked, reason } = this.#checks;
    const { registrant } = this.member;
    const lack = registrant?.lack;
    const served = registrant === undefined ? reason : 'the proxy serves this member';
    this.#healthChanged(checked && lack === undefined, checked ? (lack ?? served) : reason);
  }

  #healthChanged(healthy: boolean, reason: string): void {
    const { member } = this;
    if (member.healthy === healthy) return;
    member.healthy = healthy;
    member.healthReason = reason;
    if (!healthy && member.state === 'holding') {
      this.#switchover.leave();
      member.enter('faulted', reason);
    } else if (
      !healthy &&
      (member.state === 'standby' || (member.state === 'starting' && !this.#checks.healthy))
    ) {
      member.enter('faulted', reason);
    } else if (healthy && member.state === 'faulted') {
      member.enter('standby', reason);
      this.#rankAnew();
    } else if (!healthy && member.state === 'active' && member.config.takeOverOn.status) {
      const nobody = member.isPinned || member.successors.length === 0;
      const why = `our checks fail, but ${member.isPinned ? 'the role is pinned' : 'no standby is able'}`;
      if (nobody) this.#context.report({ code: 'switchoverFailed', group: member.id, why });
    }
  }

  operator(target: NodeId | 0): void {
    this.#requests.operator(target);
  }

  claimed({ member: by, address, mac }: Extract<Event, { kind: 'claim' }>): void {
    const { debut, holds, announcer, peers } = this.member;
    debut.claimed(by, address, mac);
    // A member that we have not heard yet may have the higher term: then the last word must not be ours.
    const known = peers.some(({ id }) => id === by);
    if (holds) announcer.contest(by, known ? slotUs(this.#context.config) : 0);
  }

  /** What we are is pinned as it is now; what was on its way is called off. */
  maintenance(on: boolean): void {
    const { member } = this;
    if (!on) {
      member.pin.set(undefined, 'operator');
      this.#rankAnew();
      return;
    }
    if (member.pin.role !== undefined) return;
    member.pin.set(member.holds || member.state === 'acquiring' ? 'active' : 'standby', 'operator');
    this.#requests.cancel();
    this.#switchover.pinned();
  }

  evidence(): void {
    if (this.member.holds) this.member.announcer.defend();
  }

  /** Our port rose and passes nothing yet; or has passed its first frame: what was announced before went nowhere. */
  port(passes: boolean): void {
    this.member.debut.port(passes);
    if (passes) this.member.announcer.reclaim();
  }

  /** A peer is heard again, or on the LAN again. It may have been active meanwhile, and hosts near it may not have heard us. */
  returned(peer: NodeId): void {
    if (this.concerns(peer)) this.member.announcer.reclaim();
  }

  reconfigure(config: GroupConfig): void {
    this.member.config = { ...config, proxy: this.member.config.proxy };
    this.member.announcer.reschedule();
  }

  /** Leave: what is not held ends at once, what is held is handed over by `review`. */
  stop(): void {
    const { member } = this;
    this.#requests.cancel();
    if (member.holds || member.state === 'stopped') return;
    if (member.state === 'acquiring') member.closeFence();
    this.#switchover.leave();
    member.enter('stopped', 'stop');
  }

  /** The time for leaving in order is over. */
  stopNow(): void {
    if (this.member.holds) this.#giveUp();
    else this.#switchover.end();
  }

  /** The last thing: nothing is forwarded by a process that is gone. */
  end(): void {
    this.#switchover.end();
  }

  /** After every socket was drained. */
  review(graceOver: boolean): void {
    const { member } = this;
    member.registrant?.look();
    if (member.registrant !== undefined && member.state !== 'stopped') this.#judge();
    this.#switchover.review();
    if (member.state === 'active') this.#reviewActive();
    if (member.damping.review(member)) this.#rankAnew();
    elect(member, graceOver);
    member.debut.settle();
    member.quorum?.settle();
    this.#requests.review();
    if (member.state === 'stopped') member.registrant?.withdraw();
    else if (member.state !== 'acquiring') member.registrant?.review();
  }

  #reviewActive(): void {
    const { member } = this;
    const { now, stopping, config } = this.#context;
    const failing = !member.healthy && member.config.takeOverOn.status && !member.isPinned;
    if (!stopping && (!failing || (this.#retryAt !== undefined && now < this.#retryAt))) return;
    const best = member.successors[0];
    if (best !== undefined) {
      this.#retryAt = later(now, slotUs(config));
      // Without its proxy nothing reaches us: there is nothing to hand over but the role.
      if (member.registrant?.gone) this.#switchover.drop(stopping ? 'stop' : member.healthReason);
      else this.#switchover.give(best.id, stopping ? 'stop' : 'health');
    } else if (stopping) this.#giveUp();
  }

  /** Others have yet to hear where we rank now; or became able in the same moment, or are heard again with our proxy. */
  #rankAnew(): void {
    const { member } = this;
    if (member.registrant === undefined && !member.peers.some(({ up }) => up)) return;
    member.ranksFrom = later(this.#context.now, slotUs(this.#context.config));
  }

  #giveUp(): void {
    const { member } = this;
    if (member.state === 'draining') this.#switchover.giveUp('stop');
    else {
      member.closeFence();
      member.enter('stopped', 'stop');
    }
  }

  /** Gives up a term that is too low. Whoever holds a higher one is heard within a slot; else the role is ours again. */
  #goAbove(): void {
    const { member } = this;
    this.#yieldTo(this.#context.config.self);
    member.vacantSince = this.#context.now;
    member.pause(slotUs(this.#context.config));
  }

  /** `last`: who is believed active now; ourselves, when that is not known. */
  #yieldTo(last: NodeId): void {
    const { member } = this;
    member.closeFence();
    this.#switchover.end();
    member.lastActive = last;
    if (member.holds && last !== this.#context.config.self) member.damping.fell();
    this.#stepDown('higherTerm');
  }

  /** The fence is closed. Whoever was leaving anyhow has left. */
  #stepDown(why: string): void {
    this.member.enter(this.#context.stopping ? 'stopped' : 'standby', why);
  }
}
