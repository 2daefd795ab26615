/** Capture files in the classic format, microseconds (the pcap file format that libpcap writes and reads). */
import { type Decoded, decoded, refused } from './result.ts';

const magicMicroseconds = 0xa1b2_c3d4;
const fileHeaderLength = 24;
const recordHeaderLength = 16;
const snapLength = 0x4_0000;

/** LINKTYPE_ETHERNET: each packet starts with an Ethernet header. */
export const linkTypeEthernet = 1;

export interface PcapPacket {
  /** Since whatever the writer took as zero (the epoch, by the format), integer microseconds. */
  readonly atUs: number;
  /** As long as it was on the wire, unless the capture cut it. */
  readonly originalLength: number;
  readonly bytes: Uint8Array;
}

export interface Pcap {
  readonly linkType: number;
  readonly packets: readonly PcapPacket[];
}

/** `magic`: neither byte order of the microsecond format (nanosecond and pcapng files are other formats). */
export type PcapReason = 'short' | 'magic' | 'version' | 'truncatedPacket';

/** Either byte order. The packets are views of `file`. */
export function decodePcap(file: Uint8Array): Decoded<Pcap, PcapReason> {
  if (file.length < fileHeaderLength) return refused('short');
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const little = view.getUint32(0, true) === magicMicroseconds;
  if (!little && view.getUint32(0) !== magicMicroseconds) return refused('magic');
  if (view.getUint16(4, little) !== 2 || view.getUint16(6, little) !== 4) return refused('version');
  const packets: PcapPacket[] = [];
  let offset = fileHeaderLength;
  while (offset < file.length) {
    const start = offset + recordHeaderLength;
    if (file.length < start) return refused('truncatedPacket');
    const length = view.getUint32(offset + 8, little);
    if (file.length - start < length) return refused('truncatedPacket');
    packets.push({
      atUs: view.getUint32(offset, little) * 1_000_000 + view.getUint32(offset + 4, little),
      originalLength: view.getUint32(offset + 12, little),
      bytes: file.subarray(start, start + length),
    });
    offset = start + length;
  }
  return decoded({ linkType: view.getUint32(20, little), packets });
}

/** A new file in little-endian order. */
export function encodePcap(pcap: Pcap): Uint8Array {
  let length = fileHeaderLength;
  for (const packet of pcap.packets) length += recordHeaderLength + packet.bytes.length;
  const file = new Uint8Array(length);
  const view = new DataView(file.buffer);
  view.setUint32(0, magicMicroseconds, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, snapLength, true);
  view.setUint32(20, pcap.linkType, true);
  let offset = fileHeaderLength;
  for (const packet of pcap.packets) {
    view.setUint32(offset, Math.floor(packet.atUs / 1_000_000), true);
    view.setUint32(offset + 4, packet.atUs % 1_000_000, true);
    view.setUint32(offset + 8, packet.bytes.length, true);
    view.setUint32(offset + 12, packet.originalLength, true);
    file.set(packet.bytes, offset + recordHeaderLength);
    offset += recordHeaderLength + packet.bytes.length;
  }
  return file;
}
