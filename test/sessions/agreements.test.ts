/** Who may close a connection: the active alone, or with the replica's word. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Agreements } from '../../src/relay/agreements.ts';

const finished = { kind: 'finished', flow: 'a', offset: 3, digest: 'd' } as const;

test('a connection that the standby has from its beginning is closed by both, any other by the active alone', () => {
  const agreements = new Agreements();
  assert.ok(agreements.mayClose('a'));
  agreements.begun('a');
  assert.ok(agreements.isMirrored('a'));
  assert.ok(!agreements.mayClose('a'));
  agreements.heard({ ...finished, flow: 'b' });
  assert.ok(!agreements.mayClose('a'));
  agreements.heard(finished);
  assert.ok(agreements.mayClose('a'));
  assert.deepEqual(agreements.word('a'), finished);
  agreements.begun('a');
  assert.ok(!agreements.mayClose('a'), 'another connection between the same ends');
});

test('a replica that is lost, or a standby that is gone, has no say', () => {
  const agreements = new Agreements();
  for (const flow of ['a', 'b']) agreements.begun(flow);
  agreements.heard({ ...finished, kind: 'lost' });
  assert.deepEqual(
    [agreements.isMirrored('a'), agreements.mayClose('a'), agreements.mayClose('b')],
    [false, true, false],
  );
  agreements.forgetAll();
  assert.ok(agreements.mayClose('b'));
});

test('handshakes that lead nowhere are forgotten, the oldest first', () => {
  const agreements = new Agreements();
  for (let flow = 0; flow <= 65_536; flow++) agreements.begun(String(flow));
  assert.deepEqual([agreements.isMirrored('0'), agreements.isMirrored('1')], [false, true]);
});
