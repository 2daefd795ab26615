/** A machine's control sockets: the real codec and the real freshness, one of each for a peer and a path. */
import type { Effect } from '../engine/effect.ts';
import type { Engine } from '../engine/engine.ts';
import { controlLengthMax, decodeControl, encodeControl } from '../wire/control/codec.ts';
import { Freshness } from '../wire/control/freshness.ts';
import {
  type BootNonce,
  type ControlMessage,
  ControlType,
  MemberState,
  type NodeId,
  noTerm,
  type PathId,
} from '../wire/control/message.ts';
import { cluster } from './plan.ts';
import type { PathPlan } from './wiring.ts';
import type { World } from './world.ts';

interface Link {
  readonly peer: NodeId;
  readonly path: PathPlan;
  readonly freshness: Freshness;
  sequence: number;
  carrier: boolean;
}

type Outgoing = Pick<
  ControlMessage,
  'type' | 'scope' | 'term' | 'state' | 'intervalUs' | 'groups' | 'target' | 'registration' | 'promise'
>;

/** What is sent is read again at once: nothing that was decoded refers to these bytes. */
const into = new Uint8Array(controlLengthMax);

export class Sockets {
  readonly #world: World;
  readonly #self: NodeId;
  readonly #boot: BootNonce;
  readonly #links: readonly Link[];

  constructor(world: World, self: NodeId, boot: BootNonce) {
    this.#world = world;
    this.#self = self;
    this.#boot = boot;
    this.#links = world.plan.paths.flatMap((path) => {
      if (!path.members.includes(self)) return [];
      return path.members.filter((peer) => peer !== self).map((peer) => this.#link(peer, path));
    });
  }

  /** Each link whose carrier is another than when this was asked last. */
  takeCarriers(): readonly { readonly peer: NodeId; readonly path: PathId; readonly up: boolean }[] {
    const changed = this.#links.filter(
      ({ path, carrier }) => this.#world.network.carrier(path, this.#self) !== carrier,
    );
    for (const link of changed) {
      link.carrier = !link.carrier;
      if (!link.carrier) link.freshness.cutOff();
    }
    return changed.map(({ peer, path, carrier }) => ({ peer, path: path.id, up: carrier }));
  }

  /** The peer's present boot was proven on the path. */
  hasProven(peer: NodeId, path: PathId, boot: BootNonce): boolean {
    return this.#find(peer, path)?.freshness.proven === boot;
  }

  believes(path: PathId, message: ControlMessage): boolean {
    return this.#find(message.sender, path)?.freshness.check(message).verdict === 'believed';
  }

  beat(engine: Engine, peer: NodeId, path: PathId): void {
    const link = this.#find(peer, path);
    if (!link?.carrier) return;
    this.#transmit(engine, link, {
      type: ControlType.heartbeat,
      scope: 0,
      term: noTerm,
      state: MemberState.starting,
      intervalUs: this.#world.plan.intervalUs,
      groups: engine.records(peer),
      target: 0,
    });
  }

  send(engine: Engine, effect: Extract<Effect, { kind: 'send' }>): void {
    const { type, group: scope, term, state, target, registration, promise } = effect;
    const about = { type, scope, term, state, intervalUs: 0, groups: [], target };
    const word = {
      ...about,
      ...(registration === undefined ? {} : { registration }),
      ...(promise === undefined ? {} : { promise }),
    };
    for (const link of this.#links) {
      if (link.peer === effect.peer && link.carrier) this.#transmit(engine, link, word);
    }
  }

  #find(peer: NodeId, path: PathId): Link | undefined {
    return this.#links.find((each) => each.peer === peer && each.path.id === path);
  }

  #link(peer: NodeId, path: PathPlan): Link {
    const options = { self: this.#self, peer, cluster, path: path.id, boot: this.#boot };
    return { peer, path, freshness: new Freshness(options), sequence: 0, carrier: true };
  }

  #transmit(engine: Engine, link: Link, word: Outgoing): void {
    const length = encodeControl(
      {
        ...word,
        flags: engine.flags,
        cluster,
        sender: this.#self,
        receiver: link.peer,
        path: link.path.id,
        senderBoot: this.#boot,
        echoBoot: link.freshness.echo,
        sequence: ++link.sequence,
      },
      into,
    );
    const sent = decodeControl(into.subarray(0, length));
    if (!sent.ok) this.#world.fail(`member ${this.#self} sends what nobody reads: ${sent.reason}`);
    this.#world.transmit(link.path, this.#self, link.peer, sent.value);
  }
}
