/**
 * A planned switchover, both sides. Never two voices: the old active one forwards new packets to its successor, which
 * holds them; lets its own replies drain; closes its fence; and only then says `released`. Every word is repeated each
 * interval until the other side moved on.
 */
import {
  type ControlMessage,
  ControlType,
  compareTerms,
  MemberState,
  type NodeId,
  noTerm,
  type Term,
} from '../wire/control/message.ts';
import { slotUs } from './context.ts';
import type { Member } from './member.ts';
import { later } from './time.ts';
import type { Timer } from './timers.ts';

/** Stragglers (hosts that missed the announcement) are forwarded this long after the successor was heard active. */
const stragglersUs = 1_000_000;

type Phase =
  | 'idle'
  /** Active, draining: `prepare` is said until `prepared` is heard, then replies drain behind the forwarding. */
  | 'giving'
  /** Fence closed: `released` is said until the successor is heard active. */
  | 'given'
  /** The successor is active; stragglers are forwarded. */
  | 'forwarding'
  /** Successor: holding packets. */
  | 'receiving'
  /** Successor in a strict group: the role is ours, as soon as a majority has promised it. */
  | 'taking';

export class Switchover {
  readonly #member: Member;
  readonly #resend: Timer;
  readonly #limit: Timer;
  readonly #drain: Timer;
  #phase: Phase = 'idle';
  #partner: NodeId = 0;
  #term: Term = noTerm;
  #why = '';
  #forwards = false;
  /** The partner holds, and said so: what is still awaited is our proxy's word. */
  #answered = false;
  /** We have said `prepared`. */
  #promised = false;

  constructor(member: Member) {
    this.#member = member;
    const { timers } = member.context;
    this.#resend = timers.create('resend', () => this.#say());
    this.#limit = timers.create('switchoverLimit', () => this.#tooLong());
    this.#drain = timers.create('drain', () => this.#release());
  }

  /** The role is handed over, and the successor has not been heard active yet. */
  get pending(): boolean {
    return this.#phase === 'giving' || this.#phase === 'given';
  }

  /** Hand over to `successor`. For failing health the successor must answer quickly, or the role is just released. */
  give(successor: NodeId, why: string): void {
    const member = this.#member;
    const { context } = member;
    this.end();
    this.#phase = 'giving';
    this.#partner = successor;
    this.#term = member.held;
    this.#why = why;
    member.enter('draining', why);
    const patienceUs = why === 'health' ? slotUs(context.config) : context.config.switchoverTimeoutUs;
    this.#limit.arm(later(context.now, patienceUs));
    this.#say();
  }

  /** Gives the role up without a word to a successor: our state in the next heartbeat says it. */
  drop(why: string): void {
    this.end();
    this.#member.enter('draining', why);
    this.giveUp(why);
  }

