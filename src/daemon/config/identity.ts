/** Numbers derived from names, equal on every member because the names are. */
import { createHash } from 'node:crypto';

/** First 32 bits of SHA-256 of the group's name. */
export function groupId(name: string): number {
  return digest(name).readUInt32BE(0);
}

/** First 48 bits of SHA-256 of the cluster's name. */
export function clusterNumber(name: string): number {
  return digest(name).readUIntBE(0, 6);
}

/**
 * Names this daemon's devices and nftables tables on the machine: 8 hexadecimal digits, so that `ush<id>` fits an
 * interface's 15 characters, and different for two daemons on one machine.
 */
export function instanceId(cluster: string, node: string): string {
  return digest(`${cluster}/${node}`).toString('hex').slice(0, 8);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
