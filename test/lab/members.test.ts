import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { namespacesMissing } from './lab.ts';
import { steady } from './steady.ts';

const bench = join(import.meta.dirname, '../../bench/members.ts');
/** A heartbeat that a test machine with other things to do can hold. */
const calm = ['--interval', '10'];

/** One round of a case of the benchmark: its exit code and all it said. */
async function play(name: string): Promise<{ readonly exitCode: number | null; readonly said: string }> {
  const args = [bench, '--times', '1', '--cases', name, ...calm];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 30_000 });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  const exitCode = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { exitCode, said };
}

const cases = {
  frozen:
    'the first standby is frozen when the active one dies: the second takes over, the thawed one is silent',
  twice:
    'the active one dies, then its successor: the third takes over, and one is active when both are back',
};

for (const [name, summary] of Object.entries(cases)) {
  test(
    summary,
    steady(async (context) => {
      if (namespacesMissing(context)) return;
      const { exitCode, said } = await play(name);
      assert.equal(exitCode, 0, said);
      assert.match(said, /1 times, 0 with something wrong/);
    }),
  );
}
