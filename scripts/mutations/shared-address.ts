/** Claims 1 to 6: the announcement, the hosts' tables, the predetermined states. */
import type { Mutation, Patch } from './mutation.ts';

const reactor = 'src/daemon/reactor/reactor.ts';
const broadcasts = 'src/daemon/reactor/broadcasts.ts';
const frames = 'src/wire/frame.ts';
const detector = 'src/engine/detector.ts';

function claim(number: number): Pick<Mutation, 'claim' | 'test'> {
  return { claim: number, test: { file: 'test/claims/lan.test.ts', pattern: `^claim ${number}:` } };
}

const announce = 'return this.#groups.announce(effect.group, effect.ask);';

/** No host is asked after an announcement. */
const nobodyIsAsked: Patch = {
  file: reactor,
  find: announce,
  replace: 'return this.#groups.announce(effect.group, false);',
};

/** Of members and of proxies: neither the broadcast forms leave nor the questions. */
export const nothingIsAnnounced: readonly Patch[] = [{ file: reactor, find: announce, replace: 'return;' }];

/** The forms of the announcement in IPv4. */
const bothForms = '[arpAnnouncementReply(mac, address), arpAnnouncementRequest(mac, address)]';
const replyForm = "return arpFrame('reply', broadcastMac, mac, ip, mac, ip);";

const carrierOrSilence = "(cause !== 'carrier' && cause !== 'silence')";

/** A dead peer of which `believed` (an expression) does not hold stays the active one for ever. */
function deathIsBelievedOnly(believed: string): readonly Patch[] {
  return [
    {
      file: detector,
      find: 'if (believed) return cause;',
      replace: `if (believed && ${believed}) return cause;`,
    },
    {
      file: detector,
      find: "return peer.silent && policy.silence ? 'silence' : undefined;",
      replace: 'return undefined;',
    },
  ];
}

export const sharedAddress: readonly Mutation[] = [
  { name: 'the redundant system does not announce itself', ...claim(1), patches: nothingIsAnnounced },
  {
    name: 'no reply form among the announcements',
    ...claim(2),
    patches: [{ file: broadcasts, find: bothForms, replace: '[arpAnnouncementRequest(mac, address)]' }],
  },
  {
    name: 'the reply is not broadcast',
    ...claim(2),
    patches: [{ file: frames, find: replyForm, replace: "return arpFrame('reply', mac, mac, ip, mac, ip);" }],
  },
  {
    name: 'only replies that a host’s locktime keeps out',
    ...claim(3),
    patches: [
      {
        file: frames,
        find: replyForm,
        replace: "return arpFrame('reply', broadcastMac, mac, ip, broadcastMac, ip);",
      },
      { file: broadcasts, find: bothForms, replace: '[arpAnnouncementReply(mac, address)]' },
      nobodyIsAsked,
    ],
  },
  {
    name: 'the direct link is not watched',
    ...claim(4),
    patches: [
      {
        file: detector,
        find: "if (!peer.up || !this.#anyGroup(peer, 'processDeath')) return;",
        replace: 'return;',
      },
      {
        file: 'src/engine/peer.ts',
        find: 'this.silentAt = later(now, patienceUs);',
        replace: 'this.silentAt = later(now, this.cable ? 3_600_000_000 : patienceUs);',
      },
    ],
  },
  {
    name: 'a loss of power is no reason to take over',
    ...claim(5),
    patches: deathIsBelievedOnly(carrierOrSilence),
  },
  {
    name: 'a standstill is no reason to take over',
    ...claim(6),
    patches: deathIsBelievedOnly("cause !== 'silence'"),
  },
  {
    name: 'a frozen system keeps its voice',
    ...claim(6),
    patches: [
      {
        file: 'src/daemon/reactor/groups.ts',
        find: 'leaseMs: config.leaseMs,',
        replace: 'leaseMs: 3_600_000,',
      },
    ],
  },
];
