/**
 * A file of claims begins with `await enclosed(import.meta.filename)`: outside, that runs the file once more in network,
 * mount and process namespaces of its own, as the lab does (src/lab/enclosure.ts), and ends this process with the result.
 * Whatever was started inside ends with it, frozen daemons too, also after a failure.
 */
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { enter, runEnclosed } from '../../src/lab/enclosure.ts';
import { namespacesMissing } from '../lab/lab.ts';

/** Returns inside only. Where no namespaces can be made the file counts as one skipped test. */
export async function enclosed(file: string): Promise<void> {
  if (process.argv[2] !== undefined) {
    enter();
    // Daemons are started with this process's options, and those of the test runner are not for them.
    process.execArgv = [];
    return;
  }
  const flags = process.getuid?.() === 0 ? ['-nmp'] : ['-Urnmp'];
  if (spawnSync('unshare', [...flags, '--fork', 'true']).status === 0) {
    process.exit(await runEnclosed(file, {}));
  }
  const skip = [...process.execArgv, import.meta.filename];
  process.exit(spawnSync(process.execPath, skip, { stdio: 'inherit' }).status ?? 1);
}

if (import.meta.main) test('namespaces of their own', (context) => void namespacesMissing(context));
