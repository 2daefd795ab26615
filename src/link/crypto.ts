/** The stream's cryptography, from Node's. */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import type { FrameSeal, MirrorCrypto, Protection } from '../mirror/crypto.ts';
import { writeU48 } from '../wire/big-endian.ts';
import { hmacSha256 } from '../wire/control/sha256.ts';

export const nodeCrypto: MirrorCrypto = {
  random: (length) => randomBytes(length),
  hmac: (key, bytes) => createHmac('sha256', key).update(bytes).digest(),
  derive: (key, salt, info, length) => new Uint8Array(hkdfSync('sha256', key, salt, info, length)),
  frameSeal: (protection: Protection, key) => (protection === 'sign' ? signer(key) : encrypter(key)),
};

const cipher = 'aes-256-gcm';
const tagLength = 16;
const tagOptions = { authTagLength: tagLength };
/** Up to so many bytes our own hash is faster than a native object for each, and leaves no garbage. */
const shortBytesMax = 256;

/**
 * The tag stands behind the body and covers the header, which has the counter, and the body. Short frames, which somebody
 * waits for, have HMAC-SHA256 cut to its first half (RFC 4868); long ones AES-256-GMAC (NIST SP 800-38D), which is four times
 * as fast there. Each has a key of its own.
 */
function signer(key: Uint8Array): FrameSeal {
  const derived = (info: string): Uint8Array => new Uint8Array(hkdfSync('sha256', key, '', info, 32));
  const hmac = hmacSha256(derived('hmac'));
  const gmacKey = createSecretKey(derived('gmac'));
  const nonce = nonces();
  const short = new Uint8Array(shortBytesMax);
  const tag = (counter: number, header: Uint8Array, body: Uint8Array): Uint8Array => {
    const length = header.length + body.length;
    if (length > shortBytesMax) {
      const gmac = createCipheriv(cipher, gmacKey, nonce(counter), tagOptions).setAAD(header).setAAD(body);
      gmac.final();
      return gmac.getAuthTag();
    }
    short.set(header);
    short.set(body, header.length);
    return hmac(short.subarray(0, length)).subarray(0, tagLength);
  };
  return {
    overhead: tagLength,
    seal: (counter, header, room) => {
      const length = room.length - tagLength;
      room.set(tag(counter, header, room.subarray(0, length)), length);
    },
    open: (counter, header, sealed) => {
      if (sealed.length < tagLength) return undefined;
      const body = sealed.subarray(0, sealed.length - tagLength);
      return timingSafeEqual(tag(counter, header, body), sealed.subarray(body.length)) ? body : undefined;
    },
  };
}

/** The counter as a nonce of 96 bits; each call's is valid until the next. */
function nonces(): (counter: number) => Uint8Array {
  const bytes = new Uint8Array(12);
  return (counter) => {
    writeU48(bytes, 6, counter);
    return bytes;
  };
}

/** AES-256-GCM (NIST SP 800-38D): the nonce is the counter, the header additional data, the tag behind the body. */
function encrypter(key: Uint8Array): FrameSeal {
  const nonce = nonces();
  return {
    overhead: tagLength,
    seal: (counter, header, room) => {
      const length = room.length - tagLength;
      const encryption = createCipheriv(cipher, key, nonce(counter), tagOptions).setAAD(header);
      room.set(encryption.update(room.subarray(0, length)));
      encryption.final();
      room.set(encryption.getAuthTag(), length);
    },
    open: (counter, header, sealed) => {
      if (sealed.length < tagLength) return undefined;
      const tag = sealed.subarray(sealed.length - tagLength);
      const decryption = createDecipheriv(cipher, key, nonce(counter), tagOptions)
        .setAAD(header)
        .setAuthTag(tag);
      const body = decryption.update(sealed.subarray(0, sealed.length - tagLength));
      try {
        decryption.final();
      } catch {
        return undefined;
      }
      return body;
    },
  };
}
