/**
 * The wall clock of a single daemon (libfaketime): it can be stepped while the daemon runs, and nobody else's is touched.
 * A step of the kernel's own clock would be the whole machine's: there are no namespaces for it.
 */
import { globSync, readFileSync, realpathSync, renameSync, writeFileSync } from 'node:fs';

/** Where distributions put it; the variant for programs with threads. */
const places = '/usr/lib{,64}/{,*/}faketime/libfaketimeMT.so.1';

/** Path of the library; undefined where it is missing. */
export function fakeClockLibrary(): string | undefined {
  return globSync(places)[0];
}

export class WallClock {
  readonly #file: string;
  readonly #library: string;

  /** `file`: where the offset stands. Throws, with the remedy, when the library is missing. */
  constructor(file: string) {
    const library = fakeClockLibrary();
    if (library === undefined)
      throw new Error('a step of one daemon’s wall clock needs libfaketime; apt install libfaketime');
    this.#file = file;
    this.#library = library;
    this.set(0);
  }

  /** What the daemon is started with. Only the wall clock is false: the monotonic one must be the machine's. */
  get environment(): Readonly<Record<string, string>> {
    return {
      LD_PRELOAD: this.#library,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
    };
  }

  /** Whether the process was started with it. */
  isWornBy(pid: number): boolean {
    return readFileSync(`/proc/${pid}/maps`, 'utf8').includes(realpathSync(this.#library));
  }

  /** From now on the daemon's wall clock is so many seconds ahead of the machine's. */
  set(aheadS: number): void {
    const next = `${this.#file}.new`;
    writeFileSync(next, `${aheadS < 0 ? '-' : '+'}${Math.abs(aheadS)}\n`);
    renameSync(next, this.#file);
  }
}
