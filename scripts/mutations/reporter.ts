/** A reporter for `node --test-reporter`: one line of JSON for each test that ended. */
import type { TestEvent } from 'node:test/reporters';

export interface Outcome {
  readonly name: string;
  readonly passed: boolean;
  readonly skipped: boolean;
  /** Why it failed; empty when it did not. */
  readonly why: string;
  readonly ms: number;
}

export default async function* reporter(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const { name, details, skip } = data;
    const cause: unknown = type === 'test:fail' ? data.details.error.cause : undefined;
    const outcome: Outcome = {
      name,
      passed: type === 'test:pass',
      skipped: skip !== undefined,
      why: type === 'test:pass' ? '' : cause instanceof Error ? cause.message : String(cause),
      ms: Math.round(details.duration_ms),
    };
    yield `${JSON.stringify(outcome)}\n`;
  }
}
