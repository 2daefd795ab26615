/**
 * The active side of the stream. It keeps the commits that standbys may still need, answers each standby with those that
 * it lacks or with a snapshot, and says when a commit is resolved. What it knows of one standby is apart from what all
 * share, so there may be any number. Bytes and times in, bytes and events out: no clock, socket or promise.
 */
import { compareTerms, type Term } from '../wire/control/message.ts';
import { Attachment, type Phase } from './attachment.ts';
import { Backlog, firstSequence, type MirrorRecord, sizeOf } from './backlog.ts';
import { type Identity, Tally } from './conduit.ts';
import { isName } from './field.ts';
import { CommitLedger, type Policy } from './ledger.ts';
import type { EndReason, LinkEnd } from './link-end.ts';
import { type StreamId, streamIdLength } from './message.ts';

/** One kind of state. Records and chunks are absolute: applying one again, or one that a chunk already shows, is harmless. */
export interface SnapshotSource {
  /** The same on both sides; 1 to 200 printable characters. */
  readonly name: string;
  /**
   * The state in pieces, none larger than a commit may be. A piece is asked for when there is room, between commits: it
   * shows the state as of the last commit then. Together with the commits since the first piece they make the state.
   */
  snapshot(): Iterable<Uint8Array>;
}

export interface SourceOptions {
  readonly identity: Identity;
  readonly term: Term;
  /** A record's `channel` is the place in this list. */
  readonly channels: readonly SnapshotSource[];
  /** `expected`: commits wait for it from the start, as it is there and will connect soon. */
  readonly standbys: readonly { readonly name: string; readonly expected: boolean }[];
  readonly policy: Policy;
  readonly degradeAfterUs: number;
  readonly backlogBytesMax: number;
  /** At most `backlogBytesMax`. */
  readonly commitBytesMax: number;
  /** How long a standby may say nothing before its connection counts as broken, µs. */
  readonly silenceUs: number;
}

export type SourceEvent =
  /** Commits up to and including this one are resolved. `mirrored`: every standby holds them. */
  | { readonly kind: 'resolved'; readonly sequence: number; readonly mirrored: boolean }
  | {
      readonly kind: 'phase';
      readonly standby: string;
      readonly phase: Phase;
      /** Why the last connection ended, with `absent`. */
      readonly why: EndReason | undefined;
    }
  /** Commits wait for this standby from now on, or no longer. */
  | { readonly kind: 'counts' | 'degraded'; readonly standby: string }
  /** A standby knows of a higher term: this source is the past. Nothing resolves any more. */
  | { readonly kind: 'superseded'; readonly term: Term };

export interface StandbyView {
  readonly name: string;
  readonly phase: Phase;
  readonly counts: boolean;
  /** The last commit that it holds; 0: nothing. */
  readonly held: number;
}

/** What the source knows of one standby. */
export interface Standby {
  readonly name: string;
  attachment: Attachment | undefined;
  /** The last commit of this stream that it holds; undefined: it never held a whole state of it. */
  holds: number | undefined;
}

export class MirrorSource {
  readonly options: SourceOptions;
  readonly stream: StreamId;
  readonly backlog: Backlog;
  readonly ledger: CommitLedger;
  readonly #tally = new Tally();
  readonly #standbys = new Map<string, Standby>();
  readonly #ends = new Set<Attachment>();
  #events: SourceEvent[] = [];
  #told = 0;
  #over = false;

  /** Throws RangeError for options that cannot work. */
  constructor(options: SourceOptions, nowUs: number) {
    requirePossible(options);
    this.options = options;
    this.stream = options.identity.crypto.random(streamIdLength);
    this.backlog = new Backlog(options.backlogBytesMax);
    this.ledger = new CommitLedger(options.policy, options.degradeAfterUs);
    for (const { name, expected } of options.standbys) {
      this.#standbys.set(name, { name, attachment: undefined, holds: undefined });
      this.ledger.add(name, expected);
    }
    this.ledger.issue(firstSequence, nowUs);
    this.#settle();
  }

  /** The last commit. */
  get head(): number {
    return this.backlog.head;
  }

