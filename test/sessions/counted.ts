/** The judgement on clients that added to one counter: each addition was counted once, and the program has them all. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

type Report = Readonly<Record<string, unknown>>;

/** `seen`: what `adding.ts` reports at its end; `program`: what the copy that is left says of itself. */
export function requireCounted(context: TestContext, seen: Report, program: Report): void {
  context.diagnostic(JSON.stringify(seen));
  assert.deepEqual(seen['wrong'], []);
  assert.equal(seen['answers'], seen['sent']);
  assert.ok(Number(seen['answers']) > 100, 'the clients worked');
  assert.ok(Number(seen['ticks']) > Number(seen['spanMs']) / 40, 'its timers ran');
  assert.equal(program['counter'], seen['answers'], 'the program that is left has counted them all');
}
