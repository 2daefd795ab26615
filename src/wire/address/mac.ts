/** Physical addresses: a 48-bit integer, so that they compare with `===` and key a Map. */
import { readU48, writeU48 } from '../big-endian.ts';

declare const macBrand: unique symbol;

/** Physical address: a 48-bit integer, most significant byte first on the wire. */
export type MacAddress = number & { readonly [macBrand]: true };

export const macLength = 6;
export const broadcastMac: MacAddress = 0xffff_ffff_ffff as MacAddress;
export const zeroMac: MacAddress = 0 as MacAddress;

const macText = /^[0-9a-f]{2}(?:(?::[0-9a-f]{2}){5}|(?:-[0-9a-f]{2}){5})$/i;

/** Six pairs of hexadecimal digits between colons (or hyphens, IEEE 802); anything else is `undefined`. */
export function parseMac(text: string): MacAddress | undefined {
  if (!macText.test(text)) return undefined;
  return Number.parseInt(text.replaceAll(/[:-]/g, ''), 16) as MacAddress;
}

/** Lower case, colons: `02:00:00:00:00:01`. */
export function formatMac(mac: MacAddress): string {
  const digits = mac.toString(16).padStart(12, '0');
  return digits.replaceAll(/..(?!$)/g, '$&:');
}

/** The caller has checked that six bytes are there. */
export function readMac(bytes: Uint8Array, offset: number): MacAddress {
  return readU48(bytes, offset) as MacAddress;
}

export function writeMac(bytes: Uint8Array, offset: number, mac: MacAddress): void {
  writeU48(bytes, offset, mac);
}

/** The group bit: multicast, or broadcast. Such an address never names one machine. */
export function isMulticastMac(mac: MacAddress): boolean {
  return Math.floor(mac / 0x100_0000_0000) % 2 === 1;
}
