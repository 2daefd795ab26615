/**
 * Before the curtain: two engines talk to each other through codec, seal and freshness on a clock that only exists
 * here, until the runtime has compiled what a takeover needs and has collected what compiling left behind. Without it
 * the first seconds of a member's life hold pauses of 10 to 40 ms, and its peer takes them for its death.
 */
import type { EngineConfig, GroupConfig } from '../../engine/config.ts';
import type { Effect } from '../../engine/effect.ts';
import { Engine } from '../../engine/engine.ts';
import type { Event } from '../../engine/event.ts';
import { type Instant, instant, later } from '../../engine/time.ts';
import { controlLengthMax, decodeControl, encodeControl } from '../../wire/control/codec.ts';
import { Freshness } from '../../wire/control/freshness.ts';
import { ControlType, MemberState, noTerm } from '../../wire/control/message.ts';
import { type Hmac, seal, sealLength, unseal } from '../../wire/control/seal.ts';
import type { Outgoing } from './paths.ts';

/** Enough for the optimizing compiler to have seen every function of a quiet life several thousand times. */
const rounds = 6000;
/** A member behind a proxy loses its lease and takes the role again so often, in rounds. */
const actRounds = 20;
/** So many groups of a kind are played: more of them compile nothing more, and sixty took half a minute. */
const groupsOfAKind = 2;
const cluster = 1;
const path = 1;
const [one, two] = [1, 2];
/** There is no LAN to ask. */
const atOnce = { probeUs: 0, silentPortUs: 0 };

type Config = Omit<EngineConfig, 'boot'>;
type Send = Extract<Effect, { kind: 'send' }>;

interface Player {
  readonly engine: Engine;
  readonly freshness: Freshness;
  readonly self: number;
  readonly peer: number;
  /** What is still to be said about a group. */
  readonly sends: Send[];
  sequence: number;
}

/** Takes some hundred milliseconds and leaves nothing behind. `config` gives the intervals and the kinds of groups. */
export function rehearse(config: Config, hmac: Hmac): void {
  const stage = new Stage(config, hmac);
  if (config.groups.length > 0) stage.play(members(config, one), members(config, two), false);
  const behindProxies = config.proxied.length > 0 || config.groups.some(({ proxy }) => proxy !== 0);
  if (behindProxies) stage.play(proxyScene(config), clientScene(config), true);
  // Present when the program was started with --expose-gc, as `understudy run` does.
  (globalThis as { gc?: () => void }).gc?.();
}

/** Two members that share every group. */
function members(config: Config, self: number): Config {
  const both = [
    { id: one, priority: 200 },
    { id: two, priority: 100 },
  ];
  const kinds = [true, false].map((strict) =>
    config.groups.filter(({ quorum }) => (quorum !== undefined) === strict).slice(0, groupsOfAKind),
  );
  const groups = kinds.flat().map((group) => ({ ...group, members: both, proxy: 0, proxies: [] }));
  return { ...config, ...atOnce, self, groups, proxied: [] };
}

/** The first is a proxy, the second its only client, in every group there is. */
function proxyScene(config: Config): Config {
  const proxied = groupsOf(config).map(({ id, takeOverOn }) => ({
    ...{ id, takeOverOn, members: [two], elsewhere: [] },
  }));
  return { ...config, self: one, groups: [], proxied };
}

function clientScene(config: Config): Config {
  const groups = groupsOf(config).map(
    ({ id, takeOverOn }): GroupConfig => ({
      ...{ id, takeOverOn, preempt: false, proxy: one, proxies: [one] },
      members: [{ id: two, priority: 200 }],
    }),
  );
  return { ...config, ...atOnce, self: two, groups, proxied: [] };
}

function groupsOf(config: Config): readonly Pick<GroupConfig, 'id' | 'takeOverOn'>[] {
  return [...config.groups, ...config.proxied].slice(0, groupsOfAKind);
}

class Stage {
  readonly #intervalUs: number;
  readonly #hmac: Hmac;
  readonly #buffer = new Uint8Array(controlLengthMax + sealLength);

  constructor(config: Config, hmac: Hmac) {
    this.#intervalUs = config.heartbeatIntervalUs;
    this.#hmac = hmac;
  }

  /** `acts`: the second one loses its lease again and again. */
  play(first: Config, second: Config, acts: boolean): void {
    let now = instant(1_000_000);
    const players = [player(first, two, now), player(second, one, now)] as const;
    for (let round = 0; round < rounds; round++) {
      now = later(now, this.#intervalUs);
      if (acts && round % actRounds === 0) feed(players[1], { kind: 'leaseLost' }, now);
      for (const [index, speaker] of players.entries()) {
        const listener = players[1 - index];
        if (listener === undefined) continue;
        feed(speaker, { kind: 'turn', lateUs: round % 50 }, now);
        feed(speaker, { kind: 'drained' }, now);
        this.#speak(speaker, listener, this.#heartbeat(speaker), now);
        for (const send of speaker.sends.splice(0)) this.#speak(speaker, listener, word(speaker, send), now);
      }
    }
  }

  #heartbeat({ engine, peer }: Player): Outgoing {
    return {
      type: ControlType.heartbeat,
      flags: engine.flags,
      scope: 0,
      term: noTerm,
      state: MemberState.starting,
      intervalUs: this.#intervalUs,
      groups: engine.records(peer),
      target: 0,
    };
  }

  /** The listener hears it, unless they are still being introduced. */
  #speak(speaker: Player, listener: Player, message: Outgoing, now: Instant): void {
    speaker.sequence++;
    const length = encodeControl(
      {
        ...message,
        cluster,
        sender: speaker.self,
        receiver: speaker.peer,
        path,
        senderBoot: speaker.self,
        echoBoot: speaker.freshness.echo,
        sequence: speaker.sequence,
      },
      this.#buffer,
    );
    const body = unseal(this.#buffer.subarray(0, seal(this.#buffer, length, this.#hmac)), [this.#hmac]);
    if (!body.ok) return;
    const heard = decodeControl(body.value);
    if (!heard.ok || listener.freshness.check(heard.value).verdict !== 'believed') return;
    feed(listener, { kind: 'message', path, message: heard.value }, now);
  }
}

function player(scene: Config, peer: number, now: Instant): Player {
  const { self } = scene;
  const config: EngineConfig = {
    ...scene,
    boot: self,
    peers: [{ id: peer, paths: [{ id: path, cable: true }] }],
  };
  return {
    engine: new Engine(config, { now, termCeiling: 1000, termFloor: 0 }),
    freshness: new Freshness({ self, peer, cluster, path, boot: self }),
    ...{ self, peer, sends: [], sequence: 0 },
  };
}

function feed({ engine, sends }: Player, event: Event, now: Instant): void {
  engine.handle(event, now);
  for (let effects = engine.takeEffects(); effects.length > 0; effects = engine.takeEffects()) {
    for (const effect of effects) {
      if (effect.kind === 'acquire') engine.handle({ kind: 'acquired', group: effect.group, ok: true }, now);
      else if (effect.kind === 'send') sends.push(effect);
    }
  }
}

function word({ engine }: Player, { type, group: scope, term, state, target, registration }: Send): Outgoing {
  return {
    ...{ type, flags: engine.flags, scope, term, state, intervalUs: 0, groups: [], target },
    ...(registration === undefined ? {} : { registration }),
  };
}
