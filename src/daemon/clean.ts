/** `understudy clean`: removes what a crash leaves behind on purpose, the fence. */
import { Fence } from '../linux/fence/fence.ts';

/** Removes every fence of Understudy on this machine (also a running daemon's, which puts it back). Returns their names. */
export function cleanFences(): readonly string[] {
  return Fence.clean('understudy-');
}
