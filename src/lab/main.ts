/** `understudy lab`: builds a network of namespaces, runs the real daemons in it, breaks something, and tells. */
import { parseLabArguments, UsageError, usage } from './arguments.ts';
import { runEnclosed } from './enclosure.ts';
import { scriptPath } from './station.ts';

/** EX_USAGE of sysexits.h. */
const usageExitCode = 64;

/**
 * `argv`: the arguments after `lab`. Resolves to the exit code: 0 when everything was as it must be, 1 when not, 64
 * for a wrong command line, 69 when the machine lacks what the lab needs, 130 after an interruption. Prints the result
 * to standard output, progress to standard error.
 */
export async function runLab(argv: readonly string[]): Promise<number> {
  try {
    const options = parseLabArguments(argv);
    if (options !== undefined) return await runEnclosed(scriptPath('stage'), options);
    process.stdout.write(usage);
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`understudy lab: ${error.message}\n\n${usage}`);
    return usageExitCode;
  }
}
