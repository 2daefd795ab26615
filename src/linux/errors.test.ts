import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EADDRINUSE, ENODEV, EPERM, errnoName } from './errno.ts';
import { OperationError } from './errors.ts';

test('an error number has the name its header gives it', () => {
  assert.equal(errnoName(1), 'EPERM');
  assert.equal(errnoName(19), 'ENODEV');
  assert.equal(errnoName(ENODEV), 'ENODEV');
  assert.equal(errnoName(EADDRINUSE), 'EADDRINUSE');
  assert.equal(errnoName(133), 'EHWPOISON');
  assert.equal(errnoName(41), 'errno 41');
  assert.equal(errnoName(4000), 'errno 4000');
});

test('a failed operation says what, on what, why, and what to do', () => {
  const error = new OperationError({
    operation: 'open packet socket',
    subject: 'lan0',
    errno: EPERM,
    capability: 'CAP_NET_RAW',
  });
  assert.equal(error.code, 'operationFailed');
  assert.equal(error.errno, 'EPERM');
  assert.equal(error.message, 'cannot open packet socket (lan0): EPERM; run as root or grant CAP_NET_RAW');
  assert.ok(!('extendedAck' in error));
});

test("the kernel's own sentence is kept", () => {
  const error = new OperationError({
    operation: 'add address',
    subject: 'x',
    errno: 22,
    extendedAck: 'bad prefix',
  });
  assert.match(error.message, /EINVAL, bad prefix/);
  assert.equal(error.extendedAck, 'bad prefix');
});
