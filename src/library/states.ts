/** All kinds of state of a program, as one: what changed on the active side, and what came on the standby. */
import type { MirrorRecord } from '../mirror/backlog.ts';
import type { SinkEvent } from '../mirror/sink.ts';
import type { MirroredState } from './channel.ts';
import { MirrorError } from './errors.ts';

export class States {
  readonly #all: MirroredState[] = [];

  /** In the order in which they were added: a record's channel is the place in it. */
  get all(): readonly MirroredState[] {
    return this.#all;
  }

  add<State extends MirroredState>(state: State): State {
    if (this.#all.some(({ name }) => name === state.name)) {
      throw new MirrorError('badOption', `there are two states of the name ${state.name}`);
    }
    this.#all.push(state);
    return state;
  }

  changes(): MirrorRecord[] {
    return this.#all.flatMap((state, channel) =>
      state.dirty ? state.changes().map((bytes) => ({ channel, bytes })) : [],
    );
  }

  keep(): void {
    for (const state of this.#all) state.keep();
  }

  rollback(): void {
    for (const state of this.#all) state.rollback();
  }

  /** Standby. Returns which channels are not known here. Throws when a record is not what its state can take. */
  apply(event: SinkEvent): readonly string[] {
    switch (event.kind) {
      case 'begin':
        for (const state of this.#all) state.begin();
        return event.channels.filter((channel) => this.#find(channel) === undefined);
      case 'chunk':
        this.#find(event.channel)?.apply(event.bytes);
        break;
      case 'commit':
        for (const { channel, bytes } of event.records) this.#find(channel)?.apply(bytes);
        break;
      case 'end':
        for (const state of this.#all) state.replace();
        break;
      case 'abort':
        for (const state of this.#all) state.abandon();
        break;
      default:
        break;
    }
    return [];
  }

  #find(name: string): MirroredState | undefined {
    return this.#all.find((state) => state.name === name);
  }
}
