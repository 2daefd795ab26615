/**
 * Letting go of what other threads had open, after `unshareFiles`. A socket or TUN device lives until its last
 * descriptor is closed; a forgotten copy in this thread's table would keep it alive, and slow this table's end.
 */
import { readdirSync, readlinkSync } from 'node:fs';
import { closeDescriptor } from './ffi.ts';

const table = '/proc/thread-self/fd';

/**
 * Closes sockets, TUN devices and regular files of the calling thread's table except 0-2 and `keep`. What Node's
 * event loops and their messages to each other are made of stays: epoll, eventfd and other anonymous inodes, pipes,
 * and the devices that hold no state (`/dev/null`, `/dev/urandom`).
 */
export function closeForeignDescriptors(keep: ReadonlySet<number>): void {
  for (const name of readdirSync(table)) {
    const fd = Number(name);
    if (fd <= 2 || keep.has(fd)) continue;
    if (isForeign(target(fd))) closeDescriptor(fd);
  }
}

/** What a descriptor is; empty for one that is closed already (the one that listed the directory). */
function target(fd: number): string {
  try {
    return readlinkSync(`${table}/${fd}`);
  } catch {
    return '';
  }
}

function isForeign(target: string): boolean {
  if (target.startsWith('socket:') || target === '/dev/net/tun') return true;
  return target.startsWith('/') && !target.startsWith('/dev/');
}
