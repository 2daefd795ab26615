/** What the reactor tells about itself when asked. */
import type { EngineSnapshot } from '../../engine/engine.ts';
import type { ReactorStatus } from '../bridge.ts';
import type { Claims } from './claims.ts';
import type { Groups } from './groups.ts';
import type { Paths } from './paths.ts';

export interface Lateness {
  readonly lastUs: number;
  readonly maxUs: number;
}

export function statusOf(
  engine: EngineSnapshot,
  { lease, hold }: Groups,
  paths: Paths,
  claims: Claims,
  lateness: Lateness,
): ReactorStatus {
  return {
    leaseHeld: lease.held,
    lapses: lease.lapses,
    renewals: lease.renewals,
    lateLastUs: lateness.lastUs,
    lateMaxUs: lateness.maxUs,
    refused: Object.fromEntries(paths.refused),
    groups: engine.groups.map((group) => ({
      id: group.id,
      state: group.state,
      termCounter: group.term.counter,
      termMember: group.term.member,
      active: group.active,
      healthy: group.healthy,
      waitsFor: group.waitsFor,
      conflict: claims.conflict(group.id),
      falls: group.falls,
      heldBackUs: group.heldBackUs,
      pinned: group.pinned,
      others: group.others,
      proxy: group.proxy,
    })),
    proxied: engine.proxied.map(({ term, ...proxied }) => ({
      ...proxied,
      termCounter: term.counter,
      termMember: term.member,
      held: hold.waiting(proxied.id),
      conflict: claims.conflict(proxied.id),
    })),
    votes: engine.votes,
    peers: engine.peers.map((peer) => ({
      id: peer.id,
      up: peer.up,
      paths: peer.paths.map((path) => ({
        id: path.id,
        up: path.up,
        tether: path.tether,
        lastHeardUs: path.lastHeard ?? 0,
      })),
    })),
  };
}
