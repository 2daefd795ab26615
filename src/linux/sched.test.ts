import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setFifo, setOther } from './sched.ts';

/** `policy` (field 41) of the calling thread; see proc(5). */
function policy(): number {
  const fields = readFileSync('/proc/thread-self/stat', 'utf8').split(') ')[1]?.split(' ') ?? [];
  return Number(fields[38]);
}

test('the thread becomes a real-time thread and an ordinary one again, or says why not', () => {
  const why = setFifo(10);
  const reached = policy();
  setOther();
  if (why === null) assert.equal(reached, 1);
  else assert.match(why, /EPERM: .*CAP_SYS_NICE/);
  assert.equal(policy(), 0);
});

test('a priority that does not exist is refused with the range', () => {
  assert.match(setFifo(100) ?? '', /EINVAL: the priority must be 1\.\.99/);
  assert.equal(policy(), 0);
});
