/**
 * Processes that compute and do nothing else, one beside the other: the load of a busy machine. Each ends when this
 * process stops them or ends itself, in whatever way.
 */
import { type ChildProcess, spawn } from 'node:child_process';

/** Computes in slices of 50 ms; between two of them it hears that its standard input has ended. */
const script = `
process.stdin.resume().on('end', () => process.exit());
const burn = () => {
  for (const end = performance.now() + 50; performance.now() < end; );
  setImmediate(burn);
};
burn();
`;

export class Hogs {
  readonly #children: readonly ChildProcess[];

  /** Starts `count` of them. */
  constructor(count: number) {
    this.#children = Array.from({ length: count }, () => {
      const child = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'ignore', 'inherit'] });
      child.stdin.on('error', () => undefined);
      return child;
    });
  }

  /** Ends them; resolves when they have. */
  async stop(): Promise<void> {
    await Promise.all(
      this.#children.map(
        (child) =>
          new Promise<void>((resolve) => {
            if (child.exitCode !== null || child.signalCode !== null) return resolve();
            child.on('exit', () => resolve());
            child.kill('SIGKILL');
          }),
      ),
    );
  }
}
