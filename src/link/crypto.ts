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

export const nodeCrypto: MirrorCrypto = {
  random: (length) => randomBytes(length),
  hmac: (key, bytes) => createHmac('sha256', key).update(bytes).digest(),
  derive: (key, salt, info, length) => new Uint8Array(hkdfSync('sha256', key, salt, info, length)),
  frameSeal: (protection: Protection, key) => (protection === 'sign' ? signer(key) : encrypter(key)),
};

const macLength = 32;

/** HMAC-SHA256 over header and body, behind the body. The counter is in the header. */
function signer(key: Uint8Array): FrameSeal {
  const secret = createSecretKey(key);
  const mac = (header: Uint8Array, body: Uint8Array): Uint8Array =>
    createHmac('sha256', secret).update(header).update(body).digest();
  return {
    overhead: macLength,
    seal: (_counter, header, room) => {
      const length = room.length - macLength;
      room.set(mac(header, room.subarray(0, length)), length);
    },
    open: (_counter, header, sealed) => {
      if (sealed.length < macLength) return undefined;
      const body = sealed.subarray(0, sealed.length - macLength);
      return timingSafeEqual(mac(header, body), sealed.subarray(body.length)) ? body : undefined;
    },
  };
}

const cipher = 'aes-256-gcm';
const tagLength = 16;

/** AES-256-GCM (NIST SP 800-38D): the nonce is the counter, the header additional data, the tag behind the body. */
function encrypter(key: Uint8Array): FrameSeal {
  const nonce = (counter: number): Buffer => {
    const bytes = Buffer.alloc(12);
    bytes.writeBigUInt64BE(BigInt(counter), 4);
    return bytes;
  };
  const options = { authTagLength: tagLength };
  return {
    overhead: tagLength,
    seal: (counter, header, room) => {
      const length = room.length - tagLength;
      const encryption = createCipheriv(cipher, key, nonce(counter), options).setAAD(header);
      room.set(encryption.update(room.subarray(0, length)));
      encryption.final();
      room.set(encryption.getAuthTag(), length);
    },
    open: (counter, header, sealed) => {
      if (sealed.length < tagLength) return undefined;
      const tag = sealed.subarray(sealed.length - tagLength);
      const decryption = createDecipheriv(cipher, key, nonce(counter), options)
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
