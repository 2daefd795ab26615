/** What a relay of this node needs to know, from the file that all members share. */
import type { AnswererText, RelayPlan, ServerPlaceText } from '../../api/relay.ts';
import { parseIp } from '../../wire/address.ts';
import { holdDevice, relayTable } from '../devices.ts';
import type { ConfigFile, GroupEntry, MirrorEntry } from './format.ts';
import { groupId, instanceId } from './identity.ts';
import { pathLinks } from './links.ts';
import { gateOf } from './mirrored.ts';
import { interfaceOf } from './places.ts';

/** Undefined: no place that could be connected to. */
export function serverPlace(text: string): ServerPlaceText | undefined {
  if (text.startsWith('/')) return { path: text };
  const at = text.lastIndexOf(':');
  const address = text.slice(0, at).replace(/^\[|\]$/g, '');
  const port = Number(text.slice(at + 1));
  return parseIp(address) === undefined || port < 1 || port > 65_535 ? undefined : { address, port };
}

/** Of a group that this node is a member of; undefined: nothing is mirrored in it. `keys` are hexadecimal. */
export function relayPlan(
  file: ConfigFile,
  name: string,
  group: GroupEntry,
  keys: readonly string[],
): RelayPlan | undefined {
  const { mirror } = group;
  const partner = Object.keys(group.members).find((member) => member !== file.node);
  if (mirror === undefined || partner === undefined) return undefined;
  const idOf = (member: string): number => file.members[member]?.id ?? 0;
  const instance = instanceId(file.cluster, file.node);
  const links = Object.values(file.paths).flatMap((path) => pathLinks(file, path));
  return {
    group: name,
    table: relayTable(instance, groupId(name)),
    gate: gateOf(file, name),
    interfaces: [interfaceOf(group, file.node), holdDevice(instance)],
    addresses: group.addresses,
    service: mirror.service,
    answerer: answererOf(mirror),
    scope: `${file.cluster}/${name}/sessions`,
    node: file.node,
    partner,
    keys,
    encrypt: mirror.encrypt,
    // As with tethers: the member with the higher id connects.
    listens: idOf(file.node) < idOf(partner),
    routes: links
      .filter(({ peer }) => peer === idOf(partner))
      .map(({ localAddress: local, peerAddress: remote }) => ({ local, remote })),
    port: mirror.port,
    policy: mirror.policy,
    degradeAfterMs: mirror.degradeAfterMs,
  };
}

function answererOf({ backend = '', program }: MirrorEntry): AnswererText {
  return program === undefined ? { backend: serverPlace(backend) ?? { path: backend } } : { program };
}
