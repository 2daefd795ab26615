/** How many groups two nodes share: each heartbeat between them carries a record of every one, in one datagram. */
import { groupRecordsMax } from '../../../wire/control/codec.ts';
import type { Findings } from './findings.ts';

export function checkCrowds(findings: Findings): void {
  const shared = new Map<string, number>();
  for (const [name, group] of Object.entries(findings.file.groups)) {
    const nodes = [...new Set([...Object.keys(group.members), ...Object.keys(group.proxies ?? {})])].sort();
    for (const pair of nodes.flatMap((node, index) => nodes.slice(index + 1).map((other) => [node, other]))) {
      const words = pair.join(' and ');
      const count = (shared.get(words) ?? 0) + 1;
      shared.set(words, count);
      // Once for each pair.
      if (count !== groupRecordsMax + 1) continue;
      findings.atKey(
        ['groups', name],
        `is one more group of ${words} than their heartbeats carry (${groupRecordsMax}): give several addresses to one ` +
          'group, or use more nodes',
      );
    }
  }
}
