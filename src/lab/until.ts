/** Awaiting a condition, never a duration. */
import { setTimeout as delay } from 'node:timers/promises';

/** Resolves when `holds` does; rejects, naming `what`, when it has not after `timeoutMs`. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  timeoutMs = 15_000,
  why: () => string = () => '',
): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > end) {
      const reason = why();
      throw new Error(
        `waited ${timeoutMs / 1000} s in vain until ${what}${reason === '' ? '' : ` (${reason})`}`,
      );
    }
    await delay(5);
  }
}
