/**
 * Somebody says by ARP or neighbour discovery that one of our groups' addresses is his, or asks whether he may have it.
 * Whoever it is, is looked up among the places of the group: another place's word is the engine's business; a stranger's
 * is reported at once, in every role, with his physical address. A storm of claims says nothing new: it must neither take
 * the turns of the loop nor fill the log, nor may many strangers take the memory.
 */
import { formatIp, formatMac, type IpAddress, type MacAddress } from '../../wire/address.ts';
import type { GroupId, NodeId } from '../../wire/control/message.ts';
import type { ConflictStatus, GroupLink, ReactorConfig, ReactorReport } from '../bridge.ts';
import type { Claim } from './claim.ts';
import { addressOf } from './paths.ts';

/** So often at most the engine hears of claims of a group that is answered for here, microseconds. */
const feedIntervalUs = 50_000;
/** The time between two reports of one stranger with one address, microseconds; it doubles while he goes on, up to a limit. */
const reportIntervalUs = 1_000_000;
const reportIntervalMaxUs = 64_000_000;
/** So many strangers are remembered, and so many are reported for the first time in a second. */
const strangersMax = 256;
const strangersPerSecond = 8;
/** A place whose physical address is unknown is asked for it, and has so long to answer, microseconds. */
const answerUs = 100_000;

export interface ClaimsListener {
  /** For the engine. `member`: whose MAC it is, or 0. */
  claimed(claim: Claim, member: NodeId | 0): void;
  /** These nodes' physical addresses are to be learnt. */
  ask(interfaceName: string, addresses: readonly IpAddress[]): void;
  report(report: ReactorReport): void;
}

interface Place {
  readonly node: NodeId;
  readonly addresses: readonly IpAddress[];
}

interface Scene {
  readonly interface: string;
  /** The group's other nodes on this LAN. */
  readonly places: readonly Place[];
  /** When the engine was told last, and the claim since that it has not been told. */
  fedUs: number;
  unfed: Claim | undefined;
  /** When places were asked last. */
  askedUs: number;
  conflict: ConflictStatus | undefined;
  claims: number;
}

interface Stranger {
  readonly claim: Claim;
  readonly answering: boolean;
  /** Until when a place may still turn out to be him; undefined: judged. */
  judgeUs: number | undefined;
  reportedUs: number;
  /** Not before so long after the last report is there another. */
  waitUs: number;
  /** Claims since the last report. */
  count: number;
  lastUs: number;
}

export class Claims {
  readonly #told: ClaimsListener;
  readonly #scenes: ReadonlyMap<GroupId, Scene>;
  readonly #macs: Map<IpAddress, MacAddress | undefined> = new Map();
  /** By group, address and MAC; whoever was heard longest ago first. */
  readonly #strangers: Map<string, Stranger> = new Map();
  readonly #budget = { secondUs: Number.NEGATIVE_INFINITY, left: 0 };
  #pending = 0;

