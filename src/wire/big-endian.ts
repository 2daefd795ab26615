/**
 * Unsigned integers in network byte order. The caller has checked the bounds; past the end a read gives bytes of 0.
 */
const two16 = 0x1_0000;
const two32 = 0x1_0000_0000;

export function readU16(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);
}

export function readU32(bytes: Uint8Array, offset: number): number {
  return readU16(bytes, offset) * two16 + readU16(bytes, offset + 2);
}

export function readU48(bytes: Uint8Array, offset: number): number {
  return readU16(bytes, offset) * two32 + readU32(bytes, offset + 2);
}

export function writeU16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 8;
  bytes[offset + 1] = value;
}

export function writeU32(bytes: Uint8Array, offset: number, value: number): void {
  writeU16(bytes, offset, value >>> 16);
  writeU16(bytes, offset + 2, value & 0xffff);
}

export function writeU48(bytes: Uint8Array, offset: number, value: number): void {
  writeU16(bytes, offset, Math.floor(value / two32));
  writeU32(bytes, offset + 2, value % two32);
}
