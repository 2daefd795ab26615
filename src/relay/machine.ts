/**
 * One machine's part in a mirrored service: gate or replicas, the service's sockets and programs, in one loop that nothing
 * in it blocks. The active takes packets in, has them committed, delivers them, and answers; the standby rebuilds each
 * connection from its handshake and runs the same programs on the same bytes, unheard. Either becomes the other when it is
 * told to, and connections that both have go on.
 */
import { randomBytes } from 'node:crypto';
import { monotonicUs } from '../linux/clock.ts';
import { EPOLLIN } from '../linux/epoll.ts';
import { interfaceMac } from '../linux/interfaces.ts';
import { announcedWindowScale } from '../linux/service-socket.ts';
import { destroyTcpSockets, forgetHandshakes } from '../linux/sockdiag.ts';
import type { Commitment } from '../sessions/output.ts';
import { isIpv4, parseIp } from '../wire/address.ts';
import { Accepted } from './accepted.ts';
import { Arrivals } from './arrivals.ts';
import { type Kept, keptMax, type Word } from './channel.ts';
import type { OutputWord } from './commitments.ts';
import { EarlyFrames } from './early.ts';
import { EndedFlows } from './ended.ts';
import { Farewells } from './farewells.ts';
import type { Feed } from './feed/feed.ts';
import type { SharedSession } from './flow.ts';
import { Openings } from './openings.ts';
import { Partner, type PartnerConfig } from './partner.ts';
import type { Programs } from './program.ts';
import { Readiness } from './readiness.ts';
import { Replicas } from './replicas.ts';
import type { MachineCounts, MachineReport } from './report.ts';
import { ServiceWire, type WireConfig } from './wire.ts';

export interface MachineConfig extends Omit<WireConfig, 'farewellMark'> {
  readonly partner: PartnerConfig;
  readonly program: Programs;
  /** Where `program` comes from when connections share a program: then it is mirrored as a whole. */
  readonly feed?: Feed;
  /** How long the end of a connection waits for its replica's, ms. */
  readonly farewellPatienceMs?: number;
  readonly report: (report: MachineReport) => void;
  /** After every turn of the loop: some 50 times a second at least. */
  readonly turned?: (nowUs: number) => void;
}

const farewellMark = 0x0055_5365;
/** How long a new active that is not sure waits for the word of the one before, which is connected or is not just now. */
const doubtUs = { met: 1_000_000, unmet: 200_000 } as const;
/** While replicas wait for themselves: their kernel sends by timers too. */
const stalledUs = 500;
const idleUs = 20_000;

export class Machine {
  readonly #config: MachineConfig;
  readonly #readiness = new Readiness();
  readonly #wire: ServiceWire;
  readonly #partner: Partner;
  readonly #farewells: Farewells;
  readonly #replicas: Replicas;
  readonly #openings = new Openings();
  readonly #accepted: Accepted;
  readonly #arrivals: Arrivals;
  readonly #ended = new EndedFlows();
  readonly #windowScale: number;
  /** What the other machine said of connections since it yielded. */
  readonly #words = new Map<string, Word>();
  #lost = 0;
  #diverged = 0;
  #speaks = false;
  /** The role is ours, and it is not sure yet that all is here. */
  #doubtfulSinceUs: number | undefined;
  #running = true;

