/** The names of a daemon's own devices: known before they exist, because the fence exempts them by name. */

/** The TUN with the group addresses. */
export function tunDevice(instance: string): string {
  return `us${instance}`;
}

/** The TAP of the waiting room. */
export function holdDevice(instance: string): string {
  return `ush${instance}`;
}

/** What the name of a daemon's instance ends in while it rehearses at its start, behind a fence of its own. */
export const rehearsal = '-rehearsal';
