/** What frames on the hosts' LAN tell the engine. A machine's number is its physical address, too. */
import type { Event } from '../engine/event.ts';
import { type MacAddress, unspecifiedIpv4 } from '../wire/address.ts';
import type { NodeId } from '../wire/control/message.ts';
import { group } from './plan.ts';

/** Somebody claims the group's address: a machine, or a stranger (0). */
export function claimBy(machine: NodeId | 0): Event {
  return { kind: 'claim', group, member: machine, address: unspecifiedIpv4, mac: machine as MacAddress };
}
