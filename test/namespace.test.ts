import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { cable, inNamespace, inPeer, ip } from './namespace.ts';

inNamespace(import.meta.filename);

test('nothing of the machine is here', () => {
  assert.deepEqual(Object.keys(networkInterfaces()), ['lo']);
  assert.deepEqual(readdirSync('/run'), []);
});

test('the far end of a cable is in the other namespace', () => {
  cable('near0', 'far0', 'peer');
  ip('addr add 192.0.2.1/24 dev near0');
  ip('-n peer addr add 192.0.2.2/24 dev far0');
  assert.ok('near0' in networkInterfaces());
  const there = inPeer('peer', () => Object.keys(networkInterfaces()));
  assert.deepEqual(there, ['lo', 'far0']);
  assert.ok('near0' in networkInterfaces());
});
