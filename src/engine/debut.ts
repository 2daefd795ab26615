/**
 * The very first activation of a life, when nobody is known to be active: nobody is missed yet, so there is time to look
 * first. A port that passes nothing yet (a switch listens and learns for up to 30 s) hides whoever serves the group, so
 * its first frame is awaited; then the LAN is asked whether somebody has the addresses (RFC 5227 §2.1.1, RFC 4862 §5.4).
 * An answer means that they are live: a member that we cannot hear, or a stranger. We ask again later, for as long as it
 * answers. Whoever has seen the active member die does not come here.
 *
 * Deviates from RFC 5227 §2.1.1 (three probes, one to two seconds apart, then two seconds of silence): the addresses are
 * ours by configuration, a LAN answers within milliseconds, and hosts wait.
 */
import type { IpAddress, MacAddress } from '../wire/address.ts';
import type { GroupId, NodeId } from '../wire/control/message.ts';
import type { Context } from './context.ts';
import { type Instant, later } from './time.ts';
import type { Timer } from './timers.ts';

/** PROBE_NUM of RFC 5227 §1.1. */
const probes = 3;
/** After an answer, so many lengths of a round of probes pass before the next one; then twice, then four times as many. */
const restRounds = 3;
const doublings = 2;
/** So often in a row a rival goes first. Somebody who only probes, for ever, has no address. */
const rivalriesMax = 3;
/** So many physical addresses are named in one life: who has many must not fill the log. */
const namedMax = 16;

/** What the first activation waits for: the port's first frame, answers to a probe, or an address that is in use. */
export type DebutWait = 'port' | 'probe' | 'address';

export class Debut {
  readonly #context: Context;
  readonly #group: GroupId;
  readonly #timer: Timer;
  readonly #named: Set<MacAddress> = new Set();
  #phase: 'idle' | 'probing' | 'free' | 'inUse' = 'idle';
  #waitsFor: DebutWait | undefined;
  /** Our turn has come, in this turn of the loop. */
  #wanted = false;
  #forced = false;
  #asked = 0;
  #rests = 0;
  #rivalries = 0;
  /** Since when our port has carrier and passes nothing; undefined: it passes. */
  #silentSince: Instant | undefined;
  #saidSilent = false;

  constructor(context: Context, group: GroupId) {
    this.#context = context;
    this.#group = group;
    this.#timer = context.timers.create('debut', () => this.#due());
  }

  get waitsFor(): DebutWait | undefined {
    return this.#waitsFor;
  }

  /** Our turn has come, and has not passed: asked after every turn of the loop. True: nothing stands in the way. */
  isReady(): boolean {
    this.#wanted = true;
    this.#waitsFor = this.#obstacle();
    return this.#waitsFor === undefined;
  }

  /** At the end of a turn: what nobody asked for in it is over. */
  settle(): void {
    if (!this.#wanted && (this.#waitsFor !== undefined || this.#phase !== 'idle')) this.#rest();
    if (!this.#wanted) this.#forced = false;
    this.#wanted = false;
  }

  /** The operator wants it all the same. False: there is nothing to overrule. */
  force(): boolean {
    if (this.#waitsFor === undefined) return false;
    this.#forced = true;
    return true;
  }

  /** Our port rose and passes nothing yet, or has passed its first frame. */
  port(passes: boolean): void {
    this.#silentSince = passes ? undefined : this.#context.now;
    this.#saidSilent = false;
    if (!passes) this.#rest();
  }

  /** Somebody says that he has an address of the group. */
  claimed(member: NodeId | 0, address: IpAddress, mac: MacAddress): void {
    if (this.#phase !== 'probing' && this.#phase !== 'free') return;
    this.#rivalries = 0;
    this.#putOff();
    if (this.#named.has(mac) || this.#named.size >= namedMax) return;
    this.#named.add(mac);
    this.#context.report({ code: 'addressInUse', group: this.#group, member, address, mac });
  }

  /** Somebody with a lower physical address probes for the same address: of two that ask at once, one goes first. */
  rivalled(): void {
    if (this.#phase !== 'probing' || this.#rivalries >= rivalriesMax) return;
    this.#rivalries++;
    this.#putOff();
  }

  #obstacle(): DebutWait | undefined {
    const { config } = this.#context;
    if (this.#forced) return undefined;
    if (this.#portIsSilent()) return 'port';
    if (config.probeUs === 0) return undefined;
    if (this.#phase === 'idle') this.#begin();
    if (this.#phase === 'inUse') return 'address';
    return this.#phase === 'probing' ? 'probe' : undefined;
  }

  #portIsSilent(): boolean {
    const { now, config } = this.#context;
    if (this.#silentSince === undefined) return false;
    const until = later(this.#silentSince, config.silentPortUs);
    if (now >= until) return false;
    this.#timer.arm(until);
    if (!this.#saidSilent) this.#context.report({ code: 'waitsForPort', group: this.#group });
    this.#saidSilent = true;
    return true;
  }

  #due(): void {
    if (this.#phase === 'inUse') this.#begin();
    else if (this.#phase === 'probing' && this.#asked < probes) this.#ask();
    else if (this.#phase === 'probing') this.#phase = 'free';
  }

  #begin(): void {
    this.#phase = 'probing';
    this.#asked = 0;
    this.#ask();
  }

  #ask(): void {
    const { now, config, emit } = this.#context;
    this.#asked++;
    emit({ kind: 'probe', group: this.#group });
    this.#timer.arm(later(now, Math.ceil(config.probeUs / probes)));
  }

  #putOff(): void {
    const { now, config } = this.#context;
    this.#phase = 'inUse';
    this.#timer.arm(later(now, restRounds * config.probeUs * 2 ** this.#rests));
    this.#rests = Math.min(this.#rests + 1, doublings);
  }

  #rest(): void {
    this.#phase = 'idle';
    this.#waitsFor = undefined;
    this.#rests = 0;
    this.#rivalries = 0;
    this.#timer.cancel();
  }
}
