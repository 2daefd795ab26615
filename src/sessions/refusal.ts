/** The answer to a packet of a connection that nobody has: a reset (RFC 9293 §3.5.2). */
import type { MacAddress } from '../wire/address.ts';
import { tcpFlag } from '../wire/tcp.ts';
import { answerFrame, offloadHeaderLength, type Packet } from './packet.ts';

/** An Ethernet frame from `mac` to the client; undefined: a reset is not answered. */
export function refusalFrame(packet: Packet, mac: MacAddress): Uint8Array | undefined {
  const { flags, acknowledgment } = packet.segment;
  if ((flags & tcpFlag.rst) !== 0) return undefined;
  const acknowledged = (flags & tcpFlag.ack) !== 0;
  const frame = answerFrame(packet, mac, {
    sequence: acknowledged ? acknowledgment : 0,
    acknowledgment: acknowledged ? 0 : packet.end,
    flags: acknowledged ? tcpFlag.rst : tcpFlag.rst | tcpFlag.ack,
  });
  return frame.subarray(offloadHeaderLength);
}
