/**
 * Reading the fields of a body one after the other. A body that ends too soon makes every later field 0 or empty, and
 * `done` says so: one look at the end instead of one per field.
 */
import { readU16, readU32, readU48, writeU16, writeU32, writeU48 } from '../wire/big-endian.ts';

export class FieldReader {
  readonly #bytes: Uint8Array;
  #offset = 0;
  #short = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  u8(): number {
    return this.#bytes[this.#advance(1)] ?? 0;
  }

  u16(): number {
    return readU16(this.#bytes, this.#advance(2));
  }

  u32(): number {
    return readU32(this.#bytes, this.#advance(4));
  }

  u48(): number {
    return readU48(this.#bytes, this.#advance(6));
  }

  /** A view of the next `length` bytes. */
  bytes(length: number): Uint8Array {
    const at = this.#advance(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** A length of one byte, then so many printable ASCII characters; undefined when they are not that. */
  text(): string | undefined {
    const bytes = this.bytes(this.u8());
    return bytes.every((byte) => byte >= 0x21 && byte <= 0x7e) ? String.fromCharCode(...bytes) : undefined;
  }

  /** All that is left. */
  rest(): Uint8Array {
    return this.bytes(this.#bytes.length - this.#offset);
  }

  /** How the body ended: all of it was read, it was too short, or something is left. */
  done(): 'ok' | 'short' | 'trailing' {
    if (this.#short) return 'short';
    return this.#offset === this.#bytes.length ? 'ok' : 'trailing';
  }

  /** Where the field begins; past the end when it is not all there. */
  #advance(length: number): number {
    const at = this.#offset;
    if (this.#short || at + length > this.#bytes.length) {
      this.#short = true;
      return this.#bytes.length;
    }
    this.#offset = at + length;
    return at;
  }
}

/** Writes fields one after the other into a buffer that grows. */
export class FieldWriter {
  #bytes: Uint8Array = new Uint8Array(64);
  #length = 0;

  u8(value: number): this {
    const at = this.#room(1);
    this.#bytes[at] = value;
    return this;
  }

  u16(value: number): this {
    const at = this.#room(2);
    writeU16(this.#bytes, at, value);
    return this;
  }

  u32(value: number): this {
    const at = this.#room(4);
    writeU32(this.#bytes, at, value);
    return this;
  }

  u48(value: number): this {
    const at = this.#room(6);
    writeU48(this.#bytes, at, value);
    return this;
  }

  bytes(value: Uint8Array): this {
    const at = this.#room(value.length);
    this.#bytes.set(value, at);
    return this;
  }

  /** At most 255 printable ASCII characters; `isName` has been asked before. */
  text(value: string): this {
    this.u8(value.length);
    for (let index = 0; index < value.length; index++) this.u8(value.charCodeAt(index));
    return this;
  }

  /** What was written, as a view. */
  take(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #room(length: number): number {
    const at = this.#length;
    this.#length = at + length;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    return at;
  }
}

/** Names travel as text: 1 to 200 printable ASCII characters without a space. */
export function isName(text: string): boolean {
  return /^[\x21-\x7e]{1,200}$/.test(text);
}
