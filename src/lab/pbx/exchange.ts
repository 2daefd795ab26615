/**
 * A small telephone exchange as a state machine: stations, calls, alarms and journals of what happened. What it says
 * depends on nothing but the commands and the time that it was given, in their order: two of them that are told the same are
 * the same. Calls and alarms are numbered by station, so that what it says of one station depends on the commands about that
 * one only. No I/O, no clock.
 */
import { Journal } from './journal.ts';

interface Station {
  readonly name: string;
  /** The call that it is in. */
  call?: string;
  inService: boolean;
  /** So many calls were made from it, and alarms raised. */
  calls: number;
  alarms: number;
}

interface Call {
  readonly from: string;
  readonly to: string;
  readonly startedMs: number;
}

/** One answer: done, or not done and why. */
export type Answer = `OK ${string}` | `NO ${string}`;

type Handler = (words: readonly string[], nowMs: number) => Answer;

export const extensionPattern: RegExp = /^[1-9]\d{2,4}$/;
const namePattern = /^[\p{L}\p{N} .'-]{1,32}$/u;

export class Exchange {
  readonly #stations = new Map<string, Station>();
  readonly #calls = new Map<string, Call>();
  /** Stations out of service. */
  readonly #alarms = new Set<string>();
  /** Of everything, and of each extension that was ever mentioned. */
  readonly #journal = new Journal('');
  readonly #histories = new Map<string, Journal>();
  #made = 0;
  readonly #handlers: Readonly<Record<string, Handler>> = {
    ADD: ([extension = '', ...name]) => this.#add(extension, name.join(' ')),
    REMOVE: ([extension = '']) => this.#remove(extension),
    SHOW: ([extension = '']) => this.#with(extension, (station) => `OK ${extension} ${describe(station)}`),
    OUT: ([extension = '']) => this.#out(extension),
    IN: ([extension = '']) => this.#in(extension),
    CALL: ([from = '', to = ''], nowMs) => this.#call(from, to, nowMs),
    HANGUP: ([call = ''], nowMs) => this.#hangUp(call, nowMs),
    ALARMS: () =>
      this.#alarms.size === 0 ? 'OK none' : `OK out of service: ${[...this.#alarms].join(', ')}`,
    STATUS: (_, nowMs) => this.#status(nowMs),
  };

  /** Everything that happens. */
  get journal(): Journal {
    return this.#journal;
  }

  /** What happens to one station, or would if there were one: from the first on. */
  history(extension: string): Journal {
    let history = this.#histories.get(extension);
    if (history === undefined) {
      history = new Journal(extension);
      this.#histories.set(extension, history);
    }
    return history;
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
    this.#stations.set(extension, { name, inService: true, calls: 0, alarms: 0 });
    this.#enter(extension, `STATION ${extension} added ${name}`);
    return `OK ${extension} added`;
  }

  #remove(extension: string): Answer {
    return this.#with(extension, (station) => {
      if (station.call !== undefined) return `NO ${extension} is in call ${station.call}`;
      this.#clear(extension, station);
      this.#stations.delete(extension);
      this.#enter(extension, `STATION ${extension} removed`);
      return `OK ${extension} removed`;
    });
  }

  #out(extension: string): Answer {
    return this.#with(extension, (station) => {
      if (!station.inService) return `NO ${extension} is out of service`;
      station.inService = false;
      station.alarms++;
      this.#alarms.add(extension);
      this.#enter(extension, `ALARM ${extension}-${station.alarms} out of service`);
      return `OK ${extension} out of service`;
    });
  }

  #in(extension: string): Answer {
    return this.#with(extension, (station) => {
      if (station.inService) return `NO ${extension} is in service`;
      station.inService = true;
      this.#clear(extension, station);
      return `OK ${extension} in service`;
    });
  }

  #clear(extension: string, { alarms }: Station): void {
    if (this.#alarms.delete(extension)) this.#enter(extension, `ALARM ${extension}-${alarms} cleared`);
  }

  /** A call that cannot be made is recorded as well: that is what records are for. */
  #call(from: string, to: string, nowMs: number): Answer {
    return this.#with(from, (caller) =>
      this.#with(to, (called) => {
        if (from === to || caller.call !== undefined) return `NO ${from} is busy`;
        if (!caller.inService) return `NO ${from} is out of service`;
        const call = `${from}-${++caller.calls}`;
        this.#made++;
        if (called.call !== undefined || !called.inService) {
          const why = called.inService ? 'busy' : 'out of service';
          this.#enter(from, `CALL ${call} ${to} ${why}`);
          return `NO call ${call}: ${to} is ${why}`;
        }
        this.#calls.set(call, { from, to, startedMs: nowMs });
        caller.call = call;
        called.call = call;
        return `OK call ${call} to ${to}`;
      }),
    );
  }

  #hangUp(number: string, nowMs: number): Answer {
    const call = this.#calls.get(number);
    if (call === undefined) return `NO call ${quote(number)} is not up`;
    this.#calls.delete(number);
    for (const extension of [call.from, call.to]) delete this.#stations.get(extension)?.call;
    this.#enter(call.from, `CALL ${number} ${call.to} answered ${nowMs - call.startedMs} ms`);
    return `OK call ${number} ended`;
  }

  #status(nowMs: number): Answer {
    const parts = [
      `${this.#stations.size} stations`,
      `${this.#calls.size} calls up`,
      `${this.#made} made`,
      `${this.#alarms.size} alarms`,
      `journal ${this.#journal.position}`,
      `up ${nowMs} ms`,
    ];
    return `OK ${parts.join(', ')}`;
  }

  #enter(extension: string, what: string): void {
    this.history(extension).enter(what);
    this.#journal.enter(what);
  }
}

function describe({ name, call, inService }: Station): string {
  const state = inService ? (call === undefined ? 'idle' : `in call ${call}`) : 'out of service';
  return `${name}: ${state}`;
}

/** What somebody typed, short and in one line. */
function quote(text: string): string {
  return `'${text.slice(0, 16)}'`;
}
