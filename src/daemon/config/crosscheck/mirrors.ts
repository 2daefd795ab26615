/** Mirrored services: two members that reach each other, a port of its own, a patience that outlasts a takeover. */
import { parseIp } from '../../../wire/address.ts';
import type { ConfigFile, GroupEntry, MirrorEntry } from '../format.ts';
import { serverPlace } from '../mirrors.ts';
import type { Findings } from './findings.ts';
import { checkSocketPath } from './socket-path.ts';

/** Replicas exist on one standby; a third member would have none. */
const membersOfMirror = 2;
/** The standby may believe for half of the patience that it has all: that must be longer than a takeover takes. */
const patienceSilences = 4;

export function checkMirror(findings: Findings, name: string, group: GroupEntry): void {
  const { mirror } = group;
  if (mirror === undefined) return;
  const where = ['groups', name, 'mirror'];
  const members = Object.keys(group.members);
  if (members.length !== membersOfMirror) {
    findings.atKey(
      where,
      `is for a group of two members, and ${name} has ${members.length}: leave mirror out, or have two`,
    );
  }
  if (group.standbyAddress !== 'present') {
    findings.at(
      ['groups', name, 'standbyAddress'],
      `is ${group.standbyAddress}: a mirrored group needs present, because its standby has sockets on the address`,
    );
  }
  checkAnswerer(findings, where, group, mirror);
  checkPort(findings, where, name, mirror);
  const { intervalMs, misses } = findings.file.heartbeat;
  const leastMs = patienceSilences * intervalMs * misses;
  if (mirror.policy === 'degrade' && mirror.degradeAfterMs < leastMs) {
    findings.at(
      findings.isWritten([...where, 'degradeAfterMs']) ? [...where, 'degradeAfterMs'] : ['heartbeat'],
      `does not fit: mirror.degradeAfterMs is ${mirror.degradeAfterMs}, must be at least ${leastMs} ` +
        `(${patienceSilences} times the silence that is believed: ${misses} heartbeats of ${intervalMs} ms)`,
    );
  }
}

function checkAnswerer(findings: Findings, where: string[], group: GroupEntry, mirror: MirrorEntry): void {
  const { backend, program } = mirror;
  if ((backend === undefined) === (program === undefined)) {
    findings.atKey(
      where,
      'needs one of backend (a server that runs on each member) and program (one made with mirroredServer), and not both',
    );
  }
  checkSocketPath(findings, [...where, 'program'], program ?? '');
  if (backend !== undefined) checkBackend(findings, [...where, 'backend'], group, backend);
}

function checkBackend(findings: Findings, path: string[], group: GroupEntry, backend: string): void {
  const place = serverPlace(backend);
  if (place === undefined) {
    findings.at(path, `is ${backend}: no such address or port; give for example 127.0.0.1:8081`);
    return;
  }
  if (!('address' in place)) return;
  const address = parseIp(place.address);
  if (!group.addresses.some((text) => parseIp(text) === address)) return;
  findings.at(
    path,
    `is ${backend}, an address of the group: the relay has the service there; let the server listen on 127.0.0.1`,
  );
}

/** One port cannot be two things on the same addresses. */
function checkPort(findings: Findings, where: string[], name: string, mirror: MirrorEntry): void {
  const { file } = findings;
  const path = findings.isWritten([...where, 'port']) ? [...where, 'port'] : where;
  for (const [other, { port }] of Object.entries(file.paths))
    if (port === mirror.port)
      findings.at(path, `is ${mirror.port}, the port of paths.${other}: give mirror.port a port of its own`);
  const earlier = Object.entries(file.groups).slice(0, Object.keys(file.groups).indexOf(name));
  for (const [other, group] of earlier)
    if (group.mirror?.port === mirror.port && sharesMember(file, name, other))
      findings.at(path, `is ${mirror.port}, which groups.${other} has for its mirror: give each its own`);
}

function sharesMember({ groups }: ConfigFile, one: string, other: string): boolean {
  const others = Object.keys(groups[other]?.members ?? {});
  return Object.keys(groups[one]?.members ?? {}).some((member) => others.includes(member));
}
