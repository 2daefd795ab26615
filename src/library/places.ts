/** Where the mirror stream runs: the paths that the daemon has between the members, with a port of the program's own. */
import type { Target } from '../link/dialer.ts';
import type { Place } from '../link/listener.ts';
import type { RoleView } from './roles.ts';

/** Our own addresses towards the others, where they connect to us. */
export function placesOf({ others }: RoleView, port: number): Place[] {
  const addresses = others.flatMap(({ paths }) => paths.map(({ localAddress }) => localAddress));
  return [...new Set(addresses)].map((address) => ({ address, port }));
}

/** The active member over its paths, in their order. */
export function targetOf({ activeMember, others }: RoleView, port: number): Target | undefined {
  const peer = others.find(({ name }) => name === activeMember);
  if (peer === undefined) return undefined;
  return {
    member: peer.name,
    routes: peer.paths.map(({ localAddress, peerAddress: address }) => ({ localAddress, address, port })),
  };
}
