import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cleanRemains } from '../../src/daemon/clean.ts';
import { Fence } from '../../src/linux/fence/fence.ts';
import { Tun } from '../../src/linux/tun.ts';
import { inNamespace } from '../namespace.ts';

inNamespace(import.meta.filename);

test('clean removes the fence of a dead daemon and leaves that of a living one', () => {
  let own = false;
  const arm = (instance: string): Fence =>
    Fence.arm({ instance, leaseMs: 200, groups: [], ownDevices: [`us${instance}`], own });
  arm('dead');
  arm('alive');
  const device = Tun.open({ name: 'usalive', kind: 'tun' });
  assert.deepEqual(cleanRemains(), { removed: ['understudy-dead'], kept: ['understudy-alive'] });
  assert.deepEqual(cleanRemains(), { removed: [], kept: ['understudy-alive'] });
  device.close();
  assert.deepEqual(cleanRemains(), { removed: ['understudy-alive'], kept: [] });
  // One that has an owner: the kernel knows that it lives.
  own = true;
  const starting = arm('starting');
  if (starting.offer.own) assert.deepEqual(cleanRemains(), { removed: [], kept: ['understudy-starting'] });
  starting.remove();
});
