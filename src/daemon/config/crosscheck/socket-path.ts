/** Paths of unix sockets (unix(7): `sun_path`, with its end). */
import type { Findings } from './findings.ts';

const socketPathMax = 107;

export function checkSocketPath(findings: Findings, where: readonly string[], path: string): void {
  const length = Buffer.byteLength(path);
  if (length > socketPathMax)
    findings.at([...where], `has ${length} bytes: a unix socket's path has at most ${socketPathMax}`);
}
