/**
 * The first word of each end: who it is, which keys it has, and a nonce. A hello is not sealed; that nobody changed it is
 * proven by the frames after it, whose keys are derived from the cluster's key and both hellos, byte for byte. A recording
 * lacks the other end's new nonce; a reflection has the keys of the wrong direction.
 *
 *   | magic 'USMR' u32 | version u8 | side u8 | protection u8 | nonce 32 | key ids u8 × u32 | scope | name |
 */
import { type Decoded, decoded, refused } from '../wire/result.ts';
import type { FrameSeal, MirrorCrypto, Protection } from './crypto.ts';
import { FieldReader, FieldWriter } from './field.ts';

const magic = 0x5553_4d52;
const version = 2;
const nonceLength = 32;
/** A hello has at most so many bytes: two names of 200, four key ids, and the rest. */
export const helloLengthMax: number = 470;
/** The keys that an end may have: as many as the daemon's `keys`. */
export const keysMax: number = 4;

/** The sink connects, the source listens. */
export type Side = 'sink' | 'source';

export interface Hello {
  readonly side: Side;
  readonly protection: Protection;
  readonly nonce: Uint8Array;
  /** Which keys the writer has, without telling them: a few bits of each one's HMAC over the nonce. */
  readonly keyIds: readonly number[];
  /** What is mirrored: cluster, group and application. Ends of different scopes have nothing to say to each other. */
  readonly scope: string;
  /** The writer's name in the group. */
  readonly name: string;
}

export type HelloReason = 'short' | 'trailing' | 'badMagic' | 'otherVersion' | 'badValue';

export function encodeHello(hello: Hello): Uint8Array {
  const into = new FieldWriter().u32(magic).u8(version);
  into.u8(hello.side === 'sink' ? 1 : 2).u8(hello.protection === 'sign' ? 1 : 2);
  into.bytes(hello.nonce).u8(hello.keyIds.length);
  for (const id of hello.keyIds) into.u32(id);
  return into.text(hello.scope).text(hello.name).take();
}

export function decodeHello(body: Uint8Array): Decoded<Hello, HelloReason> {
  const from = new FieldReader(body);
  const [theirMagic, theirVersion] = [from.u32(), from.u8()];
  if (from.done() === 'short') return refused('short');
  if (theirMagic !== magic) return refused('badMagic');
  if (theirVersion !== version) return refused('otherVersion');
  const [side, protection, nonce, keyCount] = [from.u8(), from.u8(), from.bytes(nonceLength), from.u8()];
  if (keyCount > keysMax) return refused('badValue');
  const keyIds = Array.from({ length: keyCount }, () => from.u32());
  const [scope, name] = [from.text(), from.text()];
  const end = from.done();
  if (end !== 'ok') return refused(end);
  if (!isOneOrTwo(side) || !isOneOrTwo(protection) || !scope || !name) return refused('badValue');
  return decoded({
    side: side === 1 ? 'sink' : 'source',
    protection: protection === 1 ? 'sign' : 'encrypt',
    nonce,
    keyIds,
    scope,
    name,
  });
}

/** What names a key to somebody who has it, under this nonce. */
export function keyId(crypto: MirrorCrypto, key: Uint8Array, nonce: Uint8Array): number {
  const digest = crypto.hmac(key, new FieldWriter().text('understudy/mirror/key').bytes(nonce).take());
  return new FieldReader(digest).u32();
}

export function drawNonce(crypto: MirrorCrypto): Uint8Array {
  return crypto.random(nonceLength);
}

/** The seals of a connection, from the two hellos as they went over the wire. */
export function deriveSeals(
  crypto: MirrorCrypto,
  key: Uint8Array,
  protection: Protection,
  hellos: Readonly<Record<Side, Uint8Array>>,
): Readonly<Record<Side, FrameSeal>> {
  const salt = new FieldWriter().bytes(hellos.sink).bytes(hellos.source).take();
  const info = new FieldWriter().text('understudy/mirror/1').take();
  const keys = crypto.derive(key, salt, info, 64);
  return {
    sink: crypto.frameSeal(protection, keys.subarray(0, 32)),
    source: crypto.frameSeal(protection, keys.subarray(32, 64)),
  };
}

function isOneOrTwo(value: number): boolean {
  return value === 1 || value === 2;
}
