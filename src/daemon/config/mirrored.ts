/** The devices of mirrored services: one for each of this node's, by its place in the file. */
import { gateDevice } from '../devices.ts';
import type { ConfigFile } from './format.ts';
import { instanceId } from './identity.ts';

export function gateOf(file: ConfigFile, group: string): string {
  const mirrored = Object.entries(file.groups)
    .filter(([, { mirror, members }]) => mirror !== undefined && file.node in members)
    .map(([name]) => name);
  return gateDevice(instanceId(file.cluster, file.node), mirrored.indexOf(group));
}
