/**
 * A small telephone exchange as a state machine: stations, calls, alarms and a journal of what happened. What it says
 * depends on nothing but the commands and the time that it was given, in their order: two of them that are told the same are
 * the same. No I/O, no clock.
 */
import { checksum } from './checksum.ts';

interface Station {
  readonly name: string;
  /** The call that it is in. */
  call?: number;
  inService: boolean;
}

interface Call {
  readonly from: string;
  readonly to: string;
  readonly startedMs: number;
}

/** One answer: done, or not done and why. */
export type Answer = `OK ${string}` | `NO ${string}`;

type Handler = (words: readonly string[], nowMs: number) => Answer;

const extensionPattern = /^[1-9]\d{2,4}$/;
const namePattern = /^[\p{L}\p{N} .'-]{1,32}$/u;
/** Of an exchange that nobody has told anything. */
const seed = checksum(0, 'understudy');

export class Exchange {
  readonly #stations = new Map<string, Station>();
  readonly #calls = new Map<number, Call>();
  /** Number of the alarm, by the extension out of service. */
  readonly #alarms = new Map<string, number>();
  readonly #subscribers = new Set<(line: string) => void>();
  #lastCall = 0;
  #lastAlarm = 0;
  #entries = 0;
  #chain: number = seed;
  readonly #handlers: Readonly<Record<string, Handler>> = {
    ADD: ([extension = '', ...name]) => this.#add(extension, name.join(' ')),
    REMOVE: ([extension = '']) => this.#remove(extension),
    SHOW: ([extension = '']) => this.#with(extension, (station) => `OK ${extension} ${describe(station)}`),
    OUT: ([extension = '']) => this.#out(extension),
    IN: ([extension = '']) => this.#in(extension),
    CALL: ([from = '', to = ''], nowMs) => this.#call(from, to, nowMs),
    HANGUP: ([call = ''], nowMs) => this.#hangUp(call, nowMs),
    ALARMS: () => this.#listAlarms(),
    STATUS: (_, nowMs) => this.#status(nowMs),
  };

  /** Number of the newest entry in the journal; 0 when there is none. */
  get entries(): number {
    return this.#entries;
  }

  /** Of the whole journal so far, as in its newest entry. */
  get chain(): string {
    return hex(this.#chain);
  }

  /** Calls `hear` with every further line of the journal; the returned function ends that. */
  subscribe(hear: (line: string) => void): () => void {
    this.#subscribers.add(hear);
    return () => this.#subscribers.delete(hear);
  }

  /** `nowMs`: whole milliseconds since the exchange was first started, never less than before. */
  execute(command: string, nowMs: number): Answer {
    const [verb = '', ...words] = command.split(' ');
    const handler = Object.hasOwn(this.#handlers, verb) ? this.#handlers[verb] : undefined;
    return handler === undefined ? `NO ${quote(verb)} is no command` : handler(words, nowMs);
  }

  #with(extension: string, work: (station: Station) => Answer): Answer {
    const station = this.#stations.get(extension);
    return station === undefined ? `NO ${quote(extension)} is unknown` : work(station);
  }

  #add(extension: string, name: string): Answer {
    if (!extensionPattern.test(extension)) return `NO ${quote(extension)} is no extension`;
    if (!namePattern.test(name)) return `NO ${extension} needs a name`;
    if (this.#stations.has(extension)) return `NO ${extension} exists`;
    this.#stations.set(extension, { name, inService: true });
    this.#enter(`STATION ${extension} added ${name}`);
    return `OK ${extension} added`;
  }

  #remove(extension: string): Answer {
    return this.#with(extension, ({ call }) => {
      if (call !== undefined) return `NO ${extension} is in call ${call}`;
      this.#clear(extension);
      this.#stations.delete(extension);
      this.#enter(`STATION ${extension} removed`);
      return `OK ${extension} removed`;
    });
  }

  #out(extension: string): Answer {
    return this.#with(extension, (station) => {
      if (!station.inService) return `NO ${extension} is out of service`;
      station.inService = false;
      const alarm = ++this.#lastAlarm;
      this.#alarms.set(extension, alarm);
      this.#enter(`ALARM ${alarm} ${extension} out of service`);
      return `OK ${extension} out of service`;
    });
  }

  #in(extension: string): Answer {
    return this.#with(extension, (station) => {
      if (station.inService) return `NO ${extension} is in service`;
      station.inService = true;
      this.#clear(extension);
      return `OK ${extension} in service`;
    });
  }

  #clear(extension: string): void {
    const alarm = this.#alarms.get(extension);
    if (alarm === undefined) return;
    this.#alarms.delete(extension);
    this.#enter(`ALARM ${alarm} ${extension} cleared`);
  }

  /** A call that cannot be made is recorded as well: that is what records are for. */
  #call(from: string, to: string, nowMs: number): Answer {
    return this.#with(from, (caller) =>
      this.#with(to, (called) => {
        if (from === to || caller.call !== undefined) return `NO ${from} is busy`;
        if (!caller.inService) return `NO ${from} is out of service`;
        const number = ++this.#lastCall;
        if (called.call !== undefined || !called.inService) {
          this.#enter(`CALL ${number} ${from} ${to} ${called.inService ? 'busy' : 'unreachable'}`);
          return `NO call ${number}: ${to} is ${called.inService ? 'busy' : 'out of service'}`;
        }
        this.#calls.set(number, { from, to, startedMs: nowMs });
        caller.call = number;
        called.call = number;
        return `OK call ${number} from ${from} to ${to}`;
      }),
    );
  }

  #hangUp(text: string, nowMs: number): Answer {
    const number = Number(text);
    const call = this.#calls.get(number);
    if (call === undefined || String(number) !== text) return `NO call ${quote(text)} is not up`;
    this.#calls.delete(number);
    for (const extension of [call.from, call.to]) delete this.#stations.get(extension)?.call;
    this.#enter(`CALL ${number} ${call.from} ${call.to} answered ${nowMs - call.startedMs} ms`);
    return `OK call ${number} ended`;
  }

  #listAlarms(): Answer {
    const alarms = [...this.#alarms].map(([extension, alarm]) => `${alarm} ${extension}`);
    return alarms.length === 0 ? 'OK no alarms' : `OK ${alarms.length} alarms: ${alarms.join(', ')}`;
  }

  #status(nowMs: number): Answer {
    const parts = [
      `${this.#stations.size} stations`,
      `${this.#calls.size} calls up`,
      `${this.#lastCall} made`,
      `${this.#alarms.size} alarms`,
      `journal ${this.#entries} ${hex(this.#chain)}`,
      `up ${nowMs} ms`,
    ];
    return `OK ${parts.join(', ')}`;
  }

  #enter(what: string): void {
    const entry = `${++this.#entries} ${what}`;
    this.#chain = checksum(this.#chain, entry);
    for (const hear of this.#subscribers) hear(`${entry} ${hex(this.#chain)}`);
  }
}

/**
 * Whether `line` of the journal follows an entry with checksum `chain` (8 hexadecimal digits) and number `number`: nothing
 * is missing between the two, and nothing was changed.
 */
export function follows(line: string, number: number, chain: string): boolean {
  const cut = line.lastIndexOf(' ');
  const entry = line.slice(0, cut);
  if (!entry.startsWith(`${number + 1} `)) return false;
  return hex(checksum(Number.parseInt(chain, 16), entry)) === line.slice(cut + 1);
}

function describe({ name, call, inService }: Station): string {
  const state = inService ? (call === undefined ? 'idle' : `in call ${call}`) : 'out of service';
  return `${name}: ${state}`;
}

/** What somebody typed, short and in one line. */
function quote(text: string): string {
  return `'${text.slice(0, 16)}'`;
}

function hex(chain: number): string {
  return chain.toString(16).padStart(8, '0');
}
