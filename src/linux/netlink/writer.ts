/**
 * Netlink messages into one growing buffer: header, fixed part, attributes, nested attributes. Lengths are filled in
 * when a part ends; everything begins at a multiple of four bytes.
 */
import { messageHeaderLength, NLA_F_NESTED } from './constants.ts';

const lengthMax16 = 0xffff;

export class MessageWriter {
  #buffer: Buffer = Buffer.alloc(4096);
  #length = 0;

  /** Bytes written since the last `reset`. */
  get length(): number {
    return this.#length;
  }

  /** The memory written to; valid up to `length`, and until more is written. */
  get buffer(): Buffer {
    return this.#buffer;
  }

  /** Its own copy of what was written. */
  copy(): Buffer {
    return Buffer.from(this.#buffer.subarray(0, this.#length));
  }

  reset(): void {
    this.#length = 0;
  }

  message(type: number, flags: number, sequence: number, body: () => void): void {
    const start = this.#reserve(messageHeaderLength);
    this.#buffer.writeUInt16LE(type, start + 4);
    this.#buffer.writeUInt16LE(flags, start + 6);
    this.#buffer.writeUInt32LE(sequence, start + 8);
    body();
    this.#buffer.writeUInt32LE(this.#length - start, start);
    this.#pad();
  }

  u8(value: number): void {
    const at = this.#reserve(1);
    this.#buffer.writeUInt8(value, at);
  }

  u16(value: number): void {
    const at = this.#reserve(2);
    this.#buffer.writeUInt16LE(value, at);
  }

  u32(value: number): void {
    const at = this.#reserve(4);
    this.#buffer.writeUInt32LE(value, at);
  }

  be16(value: number): void {
    const at = this.#reserve(2);
    this.#buffer.writeUInt16BE(value, at);
  }

  be32(value: number): void {
    const at = this.#reserve(4);
    this.#buffer.writeUInt32BE(value, at);
  }

  be64(value: bigint): void {
    const at = this.#reserve(8);
    this.#buffer.writeBigUInt64BE(value, at);
  }

  bytes(value: Uint8Array): void {
    const at = this.#reserve(value.length);
    this.#buffer.set(value, at);
  }

  zeros(count: number): void {
    this.#reserve(count);
  }

  /** An attribute whose value is what `body` writes. Its length field has 16 bits. */
  attribute(type: number, body: () => void): void {
    const start = this.#reserve(4);
    body();
    const length = this.#length - start;
    if (length > lengthMax16) throw new RangeError(`netlink attribute ${type}: ${length} bytes do not fit`);
    this.#buffer.writeUInt16LE(length, start);
    this.#buffer.writeUInt16LE(type, start + 2);
    this.#pad();
  }

  nested(type: number, body: () => void): void {
    this.attribute(type | NLA_F_NESTED, body);
  }

  attributeU8(type: number, value: number): void {
    this.attribute(type, () => this.u8(value));
  }

  attributeU32(type: number, value: number): void {
    this.attribute(type, () => this.u32(value));
  }

  attributeBe32(type: number, value: number): void {
    this.attribute(type, () => this.be32(value));
  }

  attributeBe64(type: number, value: bigint): void {
    this.attribute(type, () => this.be64(value));
  }

  attributeBytes(type: number, value: Uint8Array): void {
    this.attribute(type, () => this.bytes(value));
  }

  /** Text with the zero byte at its end. */
  attributeText(type: number, value: string): void {
    this.attribute(type, () => {
      this.bytes(Buffer.from(value));
      this.u8(0);
    });
  }

  #pad(): void {
    this.#reserve(-this.#length & 3);
  }

  /** Room for `count` zero bytes; returns where. */
  #reserve(count: number): number {
    const at = this.#length;
    const end = at + count;
    if (end > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(end, this.#buffer.length * 2));
      larger.set(this.#buffer.subarray(0, at));
      this.#buffer = larger;
    }
    this.#buffer.fill(0, at, end);
    this.#length = end;
    return at;
  }
}
