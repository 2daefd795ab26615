/** The program's own ground: Node, native code, and calls of the kernel that it is built on. */
import { release } from 'node:os';
import type { Finding } from '../../api/finding.ts';
import { missing, ok } from './finding.ts';

/** As `engines` of package.json. */
const nodeMajorMin = 24;

export function examineNode(): Finding {
  const { node } = process.versions;
  if (Number(node.split('.')[0]) >= nodeMajorMin) return ok('node', `Node ${node}`);
  return missing('node', `Node ${node}`, `install Node ${nodeMajorMin} or newer`);
}

/** Without this nothing else can be looked at: every other finding needs native code. */
export async function examineNative(): Promise<Finding> {
  const where = `${process.arch}, Linux ${release()}`;
  if (process.platform !== 'linux') return missing('native', process.platform, 'Understudy is for Linux');
  try {
    const { monotonicUs } = await import('../../linux/clock.ts');
    monotonicUs();
    return ok('native', `${where}, koffi loads`);
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    const remedy = 'install Understudy on this machine itself: koffi has a binary for each processor';
    return missing('native', `${where}, koffi does not load: ${why}`, remedy);
  }
}
