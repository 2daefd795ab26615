/** The names of a daemon's own devices: known before they exist, because the fence exempts them by name. */

/** The TUN with the group addresses. */
export function tunDevice(instance: string): string {
  return `us${instance}`;
}

/** The TAP of the waiting room. */
export function holdDevice(instance: string): string {
  return `ush${instance}`;
}

/** The TAP by which packets of a mirrored service come in; `nth` of this node's. */
export function gateDevice(instance: string, nth: number): string {
  return `usg${instance}${nth}`;
}

/** The nftables table of a mirrored service. */
export function relayTable(instance: string, group: number): string {
  return `understudy-${instance}-${group.toString(16).padStart(8, '0')}`;
}

/** What the name of a daemon's instance ends in while it rehearses at its start, behind a fence of its own. */
export const rehearsal = '-rehearsal';
