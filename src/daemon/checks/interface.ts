/** Healthy when a network interface is up and has carrier, as the kernel shows it under /sys/class/net. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemReason } from '../errors.ts';
import type { CheckKind, CheckOutcome } from './check.ts';

/** As `interfaceCheck`, with the directory to read from. */
export function interfaceCheckIn(directory: string): CheckKind<'interface'> {
  return (entry) => async () => {
    try {
      const state = (await readFile(join(directory, entry.interface, 'operstate'), 'utf8')).trim();
      // Some drivers never say more than "unknown"; then only the carrier counts.
      const up = state === 'up' || state === 'unknown';
      if (!up) return { ok: false, detail: `${entry.interface} is ${state}` };
      const carrier = (await readFile(join(directory, entry.interface, 'carrier'), 'utf8')).trim() === '1';
      return { ok: carrier, detail: `${entry.interface} ${carrier ? 'is up' : 'has no carrier'}` };
    } catch (error) {
      return { ok: false, detail: explain(entry.interface, systemReason(error)) };
    }
  };
}

export const interfaceCheck: CheckKind<'interface'> = interfaceCheckIn('/sys/class/net');

function explain(name: string, reason: string): CheckOutcome['detail'] {
  if (reason === 'ENOENT') return `${name} does not exist`;
  // The kernel answers EINVAL for the carrier of an interface that is administratively down.
  if (reason === 'EINVAL') return `${name} is down`;
  return `${name} cannot be read (${reason})`;
}
