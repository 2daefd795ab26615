/**
 * What the stream needs of cryptography, given by the caller: this layer imports no module of Node's. `src/link/crypto.ts`
 * is the real one.
 */

/** How frames are protected: signed (HMAC-SHA256-128 or AES-256-GMAC, by length), or encrypted (AES-256-GCM). */
export type Protection = 'sign' | 'encrypt';

/** One direction of one connection. Its key is used nowhere else, so a frame's counter is nonce enough. */
export interface FrameSeal {
  /** By how much a sealed body is longer than the body, bytes. */
  readonly overhead: number;
  /**
   * Seals the body where it stands: the last `overhead` bytes of `room` are free. `header` is authenticated, not hidden;
   * `counter` is never given twice.
   */
  seal(counter: number, header: Uint8Array, room: Uint8Array): void;
  /** The body, perhaps a view of `sealed`, or undefined: whoever wrote it did not have the key, or wrote something else. */
  open(counter: number, header: Uint8Array, sealed: Uint8Array): Uint8Array | undefined;
}

export interface MirrorCrypto {
  /** So many unpredictable bytes. */
  random(length: number): Uint8Array;
  /** HMAC-SHA256, 32 bytes. */
  hmac(key: Uint8Array, bytes: Uint8Array): Uint8Array;
  /** HKDF with SHA-256 (RFC 5869): `length` bytes. `info` has at most 1024. */
  derive(key: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array;
  /** A seal of this kind with a key of 32 bytes. */
  frameSeal(protection: Protection, key: Uint8Array): FrameSeal;
}
