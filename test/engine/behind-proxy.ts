/** Members behind proxies, played: what they register is read, and answered as their proxy would. */
import type { EngineConfig } from '../../src/engine/config.ts';
import { ControlType, MemberState, RegistrationCode } from '../../src/wire/control/message.ts';
import { idle, memberConfig, serving } from './proxied.ts';
import { active, Rehearsal, standby, type Word } from './rehearsal.ts';

export const lifetime = 300_000;
const accepted = RegistrationCode.accepted;

/** The proxy's answer to the last request. */
export function answers(play: Rehearsal, word: Word & { code?: RegistrationCode } = {}): void {
  const identification = requests.get(play) ?? 0;
  play.tells(play.config.groups[0]?.proxy || 0, ControlType.registered, {
    ...word,
    registration: { identification, code: word.code ?? accepted },
  });
}

/** How many requests each member has put, its number is the last one's identification. */
export const requests = new WeakMap<Rehearsal, number>();
export const isRequest = (line: string): boolean => line.startsWith('send register');

/** Reads what was said, and answers for the proxy when something was to be registered. */
export function heard(play: Rehearsal): string[] {
  const lines = play.take();
  let previous = '';
  for (const line of lines) {
    // The same request said again keeps its number.
    if (isRequest(line) && line !== previous) requests.set(play, (requests.get(play) ?? 0) + 1);
    if (isRequest(line)) previous = line;
  }
  return lines;
}

/** Member 2 standing by under member 1's term 5, registered with proxy 12; nothing pending. */
export function standingBy(config: EngineConfig = memberConfig(2)): Rehearsal {
  const play = new Rehearsal(config);
  play.says(1, active(5, 1));
  play.says(12, idle(5, 1));
  play.drained();
  heard(play);
  answers(play);
  play.drained();
  heard(play);
  answers(play);
  play.take();
  return play;
}

/** Member 1 active with term 1 and registered so with proxy 11, which serves it; member 2 stands by. */
export function serving1(config: EngineConfig = memberConfig(1)): Rehearsal {
  const play = new Rehearsal(config);
  play.says(2, { state: MemberState.starting });
  play.says(11, idle());
  play.drained();
  heard(play);
  answers(play);
  play.drained();
  heard(play);
  answers(play);
  round(play)();
  play.drained();
  play.take();
  return play;
}

export const round =
  (play: Rehearsal, others: Readonly<Record<number, Word>> = {}): (() => void) =>
  () => {
    for (const [id, word] of Object.entries({ 2: standby(1, 1), 11: serving(1, 1), ...others }))
      if (word.state !== undefined) play.says(Number(id), word);
  };
export const silent: Word = {};
