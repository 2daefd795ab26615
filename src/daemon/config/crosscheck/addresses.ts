/** Which addresses a member or a group can have: unicast, usable on a LAN, written in full. */
import { type IpAddress, isIpv4, parseIp } from '../../../wire/address.ts';
import type { ConfigPath } from '../document.ts';
import type { Findings } from './findings.ts';

/** The parsed address, or undefined after saying what is wrong with it. */
export function checkAddress(findings: Findings, path: ConfigPath, text: string): IpAddress | undefined {
  const address = parseIp(text);
  const shown = `is ${JSON.stringify(text)}`;
  if (address === undefined) {
    const hint = text.includes('/') ? 'give the address without a prefix length' : 'must be an IP address';
    findings.at(path, `${shown}: ${hint}, such as 192.0.2.10 or "2001:db8::10"`);
    return undefined;
  }
  const kind = unusable(address);
  if (kind === undefined) return address;
  findings.at(path, `${shown}, ${kind}: must be a unicast address of the network`);
  return undefined;
}

/** What kind of address this is, where it is one that no host on a LAN can have. */
function unusable(address: IpAddress): string | undefined {
  if (isIpv4(address)) {
    const first = Math.floor(address / 2 ** 24);
    if (first === 0) return 'the unspecified network';
    if (first === 127) return 'a loopback address';
    if (first >= 224 && first < 240) return 'a multicast address';
    if (address === 0xff_ff_ff_ff) return 'the broadcast address';
    return first >= 240 ? 'a reserved address' : undefined;
  }
  if (address === 0n) return 'the unspecified address';
  if (address === 1n) return 'the loopback address';
  if (address >> 120n === 0xffn) return 'a multicast address';
  if (address >> 118n === 0x3fan) return 'a link-local address, which means nothing without an interface';
  return address >> 32n === 0xffffn ? 'an IPv4 address in IPv6 clothes' : undefined;
}
