/**
 * Before the curtain: two engines talk to each other through codec, seal and freshness on a clock that only exists
 * here, until the runtime has compiled what a takeover needs and has collected what compiling left behind. Without it
 * the first seconds of a member's life hold pauses of 10 to 40 ms, and its peer takes them for its death.
 */
import type { EngineConfig } from '../../engine/config.ts';
import { Engine } from '../../engine/engine.ts';
import type { Event } from '../../engine/event.ts';
import { type Instant, instant, later } from '../../engine/time.ts';
import { controlLengthMax, decodeControl, encodeControl } from '../../wire/control/codec.ts';
import { Freshness } from '../../wire/control/freshness.ts';
import { ControlType, MemberState, noTerm } from '../../wire/control/message.ts';
import { type Hmac, seal, sealLength, unseal } from '../../wire/control/seal.ts';

/** Enough for the optimizing compiler to have seen every function of a quiet life several thousand times. */
const rounds = 6000;
const cluster = 1;
const path = 1;

interface Player {
  readonly engine: Engine;
  readonly freshness: Freshness;
  readonly self: number;
  readonly peer: number;
  sequence: number;
}

/** Takes some hundred milliseconds and leaves nothing behind. `config` gives intervals and groups their real size. */
export function rehearse(config: Omit<EngineConfig, 'boot'>, hmac: Hmac): void {
  let now = instant(1_000_000);
  const buffer = new Uint8Array(controlLengthMax + sealLength);
  const players = [player(config, 1, 2, now), player(config, 2, 1, now)] as const;
  for (let round = 0; round < rounds; round++) {
    now = later(now, config.heartbeatIntervalUs);
    for (const [index, speaker] of players.entries()) {
      const listener = players[1 - index];
      if (listener === undefined) continue;
      feed(speaker, { kind: 'turn', lateUs: round % 50 }, now);
      feed(speaker, { kind: 'drained' }, now);
      const event = heard(speaker, listener, config.heartbeatIntervalUs, buffer, hmac);
      if (event !== undefined) feed(listener, event, now);
    }
  }
  // Present when the program was started with --expose-gc, as `understudy run` does.
  (globalThis as { gc?: () => void }).gc?.();
}

function player(config: Omit<EngineConfig, 'boot'>, self: number, peer: number, now: Instant): Player {
  const members = [
    { id: 1, priority: 200 },
    { id: 2, priority: 100 },
  ];
  const scene: EngineConfig = {
    ...config,
    self,
    boot: self,
    peers: [{ id: peer, paths: [{ id: path, cable: true }] }],
    groups: config.groups.map((group) => ({ ...group, members })),
  };
  const engine = new Engine(scene, { now, termCeiling: 1000, termFloor: 0 });
  return {
    engine,
    freshness: new Freshness({ self, peer, cluster, path, boot: self }),
    self,
    peer,
    sequence: 0,
  };
}

function feed({ engine }: Player, event: Event, now: Instant): void {
  engine.handle(event, now);
  for (let effects = engine.takeEffects(); effects.length > 0; effects = engine.takeEffects()) {
    for (const effect of effects) {
      if (effect.kind === 'acquire') engine.handle({ kind: 'acquired', group: effect.group, ok: true }, now);
    }
  }
}

/** The speaker's heartbeat as the listener hears it, undefined while they are being introduced. */
function heard(
  speaker: Player,
  listener: Player,
  intervalUs: number,
  buffer: Uint8Array,
  hmac: Hmac,
): Event | undefined {
  speaker.sequence++;
  const length = encodeControl(
    {
      type: ControlType.heartbeat,
      flags: speaker.engine.flags,
      cluster,
      sender: speaker.self,
      receiver: speaker.peer,
      path,
      senderBoot: speaker.self,
      echoBoot: speaker.freshness.echo,
      sequence: speaker.sequence,
      scope: 0,
      term: noTerm,
      state: MemberState.starting,
      intervalUs,
      groups: speaker.engine.records(speaker.peer),
      target: 0,
    },
    buffer,
  );
  const body = unseal(buffer.subarray(0, seal(buffer, length, hmac)), [hmac]);
  if (!body.ok) return undefined;
  const message = decodeControl(body.value);
  if (!message.ok || listener.freshness.check(message.value).verdict !== 'believed') return undefined;
  return { kind: 'message', path, message: message.value };
}
