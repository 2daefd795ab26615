/** A small disk of one daemon's own for its state, which can be full or read-only: a tmpfs, gone with the lab. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type DiskState = 'well' | 'full' | 'readOnly';

const sizeKib = 64;
/** A disk is not made read-only while a file on it is being written. */
const attemptsMax = 100;

export class Disk {
  readonly #path: string;
  readonly #filler: string;

  /** Needs a mount namespace of the lab's own. */
  constructor(path: string) {
    this.#path = path;
    this.#filler = join(path, 'filler');
    mkdirSync(path, { recursive: true, mode: 0o700 });
    run('mount', ['-t', 'tmpfs', '-o', `size=${sizeKib}k,mode=700`, 'understudy-state', path]);
  }

  become(state: DiskState): void {
    this.#remount(state === 'readOnly' ? 'ro' : 'rw');
    if (state === 'full') this.#fill();
    else if (state === 'well') rmSync(this.#filler, { force: true });
  }

  /** Takes it away; nobody may use it any more. */
  close(): void {
    run('umount', [this.#path]);
  }

  #fill(): void {
    try {
      writeFileSync(this.#filler, Buffer.alloc(2 * sizeKib * 1024));
      throw new Error(`${this.#path} took more than it has room for`);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
    }
  }

  /** In a mount namespace of its own: the disk changes, and no flag of a mount that later daemons would inherit. */
  #remount(mode: 'ro' | 'rw'): void {
    for (let attempt = 1; ; attempt++) {
      try {
        return run('unshare', ['--mount', 'mount', '-o', `remount,${mode}`, this.#path]);
      } catch (error) {
        if (attempt === attemptsMax) throw error;
      }
    }
  }
}

function run(command: string, args: readonly string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