  message(message: ControlMessage): void {
    const { sender, term } = message;
    if (message.type === ControlType.prepare) {
      this.#prepare(sender, term);
      return;
    }
    if (sender !== this.#partner || compareTerms(term, this.#term) !== 0) return;
    if (message.type === ControlType.prepared && this.#phase === 'giving') this.#prepared();
    else if (message.type === ControlType.released && this.#phase === 'receiving') this.#take('switchover');
    else if (message.type === ControlType.abort && this.#phase === 'giving') this.#callOff('refused');
    else if (message.type === ControlType.abort && this.#phase === 'receiving') this.#discard('aborted');
  }

  /** After every socket was drained: has the partner moved on, or gone? */
  review(): void {
    if (this.#phase === 'giving') this.#reviewGiving();
    else if (this.#phase === 'given') this.#reviewGiven();
    else if (this.#phase === 'receiving') this.#reviewReceiving();
    else if (this.#phase === 'taking') this.#reviewTaking();
  }

  /** We are active no longer, or not the successor any more, for a reason of its own: no word, no forwarding. */
  end(): void {
    this.#resend.cancel();
    this.#limit.cancel();
    this.#drain.cancel();
    this.#phase = 'idle';
    this.#answered = false;
    this.#promised = false;
    this.stopForwarding();
    this.#member.forgetPackets();
  }

  stopForwarding(): void {
    if (this.#phase === 'forwarding') this.#phase = 'idle';
    if (!this.#forwards) return;
    this.#forwards = false;
    this.#member.context.emit({ kind: 'forward', group: this.#member.id, to: 0 });
  }

  /** Tells the partner that it is off, then ends. */
  leave(): void {
    if (this.#phase === 'giving' || this.#phase === 'receiving') this.#send(ControlType.abort);
    this.end();
  }

  #prepare(from: NodeId, term: Term): void {
    const member = this.#member;
    const { context } = member;
    const again =
      this.#phase === 'receiving' && from === this.#partner && compareTerms(term, this.#term) === 0;
    if (!again) {
      const standing = context.detector.peer(from)?.standing(member.id);
      if (standing === undefined || !standing.holds || compareTerms(standing.term, term) !== 0) return;
      if (compareTerms(term, context.terms.seen(member.id)) < 0) return;
      if (member.state !== 'standby' || !member.healthy || member.isPinned || context.stopping) {
        if (member.state === 'faulted' || member.state === 'stopped' || member.isPinned)
          this.#refuse(from, term);
        return;
      }
      this.end();
      this.#phase = 'receiving';
      this.#partner = from;
      this.#term = term;
      member.lastActive = from;
      member.holdsPackets = true;
      context.emit({ kind: 'hold', group: member.id, action: 'begin' });
      member.enter('holding', 'prepare');
    }
    this.#limit.arm(later(context.now, context.config.switchoverTimeoutUs));
    this.#promise();
  }

  /** `prepared`, once what is forwarded to us, or to our proxy, is kept. */
  #promise(): void {
    if (this.#member.registrant?.settled === false) return;
    this.#promised = true;
    this.#say();
  }

  #refuse(to: NodeId, term: Term): void {
    const { context, id: group, wireState: state } = this.#member;
    context.emit({ kind: 'send', peer: to, type: ControlType.abort, group, term, state, target: 0 });
  }

  /** The partner holds. Not before our proxy does so too is anything given away. */
  #prepared(): void {
    this.#answered = true;
    if (this.#forwards || this.#member.registrant?.settled === false) return;
    const { context, id } = this.#member;
    this.#forwards = true;
    this.#resend.cancel();
    this.#limit.cancel();
    context.emit({ kind: 'forward', group: id, to: this.#partner });
    this.#drain.arm(later(context.now, context.config.drainUs));
  }

  /** The end of our part: fence closed first, then the word. We never speak again on this term. */
  #release(): void {
    const member = this.#member;
    const { context } = member;
    member.closeFence();
    this.#phase = 'given';
    member.lastActive = context.config.self;
    this.#count(this.#why);
    const to = context.stopping ? 'stopped' : member.healthy ? 'standby' : 'faulted';
    member.enter(to, this.#why);
    member.vacantSince = context.now;
    // The successor holds packets and has every right to the role; the ordinary election waits for it.
    member.pause(context.config.switchoverTimeoutUs);
    this.#limit.arm(later(context.now, context.config.switchoverTimeoutUs));
    this.#say();
  }

  #take(why: string): void {
    const { context } = this.#member;
    this.#resend.cancel();
    this.#limit.arm(later(context.now, context.config.switchoverTimeoutUs));
    this.#phase = 'taking';
    this.#why = why;
    this.#reviewTaking();
  }

  #reviewTaking(): void {
    const member = this.#member;
    const active = member.activePeer?.id;
    if (active !== undefined && active !== this.#partner) return this.#discard('heard');
    if (!member.entitled) return;
    this.#limit.cancel();
    this.#phase = 'idle';
    member.acquire(this.#why);
  }

  #reviewGiving(): void {
    const member = this.#member;
    const partner = member.context.detector.peer(this.#partner);
    const state = partner?.standing(member.id)?.state;
    const able = state === MemberState.standby || state === MemberState.holding;
    if (!partner?.up) this.#callOff('the successor died');
    else if (!able) this.#callOff('the successor is not able');
    else if (this.#answered) this.#prepared();
  }

  #reviewGiven(): void {
    const member = this.#member;
    const { context } = member;
    const partner = context.detector.peer(this.#partner);
    const standing = partner?.standing(member.id);
    if (partner?.up && standing?.holds) {
      this.#phase = 'forwarding';
      this.#resend.cancel();
      this.#limit.arm(later(context.now, stragglersUs));
      member.notBefore = context.now;
    } else if (!partner?.up || standing?.state !== MemberState.holding) {
      // It died, or gave up holding without becoming active: back to the ordinary election.
      this.end();
      member.notBefore = context.now;
    }
  }

  #reviewReceiving(): void {
    const member = this.#member;
    const { context } = member;
    const active = member.activePeer?.id ?? member.servedBy?.member;
    if (active !== undefined && active !== this.#partner) {
      this.#discard('heard');
      return;
    }
    const partner = context.detector.peer(this.#partner);
    if (partner === undefined) return;
    if (!this.#promised) this.#promise();
    const standing = partner.standing(member.id);
    if (standing !== undefined && compareTerms(standing.term, this.#term) > 0) {
      // It gave the role up to a higher term, not to us.
      this.#discard('heard');
    } else if (!partner.up) {
      const cause = context.detector.causeOfDeath(partner, member.config.takeOverOn);
      if (cause !== undefined || partner.downCause === 'stopping') this.#take(cause ?? 'stopping');
    } else if (standing !== undefined && !standing.holds && compareTerms(standing.term, this.#term) >= 0) {
      // `released` got lost, but its heartbeat says the same.
      this.#take('switchover');
    }
  }

  /** An operator has pinned this member, in the middle of it. */
  pinned(): void {
    if (this.#phase === 'giving' && !this.#member.context.stopping) this.#callOff('maintenance');
    else if (this.#member.state === 'holding') {
      this.leave();
      this.#member.enter('standby', 'maintenance');
    }
  }

  #callOff(why: string): void {
    const member = this.#member;
    this.leave();
    member.enter('active', why);
    this.#failed(why);
  }

  #discard(why: string): void {
    this.end();
    this.#member.enter('standby', why);
  }

  #tooLong(): void {
    const member = this.#member;
    if (this.#phase === 'receiving' || this.#phase === 'taking') {
      this.#discard('silence');
    } else if (this.#phase === 'given' || this.#phase === 'forwarding') {
      this.end();
    } else if (this.#phase === 'giving') {
      if (this.#why === 'health' || member.context.stopping) this.giveUp(this.#why);
      else this.#callOff('the successor did not answer in time');
    }
  }

  /** Releases the role without a successor: whoever is able takes it over by our own word. */
  giveUp(why: string): void {
    const member = this.#member;
    const { context } = member;
    this.leave();
    member.closeFence();
    member.lastActive = context.config.self;
    this.#count(why);
    // The checks may have passed again while the successor did not answer.
    member.enter(context.stopping ? 'stopped' : member.healthy ? 'standby' : 'faulted', why);
  }

  /** What no operator wished was a fall. */
  #count(why: string): void {
    if (why !== 'switchover' && why !== 'stop') this.#member.damping.fell();
  }

  #failed(why: string): void {
    this.#member.context.report({ code: 'switchoverFailed', group: this.#member.id, why });
  }

  /** The word of the present phase, now and each interval until the phase is over. */
  #say(): void {
    const { context } = this.#member;
    if (this.#phase === 'giving') this.#send(ControlType.prepare);
    else if (this.#phase === 'given') this.#send(ControlType.released);
    else if (this.#phase === 'receiving') this.#send(ControlType.prepared);
    else return;
    this.#resend.arm(later(context.now, context.config.heartbeatIntervalUs));
  }

  #send(type: ControlType): void {
    const { context, id: group, wireState: state } = this.#member;
    const peer = this.#partner;
    const target = type === ControlType.prepare || type === ControlType.released ? peer : 0;
    context.emit({ kind: 'send', peer, type, group, term: this.#term, state, target });
  }
}
