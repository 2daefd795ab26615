/**
 * One connection as a mirrored program has it. While this relay leads, what the client says becomes entries of the feed;
 * while it follows, the entries of the leader say how far the program has been fed, and the replica's socket is read just
 * as far, to be in the right place when this relay leads.
 */
import { feedWindowBytes } from '../../wire/feed.ts';
import type { Program, Site } from '../program.ts';

/** What a connection has to tell the feed. */
export interface FeedOwner {
  readonly leads: boolean;
  /** No program, or one that is behind: nothing more for it now. */
  readonly congested: boolean;
  /** Entries are lost: no program here can be right. */
  readonly broken: boolean;
  said(connection: FeedConnection, bytes: Uint8Array): void;
  ended(connection: FeedConnection): void;
  taken(connection: FeedConnection, count: number): void;
  closed(connection: FeedConnection): void;
}

/** Output that the program of a follower may be ahead, bytes. */
const outputBytesMax = 16 << 20;
/** Less than this is not worth an entry, bytes. */
const takenBytesMin = feedWindowBytes / 4;
const nothing = new Uint8Array(0);

export class FeedConnection implements Program {
  readonly site: Site;
  readonly #owner: FeedOwner;
  /** Its number in the feed; undefined: the feed does not have it yet. */
  id: number | undefined;
  /** Input in the feed, read from the client here, and read by the program, bytes. */
  #fed = 0;
  #seen = 0;
  #consumed = 0;
  #endFed = false;
  #endSeen = false;
  #output: Uint8Array[] = [];
  #outputBytes = 0;
  #taken = 0;
  #finish = false;
  #reset = false;

  constructor(site: Site, owner: FeedOwner) {
    this.site = site;
    this.#owner = owner;
  }

  get appetite(): number {
    const behind = this.#fed - this.#seen;
    if (behind > 0) return behind;
    if (this.#endFed) return this.#endSeen ? 0 : 1;
    if (!this.#owner.leads || this.#owner.congested) return 0;
    return Math.max(feedWindowBytes - (this.#fed - this.#consumed), 0);
  }

  get finished(): boolean {
    return this.#finish && this.#outputBytes === 0;
  }

  get failed(): boolean {
    return (
      this.#owner.broken || (this.#reset && this.#outputBytes === 0) || this.#outputBytes > outputBytesMax
    );
  }

  feed(bytes: Uint8Array): void {
    const known = Math.min(bytes.length, this.#fed - this.#seen);
    this.#seen += bytes.length;
    if (known === bytes.length) return;
    this.#fed += bytes.length - known;
    this.#owner.said(this, bytes.subarray(known));
  }

  end(): void {
    this.#endSeen = true;
    if (this.#endFed) return;
    this.#endFed = true;
    this.#owner.ended(this);
  }

  produce(max: number): Uint8Array {
    const [first] = this.#output;
    if (first === undefined) return nothing;
    const bytes = first.length <= max ? first : first.subarray(0, max);
    if (bytes.length === first.length) this.#output.shift();
    else this.#output[0] = first.subarray(bytes.length);
    this.#outputBytes -= bytes.length;
    this.#taken += bytes.length;
    if (this.#owner.leads && this.#taken >= takenBytesMin) {
      this.#owner.taken(this, this.#taken);
      this.#taken = 0;
    }
    return bytes;
  }

  close(): void {
    this.#owner.closed(this);
  }

  /** The leader fed so much more of it. */
  fedElsewhere(count: number): void {
    this.#fed += count;
  }

  endedElsewhere(): void {
    this.#endFed = true;
  }

  takenElsewhere(count: number): void {
    this.#taken -= count;
  }

  /** The program's. The bytes are this connection's from now on. */
  output(bytes: Uint8Array): void {
    this.#output.push(bytes);
    this.#outputBytes += bytes.length;
  }

  finish(): void {
    this.#finish = true;
  }

  reset(): void {
    this.#reset = true;
  }

  consumed(count: number): void {
    this.#consumed += count;
  }

  /** Another program reads from the beginning. */
  forgetConsumed(): void {
    this.#consumed = 0;
  }
}
