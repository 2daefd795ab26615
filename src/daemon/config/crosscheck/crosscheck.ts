/** Everything that one field alone cannot show. All problems are found, not only the first. */
import type { ConfigProblem } from '../../errors.ts';
import type { ConfigDocument } from '../document.ts';
import type { ConfigFile } from '../format.ts';
import { checkCrowds } from './crowds.ts';
import { Findings } from './findings.ts';
import { checkGroups } from './groups.ts';
import { checkMembers, checkPaths } from './paths.ts';
import { checkSocketPath } from './socket-path.ts';
import { checkTiming } from './timing.ts';

export function crosscheck(file: ConfigFile, document: ConfigDocument): ConfigProblem[] {
  const findings = new Findings(file, document);
  checkKeySource(findings);
  checkMembers(findings);
  const owners = checkPaths(findings);
  checkGroups(findings, owners);
  checkCrowds(findings);
  checkTiming(findings);
  checkSocketPath(findings, ['control'], file.control ?? '');
  return findings.problems;
}

/** Exactly one of the three ways to give the keys; `keyFile` itself is read later. */
function checkKeySource(findings: Findings): void {
  const given = (['key', 'keyFile', 'keys'] as const).filter((name) => findings.file[name] !== undefined);
  if (given.length === 0) {
    findings.at([], 'has no key: give key (64 hexadecimal digits), keyFile (a path) or keys ([new, old])');
  }
  for (const extra of given.slice(1)) {
    findings.atKey([extra], `is given beside ${given[0]}: give exactly one of key, keyFile, keys`);
  }
}
