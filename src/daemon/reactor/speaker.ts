/** Control datagrams as the engine asks for them, out through the paths that have carrier. */
import type { Effect } from '../../engine/effect.ts';
import type { Engine } from '../../engine/engine.ts';
import {
  ControlType,
  MemberState,
  type NodeId,
  noTerm,
  type PathId,
  RegistrationCode,
  registrationCodeNames,
} from '../../wire/control/message.ts';
import type { Paths } from './paths.ts';

export class Speaker {
  readonly #engine: Engine;
  readonly #paths: Paths;

  constructor(engine: Engine, paths: Paths) {
    this.#engine = engine;
    this.#paths = paths;
  }

  /** The heartbeat: the state of every group that the peer shares. */
  beat(peer: NodeId, pathId: PathId, intervalUs: number): void {
    const path = this.#paths.find(peer, pathId);
    if (path === undefined || !path.carrier) return;
    this.#paths.send(path, {
      type: ControlType.heartbeat,
      flags: this.#engine.flags,
      scope: 0,
      term: noTerm,
      state: MemberState.starting,
      intervalUs,
      groups: this.#engine.records(peer),
      target: 0,
    });
  }

  /** Everything else, on all paths to the peer. */
  send(effect: Extract<Effect, { kind: 'send' }>): void {
    const { type, peer, group, term, state, target, registration, promise } = effect;
    if (type === ControlType.registered && registration?.code !== RegistrationCode.accepted) {
      this.#paths.count(`registration.${registrationCodeNames.get(registration?.code ?? -1)}`);
    }
    const message = {
      type,
      flags: this.#engine.flags,
      scope: group,
      term,
      state,
      intervalUs: 0,
      groups: [],
      target,
      ...(registration === undefined ? {} : { registration }),
      ...(promise === undefined ? {} : { promise }),
    };
    for (const path of this.#paths.all) {
      if (path.link.peer === peer && path.carrier) this.#paths.send(path, message);
    }
  }
}
