/** What a frame of ARP or neighbour discovery says about whose an address is. */
import { type IpAddress, type MacAddress, unspecifiedIpv4, unspecifiedIpv6 } from '../../wire/address.ts';
import type { GroupId } from '../../wire/control/message.ts';
import type { NeighbourFrame } from '../../wire/frame.ts';

/** It says so itself, answers or asks with the address as its own, or asks whether anybody has it. */
export type ClaimKind = 'announcement' | 'answer' | 'question' | 'probe';

export interface Claim {
  readonly group: GroupId;
  readonly address: IpAddress;
  readonly mac: MacAddress;
  readonly how: ClaimKind;
}

/** Which address the frame claims for whom, or asks for without having it; undefined: none. */
export function claimOf(frame: NeighbourFrame): Omit<Claim, 'group'> | undefined {
  switch (frame.kind) {
    case 'arp': {
      const { operation, senderIp, senderMac, targetIp } = frame;
      if (senderIp === unspecifiedIpv4)
        return operation === 'request' ? { address: targetIp, mac: senderMac, how: 'probe' } : undefined;
      const asks: ClaimKind = operation === 'reply' ? 'answer' : 'question';
      return { address: senderIp, mac: senderMac, how: senderIp === targetIp ? 'announcement' : asks };
    }
    case 'solicitation': {
      const { senderIp, targetIp, source } = frame;
      if (senderIp === unspecifiedIpv6) return { address: targetIp, mac: source, how: 'probe' };
      return { address: senderIp, mac: frame.senderMac ?? source, how: 'question' };
    }
    case 'advertisement': {
      const { targetIp, targetMac, source, solicited } = frame;
      return { address: targetIp, mac: targetMac ?? source, how: solicited ? 'answer' : 'announcement' };
    }
  }
}
