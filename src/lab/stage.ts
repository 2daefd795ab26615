/** The process inside the namespaces: plays the scenario and prints what came of it. */
import { spawn } from 'node:child_process';
import type { LabOptions } from './arguments.ts';
import { type Enclosure, enter } from './enclosure.ts';
import { formatResult } from './report.ts';
import type { LabResult } from './result.ts';
import { loadScenario } from './scenario/registry.ts';

const started = performance.now();

function progress(line: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(2).padStart(6);
  process.stderr.write(`${seconds} s  ${line}\n`);
}

const talk =
  'The exchange: ip netns exec host-a nc 192.0.2.10 7000, then ADD 4041 Hedda, SHOW 4041, STATUS, FEED or QUIT';

/** `--keep`: a shell inside when there is a terminal, else directions until the lab is interrupted. */
async function stay({ argument, rootless, outsidePid }: Enclosure<LabOptions>): Promise<void> {
  const user = rootless ? '-U --preserve-credentials ' : '';
  process.stderr.write(
    [
      '',
      'The lab stays. Machines: ip netns list; a look inside one: ip netns exec host-a ip neigh',
      'Sockets, configuration and logs of the daemons: /run/understudy.',
      `From another terminal: nsenter ${user}-n -m -p -t ${outsidePid}`,
      ...(argument.scenario === 'pbx' ? [talk] : []),
      process.stdin.isTTY ? 'This is a shell inside; leave it (exit) to end the lab.\n' : 'End it with ^C.\n',
    ].join('\n'),
  );
  const { SHELL: shell = 'sh' } = process.env;
  await new Promise<void>((resolve) => {
    if (process.stdin.isTTY) spawn(shell, { stdio: 'inherit' }).on('exit', () => resolve());
  });
}

async function main(): Promise<number> {
  const enclosure = enter<LabOptions>();
  const { argument: options, fifo, rootless } = enclosure;
  if (!fifo) progress('no real-time scheduling here (needs root): the heartbeat is slower');
  const present = async (shown: LabResult): Promise<void> => {
    process.stdout.write(options.json ? `${JSON.stringify(shown)}\n` : formatResult(shown));
    if (options.keep) await stay(enclosure);
  };
  const scenario = await loadScenario(options.scenario);
  const result = await scenario(options, { fifo, rootless, progress, present });
  return result.ok ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`understudy lab: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
// Daemons and stations still run; the kernel ends them with us.
process.stdout.write('', () => process.exit());
