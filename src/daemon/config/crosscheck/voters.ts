/** Strict groups: who has a vote, and that everybody can ask for it. */
import type { GroupEntry } from '../format.ts';
import { isIn, shareAPath, votersOf } from '../places.ts';
import type { Findings } from './findings.ts';

/** With fewer, a majority is everybody, and nobody could take over. */
const votersMin = 3;

export function checkVoters(findings: Findings, name: string, group: GroupEntry): void {
  const { witness, policy } = group;
  const where = ['groups', name, 'witness'];
  if (policy === 'available') {
    if (witness !== undefined)
      findings.atKey(where, 'has no part in policy available: set policy: strict, or remove it');
    return;
  }
  if (witness !== undefined) checkWitness(findings, name, group, witness);
  const voters = votersOf(group);
  if (voters.length >= votersMin) return;
  findings.at(
    ['groups', name, 'policy'],
    `is strict, but only ${voters.join(' and ')} have a vote: the majority of ${voters.length} is all of them, so ` +
      'nobody could take over; name a witness (a third machine), or have three members',
  );
}

function checkWitness(findings: Findings, name: string, group: GroupEntry, witness: string): void {
  const where = ['groups', name, 'witness'];
  if (!findings.isMember(witness, where, false)) return;
  if (isIn(group, witness)) {
    findings.at(where, `is ${witness}, which has a part in the group already: it must be another machine`);
    return;
  }
  for (const member of Object.keys(group.members)) {
    if (shareAPath(findings.file, member, witness)) continue;
    findings.at(where, `is ${witness}, which shares no path with ${member}: describe one between them`);
  }
}