  /** A standby. The service's addresses must be on this machine. Throws OperationError. */
  constructor(config: MachineConfig) {
    this.#config = config;
    this.#wire = new ServiceWire({ ...config, farewellMark });
    // What an earlier process left would speak when we do. Its last words are swallowed by now.
    for (const address of config.addresses) destroyTcpSockets(address, (port) => port === config.port);
    const [first] = config.addresses;
    const loopback = parseIp(first === undefined || isIpv4(first) ? '127.0.0.1' : '::1');
    this.#windowScale = loopback === undefined ? 0 : announcedWindowScale(loopback);
    this.#partner = new Partner(config.partner, this.#readiness, {
      draw: (length) => randomBytes(length),
      deliver: (frame) => this.#arrivals.deliver(frame),
      stray: (frame) => this.#arrivals.stray(frame),
      mirrored: (frame) => this.#arrivals.mirrored(frame),
      settle: () => this.#replicas.settle(),
      output: (word) => this.#hearOfOutput(word),
      hold: (flows) => {
        this.#config.feed?.mirrorTo((entry) => this.#partner.sayOutput({ kind: 'fed', entry }));
        if (this.#config.feed !== undefined)
          for (const flow of this.#names) this.#session(flow)?.output.hold(0);
        for (const [flow, offset] of flows) this.#session(flow)?.output.hold(offset);
      },
      word: (word) => this.#heard(word),
      // Of what both had before, the other one knows nothing any more.
      anew: () => {
        if (!this.#speaks) this.#replicas.vanishAll();
        this.#sayRole(this.#speaks ? 'active' : 'standby', []);
      },
      released: () => {
        config.feed?.unmirror();
        for (const flow of this.#names) this.#release(flow);
      },
      report: config.report,
    });
    this.#farewells = new Farewells(this.#partner, config.farewellPatienceMs);
    this.#replicas = new Replicas({
      program: config.program,
      readiness: this.#readiness,
      commit: (flow, commitment) => this.#commit(flow, commitment),
      inject: (frame) => this.#wire.inject(frame),
      say: (word) => this.#partner.say(word),
      poke: (frames) => this.#wire.say(frames),
      mac: this.#wire.mac,
      mayClose: ({ flow }) => this.#farewells.mayClose(flow),
      ended: (flow) => this.#over(flow),
      vanished: (flow) => this.#dropped(flow),
      farewellMark,
    });
    this.#accepted = new Accepted({
      ...config,
      readiness: this.#readiness,
      farewellMark,
      leads: () => this.#speaks,
      commit: (flow, commitment) => this.#commit(flow, commitment),
      mayClose: ({ flow }) => this.#farewells.mayClose(flow),
      wake: (flow) => this.#remind(flow),
      ended: (flow) => this.#over(flow),
    });
    this.#arrivals = new Arrivals({
      wire: this.#wire,
      early: new EarlyFrames(config.interfaces.map((name) => interfaceMac(name))),
      partner: this.#partner,
      replicas: this.#replicas,
      accepted: this.#accepted,
      openings: this.#openings,
      ended: this.#ended,
      port: config.port,
      windowScale: this.#windowScale,
      leads: () => this.#speaks,
    });
  }

  get counts(): MachineCounts {
    const { replicas, lost, diverged, ...others } = this.#replicas.counts;
    const { agreements } = this.#partner;
    const mirrored = this.#speaks
      ? this.#names.filter((flow) => agreements.isMirrored(flow)).length
      : replicas;
    return {
      role: this.#speaks ? 'active' : 'standby',
      ...this.#partner.counts,
      ...others,
      sessions: this.#accepted.size + replicas,
      replicas,
      survivable: mirrored,
      lost: lost + this.#lost,
      diverged: diverged + this.#diverged,
      overdue: this.#farewells.overdue,
      refused: this.#wire.refused,
      healthy: this.#config.feed?.healthy ?? true,
    };
  }

  /** Of all connections. */
  get #names(): readonly string[] {
    return [...this.#accepted.names, ...this.#replicas.names];
  }

  #session(flow: string): SharedSession | undefined {
    return this.#accepted.get(flow) ?? this.#replicas.session(flow);
  }

  /** Calls `ready` when the descriptor can be read. */
  watch(fd: number, ready: () => void): void {
    this.#readiness.watch(fd, EPOLLIN, ready);
  }

  run(): void {
    this.watch(this.#wire.fd, () => this.#arrivals.receive());
    this.#config.feed?.start(this.#readiness, this.#speaks);
    while (this.#running) {
      const { busy, stalled } = this.#replicas;
      this.#readiness.turn(busy ? 0 : stalled ? stalledUs : idleUs);
      this.#replicas.turn();
      const nowUs = monotonicUs();
      // Both were the active, and the other one is no more.
      if (this.#speaks && this.#partner.superseded) {
        this.becomeStandby();
        this.takeOver();
      }
      if (this.#speaks) this.#giveUpOverdue(nowUs);
      else if (this.#doubtfulSinceUs !== undefined) this.takeOver();
      this.#partner.turn(nowUs);
      this.#config.turned?.(nowUs);
    }
  }

  /**
   * Ends `run`. Nobody hears of it: a client whose connection the other machine has goes on there. `clean`: the table goes
   * too; else it stays, and keeps the kernel's own words in.
   */
  stop(clean: boolean): void {
    this.#running = false;
    this.#wire.hush();
    this.#speaks = false;
    for (const session of this.#accepted.takeAll()) session.vanish();
    this.#replicas.vanishAll();
    this.#accepted.close();
    this.#sayRole('gone', []);
    this.#partner.turn(monotonicUs());
    if (clean) this.#wire.remove();
  }

  /**
   * The role is ours: what the other machine committed is in, and from here on this one speaks. One that cannot be sure to
   * have all waits a moment for the other one, which may be yielding just now: then its last word says so. Idempotent.
   */
  takeOver(): void {
    if (this.#speaks) return;
    // What arrived before the end counts: the other side delivered it.
    this.#partner.receive();
    const nowUs = monotonicUs();
    const certain = this.#partner.holdsAll(nowUs);
    const replicas = this.#replicas.size;
    this.#doubtfulSinceUs ??= nowUs;
    const patienceUs = this.#partner.met ? doubtUs.met : doubtUs.unmet;
    if (!certain && replicas > 0 && nowUs - this.#doubtfulSinceUs < patienceUs) return;
    this.#doubtfulSinceUs = undefined;
    this.#speaks = true;
    if (certain) this.#replicas.keepClocks();
    else this.#replicas.doomAll();
    this.#wire.speak();
    this.#sayRole('active', []);
    const kept = this.#partner.lead(monotonicUs());
    this.#config.feed?.lead();
    this.#replicas.lead();
    this.#missing(kept);
    const words = [...this.#words.values()];
    this.#words.clear();
    for (const word of words) this.#heard(word);
    this.#arrivals.takeEarly();
    this.#partner.turn(monotonicUs());
    this.#config.report({ event: 'tookOver', sessions: replicas, reset: certain ? 0 : replicas });
  }

  /**
   * The role is gone. Connections that the other machine has from their beginning become replicas of those there; all
   * others end here without a word. Idempotent.
   */
  becomeStandby(): void {
    this.#doubtfulSinceUs = undefined;
    if (!this.#speaks) return;
    this.#wire.hush();
    this.#speaks = false;
    // What the other machine said since is for a standby to hear.
    const mirrored = this.#partner.yield(monotonicUs());
    this.#accepted.acceptWaiting();
    this.#config.feed?.yield();
    const before = this.#names;
    const kept = before.filter((flow) => mirrored(flow) && this.#canKeep(flow)).slice(0, keptMax);
    // Whoever completes these, both have them.
    const opening = [...this.#openings.names, ...this.#replicas.opening].slice(0, keptMax - kept.length);
    // Before what is said of the connections.
    this.#sayRole(
      'standby',
      [...kept, ...opening].map((flow) => ({ flow, offset: this.#session(flow)?.output.offset ?? 0 })),
    );
    // The other one waits for it, and what is done here takes its time where connections are many.
    this.#partner.flush();
    this.#keep(new Set(kept));
    this.#replicas.inherit(this.#openings);
    this.#partner.takeDeferred();
    this.#partner.turn(monotonicUs());
    const lost = before.length - kept.length;
    this.#lost += lost;
    this.#config.report({ event: 'stoodBy', sessions: kept.length, lost });
  }

  /** It is known where its numbers began. */
  #canKeep(flow: string): boolean {
    return this.#replicas.has(flow) || this.#openings.beginning(flow) !== undefined;
  }

  /** These go on as replicas, the others end without a word. */
  #keep(kept: ReadonlySet<string>): void {
    for (const flow of this.#replicas.names) if (!kept.has(flow)) this.#replicas.vanish(flow);
    this.#replicas.follow();
    for (const session of this.#accepted.takeAll()) {
      const beginning = this.#openings.beginning(session.flow);
      if (kept.has(session.flow) && beginning !== undefined) this.#replicas.adopt(session, beginning);
      else session.vanish();
    }
    if (this.#openings.empty) return;
    // Whoever leads next may complete these by a replica's socket.
    const { addresses, port } = this.#config;
    for (const address of addresses) forgetHandshakes(address, port);
  }

  #sayRole(role: 'active' | 'standby' | 'gone', kept: readonly Kept[]): void {
    this.#partner.say({ kind: 'role', role, windowScale: this.#windowScale, kept });
  }

  #heard(word: Word): void {
    if (word.kind === 'role') {
      this.#replicas.scale(word.windowScale);
      this.#words.clear();
      if (!this.#speaks) return;
      this.#missing(word.kept);
      for (const flow of this.#names) this.#remind(flow);
      return;
    }
    const { kind, flow, offset } = word;
    if (!this.#speaks) {
      if (kind === 'lost' && this.#partner.leads) this.#replicas.vanish(flow);
      // Said by a standby: it counts when we have taken over.
      else this.#words.set(flow, word);
      return;
    }
    const { agreements } = this.#partner;
    const mirrored = agreements.isMirrored(flow);
    agreements.heard(word);
    if (kind === 'finished' || !mirrored) return this.#remind(flow);
    if (kind === 'diverged') this.#diverged++;
    this.#config.report({ event: kind, flow, offset });
    this.#release(flow);
  }

  #hearOfOutput(word: OutputWord): void {
    if (word.kind === 'fed') this.#config.feed?.follow(word.entry);
    else if (word.kind === 'said') this.#replicas.said(word.flow, word.commitment);
    else this.#replicas.abandoned(word.flow, word.kind === 'over');
  }

  /** Tells the standby what a connection is about to say. False: it has no part in it. */
  #commit(flow: string, commitment: Commitment): boolean {
    // What one connection of a shared program says tells of what others said before.
    const shared = this.#config.feed !== undefined;
    return this.#partner.commit(flow, shared, commitment, () => {
      this.#session(flow)?.output.clear(commitment.offset);
      this.#remind(flow);
    });
  }

  /** The standby has no part in this connection any more. */
  #release(flow: string): void {
    if (this.#config.feed === undefined || !this.#partner.mirrors) this.#session(flow)?.output.release();
    this.#remind(flow);
  }

  /** Connections whose replica does not come to its end are closed without it. */
  #giveUpOverdue(nowUs: number): void {
    for (const flow of this.#farewells.giveUp(nowUs)) {
      const offset = this.#session(flow)?.output.offset ?? 0;
      this.#config.report({ event: 'overdue', flow, offset });
      this.#release(flow);
    }
  }

  /** Connections that the other machine keeps a replica of, and that are not here, or went on without it, are over there. */
  #missing(kept: readonly Kept[]): void {
    const { agreements } = this.#partner;
    for (const { flow } of kept) {
      if (this.#replicas.expects(flow) && agreements.isMirrored(flow)) continue;
      agreements.forget(flow);
      this.#partner.say({ kind: 'lost', flow, offset: 0, digest: '' });
    }
  }

  #remind(flow: string): void {
    const session = this.#accepted.get(flow);
    if (session !== undefined) this.#accepted.progress(session);
    else this.#replicas.remind(flow);
  }

  /** It is not here any more. */
  #dropped(flow: string): void {
    const { agreements } = this.#partner;
    if (this.#speaks && agreements.isAlone(flow)) this.#partner.sayOutput({ kind: 'over', flow });
    agreements.forget(flow);
    this.#openings.forget(flow);
  }

  #over(flow: string): void {
    this.#dropped(flow);
    this.#ended.add(flow);
  }
}
