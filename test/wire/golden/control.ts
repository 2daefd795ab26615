/**
 * The control protocol's captures, by our own encoders: there is no other implementation to ask. Run this file to
 * write control-*.pcap again; the test compares them with what the encoders make today, so that a change of the
 * format cannot pass unseen.
 */
import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Ipv4Address, type MacAddress, parseIpv4, parseMac } from '../../../src/wire/address.ts';
import { controlLengthMax, encodeControl } from '../../../src/wire/control/codec.ts';
import {
  type ControlMessage,
  ControlType,
  flagStopping,
  flagUnreserved,
  MemberState,
  noTerm,
  PromiseWord,
  RegistrationCode,
} from '../../../src/wire/control/message.ts';
import { type Hmac, seal, sealLength } from '../../../src/wire/control/seal.ts';
import { encodeEthernet, etherType } from '../../../src/wire/ethernet.ts';
import { encodeIpv4, ipProtocol } from '../../../src/wire/ipv4.ts';
import { encodePcap, linkTypeEthernet } from '../../../src/wire/pcap.ts';
import { encodeUdp } from '../../../src/wire/udp.ts';

export const hmac: Hmac = hmacOf('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f');

export function hmacOf(key: string): Hmac {
  const secret = Buffer.from(key, 'hex');
  return (bytes) => createHmac('sha256', secret).update(bytes).digest();
}

const common: ControlMessage = {
  type: ControlType.heartbeat,
  flags: 0,
  cluster: 0x1122_3344_5566,
  sender: 1,
  receiver: 2,
  path: 1,
  senderBoot: 0xa1a2_a3a4_a5a6,
  echoBoot: 0xb1b2_b3b4_b5b6,
  sequence: 7,
  scope: 0,
  term: noTerm,
  state: MemberState.starting,
  intervalUs: 0,
  groups: [],
  target: 0,
};
const scoped: ControlMessage = {
  ...common,
  scope: 0xfeed_beef,
  term: { counter: 0x0102_0304_0506, member: 1 },
  state: MemberState.draining,
};

/** One of each type; the heartbeat also empty (a first word) and leaving. */
export const controlGoldens: Readonly<Record<string, ControlMessage>> = {
  'control-heartbeat.pcap': {
    ...common,
    intervalUs: 2000,
    groups: [
      {
        group: 1,
        state: MemberState.active,
        priority: 200,
        flags: 0,
        falls: 0,
        yourFalls: 0,
        term: { counter: 5, member: 1 },
      },
      {
        group: 0xffff_ffff,
        state: MemberState.standby,
        priority: 100,
        flags: flagUnreserved,
        falls: 0,
        yourFalls: 0,
        term: { counter: 0xffff_ffff_ffff, member: 0xffff },
      },
    ],
  },
  'control-introduction.pcap': { ...common, echoBoot: 0, sequence: 1, intervalUs: 2000 },
  'control-stopping.pcap': { ...common, flags: flagStopping, intervalUs: 2000 },
  'control-tether.pcap': { ...common, type: ControlType.tether },
  'control-switchover-request.pcap': { ...scoped, type: ControlType.switchoverRequest, target: 2 },
  'control-prepare.pcap': { ...scoped, type: ControlType.prepare, target: 2 },
  'control-prepared.pcap': { ...scoped, type: ControlType.prepared, state: MemberState.holding },
  'control-released.pcap': { ...scoped, type: ControlType.released, target: 2 },
  'control-abort.pcap': { ...scoped, type: ControlType.abort },
  'control-register.pcap': {
    ...scoped,
    type: ControlType.register,
    state: MemberState.active,
    registration: { identification: 0x0506_0708, lifetimeMs: 3000, code: RegistrationCode.accepted },
  },
  'control-registered.pcap': {
    ...scoped,
    type: ControlType.registered,
    state: MemberState.standby,
    registration: { identification: 0x0506_0708, lifetimeMs: 0, code: RegistrationCode.lowerTerm },
  },
  'control-promise-request.pcap': {
    ...scoped,
    type: ControlType.promiseRequest,
    state: MemberState.standby,
    promise: { identification: 0x0506_0708, durationUs: 60_000, word: PromiseWord.ask },
  },
  'control-promise.pcap': {
    ...scoped,
    type: ControlType.promise,
    state: MemberState.starting,
    promise: { identification: 0x0506_0708, durationUs: 0, word: PromiseWord.taken },
  },
};

export const nearMac: MacAddress = known(parseMac('02:00:00:00:00:01'));
export const farMac: MacAddress = known(parseMac('02:00:00:00:00:02'));
export const nearIp: Ipv4Address = known(parseIpv4('198.51.100.1'));
export const farIp: Ipv4Address = known(parseIpv4('198.51.100.2'));

function known<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('an address of the goldens does not parse');
  return value;
}

/** The capture of one sealed datagram over the cable, as the reactor sends it: TTL 255, DSCP CS6. */
export function controlCapture(message: ControlMessage): Uint8Array {
  const buffer = new Uint8Array(controlLengthMax + sealLength);
  const payload = buffer.subarray(0, seal(buffer, encodeControl(message, buffer), hmac));
  const packet = encodeIpv4({
    trafficClass: 0xc0,
    identification: 0,
    dontFragment: true,
    moreFragments: false,
    fragmentOffset: 0,
    ttl: 255,
    protocol: ipProtocol.udp,
    source: nearIp,
    destination: farIp,
    options: new Uint8Array(0),
    payload: encodeUdp({ sourcePort: 7169, destinationPort: 7169, payload }, nearIp, farIp),
  });
  const bytes = encodeEthernet({
    destination: farMac,
    source: nearMac,
    etherType: etherType.ipv4,
    payload: packet,
  });
  const packets = [{ atUs: 0, originalLength: bytes.length, bytes }];
  return encodePcap({ linkType: linkTypeEthernet, packets });
}

if (import.meta.main) {
  for (const [name, message] of Object.entries(controlGoldens)) {
    writeFileSync(join(import.meta.dirname, name), controlCapture(message));
  }
}
