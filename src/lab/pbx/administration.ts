/** A session with answers, as a person at a terminal has it: station administration, and calls. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Chronicle } from './chronicle.ts';
import type { Dialogue } from './dialogue.ts';
import { difference, nowUs, type SessionLog } from './session-log.ts';

/** Between two commands, milliseconds: a typist's, and a machine's. */
const typingMs = 80;
const diallingMs = 5;
const stationsMax = 10;
const names = [
  'Hedda',
  'Thea',
  'Ejlert',
  'Juliane',
  'Berte',
  'Jørgen',
  'Nora',
  'Torvald',
  'Kristine',
  'Nils',
];

/** A session in which every answer is known beforehand. */
class Answers {
  readonly #dialogue: Dialogue;
  readonly #log: SessionLog;
  readonly #chronicle: Chronicle | undefined;
  #count = 0;

  /** `chronicle`: where commands and answers are told. */
  constructor(dialogue: Dialogue, log: SessionLog, chronicle?: Chronicle) {
    this.#dialogue = dialogue;
    this.#log = log;
    this.#chronicle = chronicle;
  }

  /** Resolves to the answer, which must be `expected`. */
  async ask(command: string, expected: string): Promise<string> {
    const atUs = nowUs();
    this.#log.await();
    this.#dialogue.say(command);
    try {
      const line = await this.#dialogue.line();
      const answer = line.slice(line.indexOf(' ') + 1);
      const right = Buffer.from(`${++this.#count} ${expected}\n`);
      const heard = Buffer.from(`${line}\n`);
      const waitUs = this.#log.hear(heard.length, difference(heard, right));
      this.#chronicle?.tell({ atUs, waitUs, command, answer });
      return answer;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#chronicle?.tell({ atUs, waitUs: nowUs() - atUs, command, answer: null, why });
      throw error;
    }
  }

  /** Says goodbye and awaits the end. */
  async quit(): Promise<void> {
    await this.ask('QUIT', 'OK goodbye');
    await this.#dialogue.ended();
  }
}

/**
 * Adds stations from extension `base` on, takes one out of service and in again, removes the oldest, and looks each time. Tells
 * the chronicle what the exchange confirmed; with `aloud`, every line.
 */
export async function administer(
  dialogue: Dialogue,
  log: SessionLog,
  o: {
    readonly base: number;
    readonly chronicle: Chronicle;
    readonly aloud: boolean;
    readonly stop: AbortSignal;
  },
): Promise<void> {
  const { base, chronicle, stop } = o;
  const session = new Answers(dialogue, log, o.aloud ? chronicle : undefined);
  const ask = async (command: string, expected: string): Promise<void> => {
    await session.ask(command, expected);
    await delay(typingMs, undefined, { signal: stop }).catch(() => undefined);
  };
  for (let index = 0; !stop.aborted; index++) {
    const extension = String(base + (index % (2 * stationsMax)));
    const name = names[index % names.length] ?? '';
    await ask(`ADD ${extension} ${name}`, `OK ${extension} added`);
    chronicle.confirm(extension, `STATION ${extension} added ${name}`);
    if (o.aloud) chronicle.newest = extension;
    await ask(`OUT ${extension}`, `OK ${extension} out of service`);
    await ask(`SHOW ${extension}`, `OK ${extension} ${name}: out of service`);
    await ask(`IN ${extension}`, `OK ${extension} in service`);
    if (index < stationsMax) continue;
    const oldest = String(base + ((index - stationsMax) % (2 * stationsMax)));
    await ask(`REMOVE ${oldest}`, `OK ${oldest} removed`);
    chronicle.confirm(oldest, `STATION ${oldest} removed`);
  }
  await session.quit();
}

/** A new session after a lost one: whether the exchange that answers knows the station that was added last. */
export async function lookAgain(dialogue: Dialogue, chronicle: Chronicle): Promise<void> {
  const command = `SHOW ${chronicle.newest}`;
  const atUs = nowUs();
  dialogue.say(command);
  const line = await dialogue.line();
  const answer = line.slice(line.indexOf(' ') + 1);
  chronicle.tell({ atUs, waitUs: nowUs() - atUs, command: `(anew) ${command}`, answer });
}

/** Places calls between two stations of its own, `base` and the next extension, one after the other. */
export async function placeCalls(
  dialogue: Dialogue,
  log: SessionLog,
  o: { readonly base: number; readonly chronicle: Chronicle; readonly stop: AbortSignal },
): Promise<void> {
  const { base, chronicle, stop } = o;
  const session = new Answers(dialogue, log);
  const [from, to] = [String(base), String(base + 1)];
  for (const extension of [from, to]) await session.ask(`ADD ${extension} line`, `OK ${extension} added`);
  for (let count = 1; !stop.aborted; count++) {
    const call = `${from}-${count}`;
    await session.ask(`CALL ${from} ${to}`, `OK call ${call} to ${to}`);
    await session.ask(`SHOW ${to}`, `OK ${to} line: in call ${call}`);
    await session.ask(`HANGUP ${call}`, `OK call ${call} ended`);
    chronicle.confirm(from, `CALL ${call} ${to} answered `);
    await delay(diallingMs, undefined, { signal: stop }).catch(() => undefined);
  }
  await session.quit();
}