  get standbys(): readonly StandbyView[] {
    return [...this.#standbys.values()].map(({ name, attachment, holds }) => ({
      name,
      phase: attachment?.phase ?? 'absent',
      counts: this.ledger.counts(name),
      held: holds ?? 0,
    }));
  }

  /** Frames that were not believed, by reason. */
  get refused(): Readonly<Record<string, number>> {
    return this.#tally.read();
  }

  /** A new connection from somebody who will have to prove who it is. */
  accept(nowUs: number): LinkEnd {
    const end = new Attachment(this, this.#tally, nowUs);
    if (this.#over) end.close('superseded');
    else this.#ends.add(end);
    return end;
  }

  /**
   * One commit: all of it reaches a standby, or nothing. Returns its sequence number; the event `resolved` follows, at once
   * or later. The bytes are the source's from now on. Throws RangeError when it is larger than `commitBytesMax`.
   */
  commit(records: readonly MirrorRecord[], nowUs: number): number {
    const size = sizeOf(records);
    if (records.length === 0 || size > this.options.commitBytesMax) {
      throw new RangeError(`a commit has 1 to ${this.options.commitBytesMax} bytes, this one ${size}`);
    }
    const { sequence } = this.backlog.append(records);
    this.ledger.issue(sequence, nowUs);
    this.#settle();
    return sequence;
  }

  takeEvents(): readonly SourceEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  get deadlineUs(): number | undefined {
    return this.#over ? undefined : this.ledger.deadlineUs;
  }

  /** After `deadlineUs`. */
  expire(nowUs: number): void {
    if (this.#over) return;
    this.ledger.expire(nowUs);
    this.#settle();
  }

  /** Ends every connection; nothing resolves any more. */
  close(reason: EndReason = 'closed'): void {
    this.#over = true;
    for (const end of [...this.#ends]) end.close(reason);
  }

  /** For attachments: the standby of this name, with the newest connection its only one. */
  admit(name: string, attachment: Attachment): Standby | undefined {
    const standby = this.#standbys.get(name);
    if (standby === undefined) return undefined;
    standby.attachment?.close('superseded');
    standby.attachment = attachment;
    return standby;
  }

  /** For attachments: somebody knows of a term higher than ours. */
  supersede(term: Term): void {
    if (this.#over || compareTerms(term, this.options.term) <= 0) return;
    this.#events.push({ kind: 'superseded', term });
    this.close('superseded');
  }

  /** For attachments: something about this standby changed. */
  changed(standby: Standby, why?: EndReason): void {
    const phase = standby.attachment?.phase ?? 'absent';
    this.#events.push({ kind: 'phase', standby: standby.name, phase, why });
  }

  /** For attachments: the connection is over. */
  detach(attachment: Attachment, standby: Standby | undefined, why: EndReason): void {
    this.#ends.delete(attachment);
    if (standby?.attachment !== attachment) return;
    standby.attachment = undefined;
    this.changed(standby, why);
    if (why === 'left' && !this.#over) this.ledger.left(standby.name);
    this.#settle();
  }

  /** For attachments: what standbys hold or count may have changed. */
  settle(): void {
    this.#settle();
  }

  #settle(): void {
    if (this.#over) return;
    for (const event of this.ledger.take()) {
      this.#events.push(event);
      if (event.kind === 'degraded') this.#standbys.get(event.standby)?.attachment?.fallBehind();
    }
    const { resolved, mirrored } = this.ledger;
    if (resolved > this.#told) {
      this.#told = resolved;
      this.#events.push({ kind: 'resolved', sequence: resolved, mirrored });
    }
    this.backlog.release(this.#unneeded());
  }

  /** The last commit that no standby will ask for. */
  #unneeded(): number {
    let unneeded = this.head;
    for (const { attachment, holds } of this.#standbys.values()) {
      unneeded = Math.min(unneeded, attachment?.unneeded ?? holds ?? unneeded);
    }
    return unneeded;
  }
}

function requirePossible({
  identity,
  channels,
  standbys,
  commitBytesMax,
  backlogBytesMax,
}: SourceOptions): void {
  const names = [identity.scope, identity.name, ...channels.map(({ name }) => name)];
  for (const name of [...names, ...standbys.map((standby) => standby.name)]) {
    if (!isName(name)) throw new RangeError(`'${name}' is no name: 1 to 200 printable characters, no space`);
  }
  if (new Set(channels.map(({ name }) => name)).size < channels.length) {
    throw new RangeError('two channels have the same name');
  }
  if (commitBytesMax > backlogBytesMax) {
    throw new RangeError(
      `commitBytesMax (${commitBytesMax}) is more than backlogBytesMax (${backlogBytesMax})`,
    );
  }
}