  constructor(config: ReactorConfig, told: ClaimsListener) {
    this.#told = told;
    this.#scenes = new Map(config.groups.map((link) => [link.id, sceneOf(link, config.engine.self)]));
    for (const { places } of this.#scenes.values())
      for (const { addresses } of places) for (const address of addresses) this.#macs.set(address, undefined);
  }

  /** When `proceed` has something to do. */
  get dueUs(): number {
    let due = Number.POSITIVE_INFINITY;
    for (const { unfed, fedUs } of this.#scenes.values())
      if (unfed !== undefined) due = Math.min(due, fedUs + feedIntervalUs);
    if (this.#pending === 0) return due;
    for (const { judgeUs } of this.#strangers.values()) due = Math.min(due, judgeUs ?? due);
    return due;
  }

  /** Somebody has this address, as the kernel or a frame tells. Only the places of our groups are remembered. */
  learn(address: IpAddress, mac: MacAddress): void {
    if (!this.#macs.has(address) || this.#macs.get(address) === mac) return;
    this.#macs.set(address, mac);
    if (this.#pending === 0) return;
    for (const [key, stranger] of this.#strangers) {
      const { claim, judgeUs } = stranger;
      if (judgeUs === undefined || this.#ownerOf(claim) === 0) continue;
      this.#pending--;
      this.#strangers.delete(key);
    }
  }

  /** Where other nodes of our groups are on this interface. */
  placesOn(interfaceName: string): readonly IpAddress[] {
    const scenes = [...this.#scenes.values()].filter((scene) => scene.interface === interfaceName);
    return [...new Set(scenes.flatMap(({ places }) => places.flatMap(({ addresses }) => addresses)))];
  }

  /** `answering`: the group is answered for here. */
  hear(claim: Claim, answering: boolean, nowUs: number): void {
    const scene = this.#scenes.get(claim.group);
    if (scene === undefined) return;
    const owner = this.#ownerOf(claim);
    if (claim.how === 'probe') {
      // Who asks for an address that nobody holds here does what he should.
      if (answering && owner === 0) this.#stranger(scene, claim, answering, nowUs);
      return;
    }
    if (!answering || nowUs - scene.fedUs >= feedIntervalUs) this.#feed(scene, claim, nowUs);
    else scene.unfed = claim;
    if (owner === 0) this.#stranger(scene, claim, answering, nowUs);
    else if (answering) note(scene, claim, owner, nowUs);
  }

  /** The engine has the last word of a storm; whoever has not turned out to be a place of ours is a stranger. */
  proceed(nowUs: number): void {
    for (const scene of this.#scenes.values())
      if (scene.unfed !== undefined && nowUs - scene.fedUs >= feedIntervalUs)
        this.#feed(scene, scene.unfed, nowUs);
    if (this.#pending === 0) return;
    for (const [key, stranger] of this.#strangers) {
      if (stranger.judgeUs === undefined || stranger.judgeUs > nowUs) continue;
      stranger.judgeUs = undefined;
      this.#pending--;
      const scene = this.#scenes.get(stranger.claim.group);
      if (scene === undefined || this.#mayBeOurs(scene, stranger.answering)) this.#strangers.delete(key);
      else this.#report(scene, stranger, nowUs);
    }
  }

  /** Who claimed an address of the group last. */
  conflict(group: GroupId): ConflictStatus | null {
    return this.#scenes.get(group)?.conflict ?? null;
  }

  #feed(scene: Scene, claim: Claim, nowUs: number): void {
    scene.fedUs = nowUs;
    scene.unfed = undefined;
    this.#told.claimed(claim, this.#ownerOf(claim));
  }

  #stranger(scene: Scene, claim: Claim, answering: boolean, nowUs: number): void {
    const key = `${claim.group} ${claim.address} ${claim.mac} ${claim.how === 'probe'}`;
    const known = this.#strangers.get(key);
    this.#strangers.delete(key);
    const stranger = known ?? this.#meet(scene, claim, answering, nowUs);
    if (stranger === undefined) return;
    // At the end: he was heard just now.
    this.#strangers.set(key, stranger);
    stranger.count++;
    if (nowUs - stranger.lastUs > 2 * stranger.waitUs) stranger.waitUs = reportIntervalUs / 2;
    stranger.lastUs = nowUs;
    if (stranger.judgeUs === undefined) this.#report(scene, stranger, nowUs);
  }

  /** Undefined: nobody can tell whether he is one of ours. */
  #meet(scene: Scene, claim: Claim, answering: boolean, nowUs: number): Stranger | undefined {
    const unplaced = this.#unplaced(scene);
    if (unplaced.length === 0 && this.#mayBeOurs(scene, answering)) return undefined;
    if (unplaced.length > 0) {
      // Whoever was asked a moment ago may still answer.
      if (nowUs - scene.askedUs >= answerUs) {
        scene.askedUs = nowUs;
        this.#told.ask(scene.interface, unplaced);
      }
      this.#pending++;
    }
    const [oldest] = this.#strangers;
    if (oldest !== undefined && this.#strangers.size >= strangersMax) {
      this.#strangers.delete(oldest[0]);
      if (oldest[1].judgeUs !== undefined) this.#pending--;
    }
    return {
      ...{ claim, answering, waitUs: reportIntervalUs / 2, count: 0, lastUs: nowUs },
      judgeUs: unplaced.length > 0 ? nowUs + answerUs : undefined,
      reportedUs: Number.NEGATIVE_INFINITY,
    };
  }

  #report(scene: Scene, stranger: Stranger, nowUs: number): void {
    const { claim, count, waitUs, reportedUs } = stranger;
    note(scene, claim, 0, nowUs);
    if (nowUs - reportedUs < waitUs) return;
    if (reportedUs === Number.NEGATIVE_INFINITY && !this.#mayMeet(nowUs)) return;
    stranger.reportedUs = nowUs;
    stranger.count = 0;
    stranger.waitUs = Math.min(2 * waitUs, reportIntervalMaxUs);
    const { group, how } = claim;
    const who = { address: formatIp(claim.address), mac: formatMac(claim.mac) };
    this.#told.report({ code: 'foreignClaim', group, ...who, interface: scene.interface, how, count });
  }

  #mayMeet(nowUs: number): boolean {
    if (nowUs - this.#budget.secondUs >= 1_000_000) {
      this.#budget.secondUs = nowUs;
      this.#budget.left = strangersPerSecond;
    }
    if (this.#budget.left === 0) return false;
    this.#budget.left--;
    return true;
  }

  /** Whose MAC it is: a node of the group, or 0. */
  #ownerOf({ group, mac }: Claim): NodeId | 0 {
    const places = this.#scenes.get(group)?.places ?? [];
    const owner = places.find(({ addresses }) => addresses.some((one) => this.#macs.get(one) === mac));
    return owner?.node ?? 0;
  }

  /** The addresses of places of which no physical address is known. */
  #unplaced({ places }: Scene): readonly IpAddress[] {
    return places.flatMap(({ addresses }) =>
      addresses.every((address) => this.#macs.get(address) === undefined) ? addresses : [],
    );
  }

  /** A place of which no address is known may be anybody; whoever answers himself knows that it is not its turn. */
  #mayBeOurs({ places }: Scene, answering: boolean): boolean {
    return !answering && places.some(({ addresses }) => addresses.length === 0);
  }
}

function note(scene: Scene, { address, mac, how }: Claim, member: NodeId | 0, atUs: number): void {
  scene.claims++;
  const who = { address: formatIp(address), mac: formatMac(mac), member };
  scene.conflict = { ...who, interface: scene.interface, how, atUs, claims: scene.claims };
}

/** Where each other node of the group is on the LAN, the proxy of a member included. */
function sceneOf({ interface: name, memberAddresses, gateway }: GroupLink, self: NodeId): Scene {
  const nodes = [
    ...memberAddresses.map(({ member, addresses }) => ({ node: member, addresses })),
    ...(gateway === undefined ? [] : [gateway]),
  ];
  // Behind a proxy, members without an address here are on networks of their own.
  const places = nodes
    .filter(({ node, addresses }) => node !== self && (gateway === undefined || addresses.length > 0))
    .map(({ node, addresses }) => ({ node, addresses: addresses.map(addressOf) }));
  return {
    ...{ interface: name, places, claims: 0, conflict: undefined, unfed: undefined },
    ...{ fedUs: Number.NEGATIVE_INFINITY, askedUs: Number.NEGATIVE_INFINITY },
  };
}
