/** A proxy, played: its members register, and everybody says again what it last said. */
import type { EngineConfig } from '../../src/engine/config.ts';
import { ControlType } from '../../src/wire/control/message.ts';
import { idle, proxyConfig } from './proxied.ts';
import { active, Rehearsal, standby, type Word } from './rehearsal.ts';

export const waitingRoom = 300_000;
export const stragglers = 200_000;

export const stateOf = (play: Rehearsal) => play.engine.snapshot().proxied[0]?.state;
export const recordTo = (play: Rehearsal, peer: number) => play.engine.records(peer)[0];

export function register(
  play: Rehearsal,
  member: number,
  word: Word,
  identification: number,
  lifetimeMs = 300,
): void {
  play.tells(member, ControlType.register, { ...word, registration: { identification, lifetimeMs } });
}

/** A proxy that has heard everybody, with its members registered as standing by under term `counter`.1. */
export function ready(config: EngineConfig, counter = 0): Rehearsal {
  const play = new Rehearsal(config);
  const members = config.proxied[0]?.members ?? [];
  for (const { id } of config.peers) {
    const isMember = members.includes(id) || id < 10;
    play.says(id, isMember ? standby(counter, 1) : idle(counter, 1));
  }
  for (const id of members) register(play, id, standby(counter, 1), 1);
  play.drained();
  play.take();
  return play;
}

/** Serves member 1 by term 5.1; the other one stands by. */
export function servingOne(config: EngineConfig = proxyConfig()): Rehearsal {
  const play = ready(config, 4);
  register(play, 1, active(5, 1), 2);
  settle(play)();
  play.drained();
  play.take();
  return play;
}

/** Everybody says what it last said, or what is given here. */
export function settle(play: Rehearsal, others: Readonly<Record<number, Word | undefined>> = {}): () => void {
  return () => {
    for (const { id } of play.config.peers) {
      const usual = id === 1 ? active(5, 1) : id > 10 ? idle(5, 1) : standby(5, 1);
      const word = id in others ? others[id] : usual;
      if (word !== undefined) play.says(id, word);
    }
  };
}
