/**
 * `shadow`: a program's state, mirrored to the program on the standby, which stays idle until it takes over and then finds
 * it. This file joins the role, the stream, the connections and the kinds of state; each of them knows none of the others.
 */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { monotonicUs } from '../link/clock.ts';
import { nodeCrypto } from '../link/crypto.ts';
import { Dialer } from '../link/dialer.ts';
import { Listener } from '../link/listener.ts';
import { sizeOf } from '../mirror/backlog.ts';
import type { Identity } from '../mirror/conduit.ts';
import type { LinkEnd } from '../mirror/link-end.ts';
import { type Claim, MirrorSink, type SinkEvent } from '../mirror/sink.ts';
import { MirrorSource, type SourceEvent, type StandbyView } from '../mirror/source.ts';
import { compareTerms, noTerm, type Term } from '../wire/control/message.ts';
import { MirroredCell } from './cell.ts';
import type { MirroredState } from './channel.ts';
import { Control } from './control.ts';
import { MirrorError } from './errors.ts';
import type { ShadowEvents } from './events.ts';
import { Handoff, type HandoffOptions } from './handoff.ts';
import { MirroredLog } from './log.ts';
import { MirroredMap } from './map.ts';
import { type Settings, type ShadowOptions, settingsOf } from './options.ts';
import { GuardedSocket } from './output.ts';
import { placesOf, targetOf } from './places.ts';
import { MirroredRegion } from './region.ts';
import { RoleFollower, type RoleView } from './roles.ts';
import { States } from './states.ts';
import { type Resolution, Waiters } from './waiters.ts';

/** How often the standby asks whether it counts, and how long either end may be silent, µs. */
const pingUs = 50_000;
const silenceUs = 500_000;
/** What may wait on the standby to be applied, beside one commit, bytes. */
const windowBytes = 1_048_576;

/** How often a switchover is asked for when this program has lost its state, µs. */
const handBackAgainUs = 2_000_000;

export class Shadow extends EventEmitter<ShadowEvents> {
  readonly #settings: Settings;
  readonly #control: Control;
  readonly #states = new States();
  readonly #guards = new Set<GuardedSocket>();
  readonly #listener: Listener;
  readonly #dialer: Dialer;
  readonly #roles: RoleFollower;
  readonly #started = Promise.withResolvers<void>();
  #handoff: { run(control: Control, group: string): Promise<void>; close(): void } | undefined;
  #identity: Identity | undefined;
  #source: MirrorSource | undefined;
  #sink: MirrorSink | undefined;
  #waiters = new Waiters();
  #timer: NodeJS.Timeout | undefined;
  /** The highest term that a standby held against us. */
  #floor: Term = noTerm;
  #running = false;
  #closed = false;
  #wasActive = false;
  #writing = false;
  #handedBackUs = Number.NEGATIVE_INFINITY;

