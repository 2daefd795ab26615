/** Two engines on one clock that hear each other without loss or delay: lives end and begin, roles move by themselves. */
import type { EngineConfig } from '../../src/engine/config.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { Event } from '../../src/engine/event.ts';
import { instant, later } from '../../src/engine/time.ts';
import {
  type ControlMessage,
  ControlType,
  MemberState,
  type NodeId,
  noTerm,
} from '../../src/wire/control/message.ts';

const path = 1;

export class Pair {
  now = instant(1_000_000);
  /** Every activation, in order. */
  readonly activations: NodeId[] = [];
  readonly #configs: ReadonlyMap<NodeId, EngineConfig>;
  readonly #lives = new Map<NodeId, { readonly engine: Engine; readonly boot: number }>();
  readonly #inbox: ControlMessage[] = [];
  #boots = 0;

  constructor(...configs: readonly [EngineConfig, EngineConfig]) {
    this.#configs = new Map(configs.map((config) => [config.self, config]));
  }

  start(id: NodeId): void {
    const config = this.#configs.get(id);
    if (config === undefined) throw new RangeError(`there is no member ${id}`);
    this.#boots++;
    const boot = this.#boots;
    const engine = new Engine({ ...config, boot }, { now: this.now, termCeiling: 1e6, termFloor: 0 });
    this.#lives.set(id, { engine, boot });
  }

  /** Its process dies; the other hears of it by the end of the tether. */
  kill(id: NodeId): void {
    this.#lives.delete(id);
    for (const [other, { engine }] of this.#lives) {
      engine.handle({ kind: 'tether', peer: id, path, up: false, proof: true }, this.now);
      this.#turn(other);
    }
  }

  give(id: NodeId, event: Event): void {
    this.#lives.get(id)?.engine.handle(event, this.now);
    this.#turn(id);
  }

  state(id: NodeId): string {
    return this.#lives.get(id)?.engine.snapshot().groups[0]?.state ?? 'dead';
  }

  pass(us: number): void {
    const end = later(this.now, us);
    while (this.now < end) {
      const deadlines = [...this.#lives.values()].map(({ engine }) => engine.nextDeadline() ?? end);
      this.now = instant(Math.max(this.now, Math.min(end, ...deadlines)));
      for (const id of this.#lives.keys()) this.#turn(id);
      for (let message = this.#inbox.shift(); message !== undefined; message = this.#inbox.shift()) {
        this.#lives.get(message.receiver)?.engine.handle({ kind: 'message', path, message }, this.now);
        if (this.#lives.has(message.receiver)) this.#turn(message.receiver);
      }
    }
  }

  #turn(id: NodeId): void {
    const { engine } = this.#lives.get(id) ?? {};
    engine?.handle({ kind: 'turn', lateUs: 0 }, this.now);
    engine?.handle({ kind: 'drained' }, this.now);
    if (engine !== undefined) this.#collect(id, engine);
  }

  #collect(id: NodeId, engine: Engine): void {
    for (let effects = engine.takeEffects(); effects.length > 0; effects = engine.takeEffects()) {
      for (const effect of effects) {
        if (effect.kind === 'acquire') {
          this.activations.push(id);
          engine.handle({ kind: 'acquired', group: effect.group, ok: true }, this.now);
        } else if (effect.kind === 'beat') {
          this.#send(id, effect.peer, { groups: engine.records(effect.peer) });
        } else if (effect.kind === 'send') {
          const { peer, type, group: scope, term, state, target } = effect;
          this.#send(id, peer, { type, scope, term, state, target });
        }
      }
    }
  }

  #send(sender: NodeId, receiver: NodeId, said: Partial<ControlMessage>): void {
    const { engine, boot = 0 } = this.#lives.get(sender) ?? {};
    this.#inbox.push({
      type: ControlType.heartbeat,
      flags: engine?.flags ?? 0,
      cluster: 1,
      sender,
      receiver,
      path,
      senderBoot: boot,
      echoBoot: this.#lives.get(receiver)?.boot ?? 0,
      sequence: 1,
      scope: 0,
      term: noTerm,
      state: MemberState.starting,
      intervalUs: this.#configs.get(sender)?.heartbeatIntervalUs ?? 0,
      groups: [],
      target: 0,
      ...said,
    });
  }
}
