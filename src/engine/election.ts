/**
 * Who should be active. Each member decides for itself, by the same rules, from what it heard: is anybody active; if not,
 * may the group's policy call that a fault; and how many members go before us.
 *
 * `starting` on the wire means "has seen nobody active in this life": such newcomers decide among each other by priority
 * and number, and let members that were already standing by go first.
 */
import { MemberState, type NodeId } from '../wire/control/message.ts';
import { type Context, slotUs } from './context.ts';
import type { TakeoverCause } from './effect.ts';
import type { Member } from './member.ts';
import type { PeerWatch } from './peer.ts';
import { instant, later } from './time.ts';

/** `graceOver`: every path passed traffic and every peer told its states, or the start-up grace ran out. */
export function elect(member: Member, graceOver: boolean): void {
  const { state, context } = member;
  if (state !== 'starting' && state !== 'standby') return;
  const heard = member.activePeer?.id;
  const active = heard ?? member.servedBy?.member;
  // A member that has just started gives its proxy the grace to answer.
  const fresh = state === 'starting' && !graceOver;
  const unregistered = fresh && member.registrant?.untried === true;
  if (active !== undefined) {
    if (member.pin.role === 'active') member.pin.set('standby', 'heard');
    member.lastActive = active;
    member.vacantSince = undefined;
    member.turn.cancel();
    // Nor does it judge the silence of somebody that it has only heard of.
    if (unregistered || (fresh && heard === undefined)) return;
    if (state === 'starting') member.enter('standby', 'heard');
    if (!member.healthy) member.enter('faulted', member.healthReason);
    return;
  }
  if (!member.healthy) {
    member.turn.cancel();
    if (unregistered) return;
    member.enter('faulted', member.healthReason);
    return;
  }
  if (member.pin.role === 'standby') {
    member.turn.cancel();
    return;
  }
  if (context.stopping || (!graceOver && (state === 'starting' || member.lastActive === 0))) return;
  const cause = causeOfVacancy(member);
  if (cause === undefined) {
    member.vacantSince = undefined;
    member.turn.cancel();
    return;
  }
  if (member.vacantSince === undefined) noticeVacancy(member, cause);
  const waitUs = waitOf(member, graceOver);
  // Somebody ahead is out of the way, and others may see that, too: from here on everybody counts anew.
  if (waitUs < member.waitUs) member.ranksFrom = instant(Math.max(member.ranksFrom, context.now));
  member.waitUs = waitUs;
  const from = instant(Math.max(member.vacantSince ?? context.now, member.ranksFrom));
  const at = instant(Math.max(later(from, waitUs), member.notBefore));
  if (context.now < at) member.turn.arm(at);
  // Whoever has known somebody active does not lose time over the question whether there is anybody.
  else if ((member.lastActive !== 0 || member.debut.isReady()) && member.entitled) member.acquire(cause);
}

type Cause = TakeoverCause | 'startup' | 'again';

/** Why the role may be taken, by the group's policy; undefined: it may not. */
function causeOfVacancy(member: Member): Cause | undefined {
  const { context, lastActive, config } = member;
  if (lastActive === 0) return 'startup';
  if (lastActive === context.config.self) return 'again';
  const peer = context.detector.peer(lastActive);
  if (peer === undefined) return 'startup';
  if (!peer.up) return context.detector.causeOfDeath(peer, config.takeOverOn);
  const standing = peer.standing(member.id);
  // It chose its successor and waits for it, a limited time.
  if (standing?.handsOver) return undefined;
  const state = standing?.state ?? MemberState.starting;
  // It was active and says it starts: another life, so the one that was active is dead.
  if (state === MemberState.starting) return config.takeOverOn.processDeath ? 'processDeath' : undefined;
  if (config.takeOverOn.status) return state === MemberState.stopped ? 'stopping' : 'status';
  return causeByTerm(member);
}

/**
 * Two that were active at a time may each take the other one for the last, and wait for it for ever. The highest term says
 * who was.
 */
function causeByTerm({ context, id, lastActive, config }: Member): Cause | undefined {
  const { member: holder } = context.terms.seen(id);
  if (holder === context.config.self) return 'again';
  const peer = holder === lastActive ? undefined : context.detector.peer(holder);
  return peer === undefined || peer.up ? undefined : context.detector.causeOfDeath(peer, config.takeOverOn);
}

function noticeVacancy(member: Member, cause: Cause): void {
  member.vacantSince = member.context.now;
  member.waitUs = 0;
  const peer = member.context.detector.peer(member.lastActive);
  if (peer !== undefined && tookRoleUnheard(member, peer)) member.pause(slotUs(member.context.config));
  // What the detector saw of a peer that is down, it has reported itself.
  if (peer?.up && cause !== 'startup' && cause !== 'again') {
    member.context.report({ code: 'faultSeen', peer: peer.id, why: cause });
  }
}

/**
 * It was down before its term was heard of, from a proxy, and that tells us nothing any more: a life of it that we have not heard yet
 * took the role. The end of an earlier one says nothing of it; it gets the time of one rank to be heard.
 */
function tookRoleUnheard({ context, id }: Member, peer: PeerWatch): boolean {
  const since = context.terms.seenSince(id);
  if (peer.up || since === undefined || context.terms.seen(id).member !== peer.id) return false;
  return peer.downAt === undefined || peer.downAt < since;
}

/** How long after the vacancy was seen our turn comes, microseconds. */
function waitOf(member: Member, graceOver: boolean): number {
  const { context, successors: settled } = member;
  const { config } = context;
  const slot = slotUs(config);
  if (member.state === 'standby') {
    // In our own grace, whoever we have not heard yet may stand by all the same, or have acted already.
    const unheard = graceOver ? [] : member.peers.filter(({ boot }) => boot === 0);
    const ahead = settled.filter((peer) => goesBefore(member, peer, config.self));
    return (unheard.length + ahead.length) * slot;
  }
  const ahead = member.peers.filter((peer) => {
    const { state = MemberState.starting, pinned = false } = peer.standing(member.id) ?? {};
    if (pinned || state !== MemberState.starting) return false;
    return mayAct(peer, context) && member.isAhead(peer.id, config.self);
  });
  // Those that stood by before us have the ranks up to the group's size.
  const ranks = settled.length > 0 ? member.config.members.length * slot : 0;
  // A newcomer ahead of us may still be in its grace, which began before ours ended; then it probes, and acts.
  return ahead.length === 0 ? ranks : ranks + config.startupGraceUs + config.probeUs + ahead.length * slot;
}

/**
 * A newcomer that was heard and fell silent may be busy becoming active for the first time, which takes longer than any
 * later activation. Only proof of its end, or a grace without a word, takes it out of the count.
 */
function mayAct(peer: PeerWatch, { config, now }: Context): boolean {
  if (peer.up) return true;
  if (peer.downCause === 'processDeath' || peer.downCause === 'stopping') return false;
  return peer.paths.some(
    ({ lastHeard }) => lastHeard !== undefined && now - lastHeard < config.startupGraceUs,
  );
}

/**
 * Who is not held back, then priority, then number; but the chosen successor of a planned switchover goes first, and
 * whoever held the role last has just lost it or given it up, and goes last.
 */
function goesBefore(member: Member, peer: PeerWatch, self: NodeId): boolean {
  if (peer.standing(member.id)?.state === MemberState.holding) return true;
  const last = member.context.terms.seen(member.id).member;
  if (peer.id === last) return false;
  return self === last || member.isAhead(peer.id, self);
}