  /** Throws MirrorError badOption. */
  constructor(options: ShadowOptions) {
    super();
    this.#settings = settingsOf(options);
    this.#control = new Control(options.control);
    this.#listener = new Listener({
      accept: () => this.#source?.accept(monotonicUs()),
      changed: () => this.#settle(),
      unable: ({ address, port }, why) =>
        this.emit('trouble', `cannot listen on ${address} port ${port}: ${why}`),
    });
    this.#dialer = new Dialer({
      connected: (member) => this.#connected(member),
      changed: () => this.#settle(),
    });
    this.#roles = new RoleFollower(this.#control, options.group, (view) => this.#follow(view));
  }

  /** A replicated map. All kinds of state are made before `start`, under the same names on all members. */
  map<Value>(name: string): MirroredMap<Value> {
    return this.#add(new MirroredMap<Value>(name));
  }

  /** A replicated append log. */
  log<Entry>(name: string): MirroredLog<Entry> {
    return this.#add(new MirroredLog<Entry>(name));
  }

  /** Mirrored memory of so many bytes, zeros at first; the same size on all members. */
  region(name: string, byteLength: number): MirroredRegion {
    return this.#add(new MirroredRegion(name, byteLength));
  }

  /** One replicated value. */
  cell<Value>(name: string): MirroredCell<Value> {
    return this.#add(new MirroredCell<Value>(name));
  }

  /**
   * The program's own checkpoint, taken now and then and before planned switchovers. The cell's `value` is the last one that
   * was committed, on whichever member: read it when `active` comes.
   */
  handoff<Checkpoint>(options: HandoffOptions<Checkpoint>): MirroredCell<Checkpoint> {
    const cell = this.cell<Checkpoint>('handoff');
    const shadow = this;
    this.#handoff = new Handoff(options, cell, {
      get active() {
        return shadow.active;
      },
      commit: () => this.commit(),
      trouble: (what) => this.emit('trouble', what),
    });
    return cell;
  }

  /**
   * Begins to follow the daemon. Resolves when the role is known, after `active` was emitted if it is ours. Rejects when
   * the daemon has no such group; a daemon that does not answer is waited for.
   */
  start(): Promise<void> {
    this.#running = true;
    this.#roles.run().catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      this.#started.reject(new MirrorError('badOption', why));
      this.emit('trouble', why);
      this.#yield();
    });
    void this.#handoff?.run(this.#control, this.#settings.group);
    return this.#started.promise;
  }

  get active(): boolean {
    return this.#source !== undefined;
  }

  /** On the standby: what the state would be worth if it took over now. */
  get claim(): Claim {
    return this.#sink?.claim(monotonicUs()) ?? 'nothing';
  }

  get standbys(): readonly StandbyView[] {
    return this.#source?.standbys ?? [];
  }

  /** Frames that were not believed, by reason, in this role. */
  get refused(): Readonly<Record<string, number>> {
    return this.#source?.refused ?? this.#sink?.refused ?? {};
  }

  /**
   * Makes all changes since the last commit one commit: the standby gets all of them or none. Resolves when the policy
   * says so; when nothing changed, when the commits before are resolved. Rejects with MirrorError: `notActive` (also when
   * the role goes meanwhile), `tooLarge` (the changes stay).
   */
  async commit(): Promise<Resolution> {
    const source = this.#source;
    if (source === undefined) throw this.#notActive();
    const records = this.#states.changes();
    const { commitBytesMax } = this.#settings;
    if (sizeOf(records) > commitBytesMax) {
      throw new MirrorError(
        'tooLarge',
        `the commit has ${sizeOf(records)} bytes and may have ${commitBytesMax}: commit more often, or raise commitBytesMax`,
      );
    }
    this.#states.keep();
    if (records.length > 0) source.commit(records, monotonicUs());
    const resolved = this.#waiters.until(source.head);
    this.#settle();
    return await resolved;
  }

  /** Takes back the changes since the last commit. */
  rollback(): void {
    this.#states.rollback();
  }

  /**
   * The same connection, whose writes leave only when what was committed before them is resolved; a write commits what has
   * changed. It is destroyed when the role goes. An HTTP server takes it by `server.emit('connection', guarded)`.
   */
  guard(socket: Socket): GuardedSocket {
    const guarded = new GuardedSocket(socket, { release: () => this.commit() });
    this.#guards.add(guarded);
    guarded.once('close', () => this.#guards.delete(guarded));
    return guarded;
  }

  /** Leaves: a standby is not waited for any more, an active program's commits resolve no more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#roles.close();
    this.#handoff?.close();
    clearTimeout(this.#timer);
    this.#sink?.leave();
    this.#dialer.write();
    this.#source?.close();
    this.#source = undefined;
    this.#endActivity(new MirrorError('closed', 'the shadow was closed'));
    // What was written last, a standby's good-bye, goes out before the connections end.
    await new Promise((resolve) => setImmediate(resolve));
    this.#dialer.aim(undefined);
    this.#listener.close();
  }

  #add<State extends MirroredState>(state: State): State {
    if (this.#running) throw new MirrorError('badOption', `${state.name} is to be made before start()`);
    return this.#states.add(state);
  }

  #follow(view: RoleView | undefined): void {
    if (this.#closed) return;
    if (view === undefined) {
      this.emit('trouble', 'the daemon does not answer: its addresses are gone');
      return this.#yield();
    }
    this.#identity ??= this.#identify(view);
    this.#listener.listenOn(placesOf(view, this.#settings.port));
    const lapsed = this.#source !== undefined && compareTerms(view.term, this.#source.options.term) !== 0;
    // A standby may know of a higher term before the daemon does.
    const active = view.active && compareTerms(view.term, this.#floor) >= 0;
    if (!active || lapsed) this.#yield();
    if (active) this.#activate(view, this.#identity);
    else this.#stand(view, this.#identity);
    this.#settle();
    this.#started.resolve();
  }

  #identify({ cluster, self }: RoleView): Identity {
    const { group, application, keys, protection } = this.#settings;
    return { crypto: nodeCrypto, scope: `${cluster}/${group}/${application}`, name: self, keys, protection };
  }

  #activate(view: RoleView, identity: Identity): void {
    if (this.#source !== undefined) return;
    const claim = this.#takeOver(view.sinceUs);
    const { policy, degradeAfterUs, backlogBytesMax, commitBytesMax } = this.#settings;
    this.#source = new MirrorSource(
      {
        identity,
        term: view.term,
        channels: this.#states.all,
        standbys: view.others.map(({ name, up }) => ({ name, expected: up })),
        policy,
        degradeAfterUs,
        backlogBytesMax,
        commitBytesMax,
        silenceUs,
      },
      monotonicUs(),
    );
    this.#waiters = new Waiters();
    // What this program had when it was active before is something, however old.
    const state = claim === 'nothing' && this.#wasActive ? 'uncertain' : claim;
    this.#wasActive = true;
    this.emit('active', { term: view.term, state });
  }

  /** The standby's part ends: nothing of the old active one is believed any more. */
  #takeOver(atUs: number): Claim {
    const sink = this.#sink;
    if (sink === undefined) return 'nothing';
    const claim = sink.claim(atUs);
    sink.close();
    for (const event of sink.takeEvents()) this.#apply(event);
    this.#sink = undefined;
    this.#dialer.aim(undefined);
    return claim;
  }

  #yield(): void {
    if (this.#source === undefined) return;
    this.#source.close();
    this.#source = undefined;
    this.#endActivity(this.#notActive());
    this.emit('standby');
  }

  #endActivity(error: MirrorError): void {
    this.rollback();
    this.#waiters.reject(error);
    for (const guarded of this.#guards) guarded.destroy();
  }

  #stand(view: RoleView, identity: Identity): void {
    const { commitBytesMax, port } = this.#settings;
    this.#sink ??= new MirrorSink({ identity, windowBytes, commitBytesMax, pingUs, silenceUs });
    this.#sink.noteTerm(view.term);
    this.#sink.noteTerm(this.#floor);
    this.#dialer.aim(targetOf(view, port));
  }

  #connected(member: string): LinkEnd {
    const sink = this.#sink;
    if (sink === undefined) throw new Error('a standby’s connection without a standby');
    return sink.connect(member, monotonicUs());
  }

  /** Everything that happened is told on, and what there is to write is written once this turn of the program is over. */
  #settle(): void {
    for (const event of this.#source?.takeEvents() ?? []) this.#report(event);
    for (const event of this.#sink?.takeEvents() ?? []) this.#apply(event);
    if (this.#writing || this.#closed) return;
    this.#writing = true;
    queueMicrotask(() => {
      this.#writing = false;
      if (this.#source !== undefined) this.#listener.write();
      else this.#dialer.write();
      this.#schedule();
    });
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const deadlineUs = this.#source?.deadlineUs;
    if (deadlineUs === undefined || this.#closed) return;
    this.#timer = setTimeout(
      () => {
        this.#source?.expire(monotonicUs());
        this.#settle();
      },
      Math.max(1, Math.ceil((deadlineUs - monotonicUs()) / 1000)),
    );
  }

  #report(event: SourceEvent): void {
    switch (event.kind) {
      case 'resolved':
        return this.#waiters.resolve(event.sequence, event.mirrored);
      case 'superseded':
        this.emit('trouble', `a standby knows the term ${event.term.counter}, which is higher than ours`);
        this.#floor = event.term;
        return this.#yield();
      case 'phase':
        if (event.why === 'otherLife') this.#handBack(event.standby);
        break;
      case 'degraded':
        this.emit(
          'trouble',
          `${event.standby} is too far behind: commits do not wait for it until it has caught up`,
        );
        break;
      default:
        break;
    }
    this.emit('standbys', this.standbys);
  }

  /** This program was started again without its state, and the standby has it: the role belongs there. */
  #handBack(standby: string): void {
    const nowUs = monotonicUs();
    if (nowUs - this.#handedBackUs < handBackAgainUs) return;
    this.#handedBackUs = nowUs;
    this.emit(
      'trouble',
      `${standby} holds what this program had before it was started again: the role goes there`,
    );
    const failed = (error: unknown) => void this.emit('trouble', `the role stays: ${String(error)}`);
    this.#control.post('/v1/switchover', { group: this.#settings.group, to: standby }).catch(failed);
  }

  #apply(event: SinkEvent): void {
    try {
      const unknown = this.#states.apply(event);
      if (unknown.length > 0) this.emit('trouble', `the active program also has ${unknown.join(', ')}`);
    } catch (error) {
      this.emit('trouble', `the active program’s state cannot be taken: ${String(error)}`);
      this.#sink?.close();
    }
  }

  #notActive(): MirrorError {
    return new MirrorError('notActive', 'this program is not active: its role went, or has not come yet');
  }
}
