/** What an engine believes at a moment, for an operator: who is what in each group, and who can be heard. */
import type { GroupId, NodeId, PathId, Term } from '../wire/control/message.ts';
import type { Context } from './context.ts';
import type { DebutWait } from './debut.ts';
import type { MemberStateName } from './effect.ts';
import type { Group } from './group.ts';
import type { Member } from './member.ts';
import type { PinnedRole } from './pin.ts';
import type { ProxyServer, ProxySnapshot } from './proxy-server.ts';
import type { Instant } from './time.ts';
import type { Voter, VoteSnapshot } from './voter.ts';

export interface EngineSnapshot {
  readonly groups: readonly {
    readonly id: GroupId;
    readonly state: MemberStateName;
    readonly term: Term;
    /** Who is believed active; 0: nobody. */
    readonly active: NodeId | 0;
    readonly healthy: boolean;
    /** What the first activation waits for; null: for nothing. */
    readonly waitsFor: DebutWait | null;
    /** How often we have lost the role of late against our will, and for how much longer that holds us back. */
    readonly falls: number;
    readonly heldBackUs: number;
    /** What an operator has pinned us as; null: nothing. */
    readonly pinned: PinnedRole | null;
    /** The other members that can be heard: who could take the role now, and who could not because it is pinned. */
    readonly others: readonly {
      readonly id: NodeId;
      readonly able: boolean;
      readonly pinned: boolean;
      readonly heldBack: boolean;
    }[];
    /** Null: without a proxy. */
    readonly proxy: { readonly id: NodeId; readonly registered: boolean } | null;
  }[];
  readonly proxied: readonly ProxySnapshot[];
  /** Our votes in strict groups. */
  readonly votes: readonly VoteSnapshot[];
  readonly peers: readonly {
    readonly id: NodeId;
    readonly up: boolean;
    readonly paths: readonly {
      readonly id: PathId;
      readonly up: boolean;
      readonly tether: boolean;
      readonly lastHeard: Instant | undefined;
    }[];
  }[];
}

function othersOf(member: Member): EngineSnapshot['groups'][number]['others'] {
  const { id: group, successors } = member;
  return member.peers
    .filter(({ up }) => up)
    .map((peer) => ({
      id: peer.id,
      able: successors.includes(peer),
      pinned: peer.standing(group)?.pinned === true,
      heldBack: peer.standing(group)?.heldBack === true,
    }));
}

export function snapshotOf(
  { config, detector }: Context,
  groups: readonly Group[],
  proxies: readonly ProxyServer[],
  voters: readonly Voter[],
): EngineSnapshot {
  return {
    groups: groups.map(({ member }) => ({
      id: member.id,
      state: member.state,
      term: member.term,
      active: member.holds ? config.self : (member.activePeer?.id ?? member.servedBy?.member ?? 0),
      healthy: member.healthy,
      waitsFor: member.debut.waitsFor ?? null,
      falls: member.damping.falls,
      heldBackUs: member.damping.remainingUs,
      pinned: member.pin.role ?? null,
      others: othersOf(member),
      proxy:
        member.registrant === undefined
          ? null
          : { id: member.config.proxy, registered: member.registrant.registered },
    })),
    proxied: proxies.map((proxy) => proxy.snapshot()),
    votes: voters.map((voter) => voter.snapshot()),
    peers: detector.peers.map(({ id, up, paths }) => ({
      id,
      up,
      paths: paths.map((path) => ({
        id: path.id,
        up: path.up,
        tether: path.tether,
        lastHeard: path.lastHeard,
      })),
    })),
  };
}
