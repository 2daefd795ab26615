/** Two groups on one LAN, behind a fence whose lease lasts about as long as listening for what does not come. */
import assert from 'node:assert/strict';
import type { FenceConfig } from '../../src/linux/fence/fence.ts';
import type { IpAddress } from '../../src/wire/address.ts';
import type { GroupId } from '../../src/wire/control/message.ts';
import { heard, second4, second6, shared4, shared6 } from './voices.ts';

export const first = 1 as GroupId;
export const second = 2 as GroupId;
export const config: FenceConfig = {
  instance: 'test',
  leaseMs: 200,
  groups: [
    { id: first, interface: 'lan0', addresses: [shared4, shared6] },
    { id: second, interface: 'lan0', addresses: [second4, second6] },
  ],
  ownDevices: ['us0'],
};
export const yes = (): boolean => true;

export function assertSilent(addresses: readonly IpAddress[] = [shared4, shared6, second4, second6]): void {
  for (const address of addresses) assert.deepEqual(heard(address), []);
}
