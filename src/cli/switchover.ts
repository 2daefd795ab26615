/** `understudy switchover`: asks for it, then stays until the role has moved or it is known that it will not. */
import { setTimeout as delay } from 'node:timers/promises';
import { CodedError } from '../api/errors.ts';
import type { GroupStatus } from '../api/types.ts';
import type { ControlClient } from './control-client.ts';

/** How long to wait for the role to move, and how often to look, milliseconds. */
const patienceMs = 10_000;
const lookMs = 50;

/** Resolves to one line for the operator. @throws CodedError switchoverFailed, unknownGroup, unknownMember */
export async function switchOver(
  client: ControlClient,
  name: string,
  to: string | undefined,
): Promise<string> {
  const before = await groupOf(client, name);
  if (to !== undefined && before?.active === to) return `${name}: ${to} is active already`;
  const lastSeen = await lastSequence(client);
  await client.switchover(name, to);
  const until = performance.now() + patienceMs;
  while (performance.now() < until) {
    const now = await groupOf(client, name);
    const moved = now?.active !== null && now?.active !== before?.active;
    if (now !== undefined && moved && settled(now)) return `${name}: ${now.active} is active now`;
    for await (const event of client.events(lastSeen, false)) {
      if (event.code !== 'switchoverFailed' || event.group !== name) continue;
      throw failed(before?.active ? `${event.message}; ${before.active} stays active` : event.message);
    }
    await delay(lookMs);
  }
  throw failed(`${name}: the role has not moved after ${patienceMs / 1000} s`);
}

function settled(group: GroupStatus): boolean {
  return group.role === 'active' || group.role === 'standby' || group.role === 'faulted';
}

function failed(message: string): CodedError {
  return new CodedError(
    'switchoverFailed',
    message,
    'understudy status shows roles and health; then ask again',
  );
}

async function groupOf(client: ControlClient, name: string): Promise<GroupStatus | undefined> {
  return (await client.status()).groups.find((group) => group.name === name);
}

async function lastSequence(client: ControlClient): Promise<number> {
  let last = 0;
  for await (const event of client.events(0, false)) last = event.sequence;
  return last;
}
