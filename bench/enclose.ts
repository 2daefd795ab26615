/** Runs a script once more in a network namespace of its own, with the daemon's flags for V8, and ends with it. */
import { spawnSync } from 'node:child_process';

const inside = 'UNDERSTUDY_BENCH_NAMESPACE';

/** Returns inside only. */
export function enclose(script: string): void {
  if (process.env[inside] === 'yes') return;
  const way = process.getuid?.() === 0 ? ['--net'] : ['--user', '--map-root-user', '--net'];
  const flags = ['--single-threaded', '--no-turbofan', '--expose-gc'];
  const words = [...way, process.execPath, ...flags, script, ...process.argv.slice(2)];
  const { status } = spawnSync('unshare', words, {
    stdio: 'inherit',
    env: { ...process.env, [inside]: 'yes' },
  });
  process.exit(status ?? 1);
}
