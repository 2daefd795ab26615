/**
 * Mirrored memory: bytes that a program works on through ordinary typed views. Whoever writes says so first, by taking
 * `writable(offset, length)` or a setter; the pages touched are kept as they were until the commit, and only what differs
 * from that is sent.
 *
 * Not by comparing: to find the changes of a commit by hashing would read the whole region each time, 64 MiB for one
 * changed counter; and a snapshot needs the committed bytes of a page that is being changed, which only a copy has.
 *
 *   record: | offset u48 | bytes |
 */
import type { MirroredState } from './channel.ts';

const pageBytes = 4096;
const offsetLength = 6;
/** The pages of one piece of a snapshot. */
const piecePages = 7;

export class MirroredRegion implements MirroredState {
  readonly name: string;
  /** For reading, and for views over it. What is written here without `writable` is not mirrored. */
  readonly buffer: ArrayBuffer;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** Touched pages as they were committed. */
  readonly #before = new Map<number, Uint8Array>();
  #coming: Uint8Array | undefined;

  constructor(name: string, byteLength: number) {
    this.name = name;
    this.buffer = new ArrayBuffer(byteLength);
    this.#bytes = new Uint8Array(this.buffer);
    this.#view = new DataView(this.buffer);
  }

  /** These bytes, to be written to until the next commit. Throws RangeError outside the region. */
  writable(offset: number, length: number): Uint8Array {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.#bytes.length)) {
      throw new RangeError(
        `${offset}+${length} is outside ${this.name}, which has ${this.#bytes.length} bytes`,
      );
    }
    const last = Math.floor((offset + Math.max(length, 1) - 1) / pageBytes);
    for (let page = Math.floor(offset / pageBytes); page <= last; page++) {
      if (!this.#before.has(page)) this.#before.set(page, this.#page(page).slice());
    }
    return this.#bytes.subarray(offset, offset + length);
  }

  /** Copies `bytes` to `offset`. */
  set(bytes: Uint8Array, offset: number): void {
    this.writable(offset, bytes.length).set(bytes);
  }

  /** In this machine's byte order, as typed arrays over `buffer` have it, like the setters below. */
  setUint32(offset: number, value: number): void {
    this.writable(offset, 4);
    this.#view.setUint32(offset, value, littleEndian);
  }

  setFloat64(offset: number, value: number): void {
    this.writable(offset, 8);
    this.#view.setFloat64(offset, value, littleEndian);
  }

  setBigUint64(offset: number, value: bigint): void {
    this.writable(offset, 8);
    this.#view.setBigUint64(offset, value, littleEndian);
  }

  get dirty(): boolean {
    return this.#before.size > 0;
  }

  changes(): Uint8Array[] {
    const records: Uint8Array[] = [];
    for (const [page, before] of this.#before) {
      const [from, to] = difference(before, this.#page(page));
      if (from < to) records.push(encode(page * pageBytes + from, this.#page(page).subarray(from, to)));
    }
    return records;
  }

  keep(): void {
    this.#before.clear();
  }

  rollback(): void {
    for (const [page, before] of this.#before) this.#page(page).set(before);
    this.#before.clear();
  }

  *snapshot(): Generator<Uint8Array> {
    const pages = Math.ceil(this.#bytes.length / pageBytes);
    for (let first = 0; first < pages; first += piecePages) {
      const start = first * pageBytes;
      const piece = this.#bytes.slice(start, start + piecePages * pageBytes);
      for (let page = first; page < first + piecePages; page++) {
        const before = this.#before.get(page);
        if (before !== undefined) piece.set(before, page * pageBytes - start);
      }
      // The state that is coming begins as zeros.
      if (piece.some((byte) => byte !== 0)) yield encode(start, piece);
    }
  }

  begin(): void {
    this.#coming = new Uint8Array(this.#bytes.length);
  }

  apply(bytes: Uint8Array): void {
    const into = this.#coming ?? this.#bytes;
    const offset = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).readUIntBE(0, offsetLength);
    into.set(bytes.subarray(offsetLength), offset);
  }

  replace(): void {
    if (this.#coming !== undefined) this.#bytes.set(this.#coming);
    this.#coming = undefined;
    this.#before.clear();
  }

  abandon(): void {
    this.#coming = undefined;
  }

  #page(page: number): Uint8Array {
    return this.#bytes.subarray(page * pageBytes, (page + 1) * pageBytes);
  }
}

const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** From where to where two pages differ; empty when they do not. */
function difference(before: Uint8Array, now: Uint8Array): readonly [from: number, to: number] {
  let from = 0;
  let to = now.length;
  while (from < to && before[from] === now[from]) from++;
  while (to > from && before[to - 1] === now[to - 1]) to--;
  return [from, to];
}

function encode(offset: number, bytes: Uint8Array): Uint8Array {
  const record = Buffer.alloc(offsetLength + bytes.length);
  record.writeUIntBE(offset, 0, offsetLength);
  record.set(bytes, offsetLength);
  return record;
}
