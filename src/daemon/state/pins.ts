/**
 * Which groups an operator has pinned this member's role in (`understudy maintenance`), by name, so that it survives a
 * restart: the file `maintenance` in the state directory, a line each. Without the file nothing is pinned.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PinnedRole } from '../../engine/pin.ts';
import { systemReason } from '../errors.ts';
import { openRecord, replaceFile, sealRecord, unusable } from './record.ts';

const name = 'maintenance';
const heading = 'understudy maintenance 1\n';

export interface PinsFound {
  readonly roles: ReadonlyMap<string, PinnedRole>;
  /** Where it was pinned cannot be read any more: the path of the file. */
  readonly damaged: string | undefined;
}

export class Pins {
  readonly #directory: string;
  readonly #roles = new Map<string, PinnedRole>();
  #writing: Promise<void> = Promise.resolve();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** What earlier lives left; of groups that are no longer there, nothing is kept. @throws StateError */
  read(groups: readonly string[]): PinsFound {
    const path = join(this.#directory, name);
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      if (systemReason(error) === 'ENOENT') return { roles: this.#roles, damaged: undefined };
      throw unusable(this.#directory, 'read', error);
    }
    const body = openRecord(text);
    if (body?.startsWith(heading) !== true) return { roles: this.#roles, damaged: path };
    for (const line of body.slice(heading.length).split('\n')) {
      const [role, group = ''] = line.split(' ');
      if ((role === 'active' || role === 'standby') && groups.includes(group)) this.#roles.set(group, role);
    }
    return { roles: this.#roles, damaged: undefined };
  }

  /** Null: not pinned any more. Resolves when the disk has it; rejects with StateError. */
  set(group: string, role: PinnedRole | null): Promise<void> {
    if (role === null) this.#roles.delete(group);
    else this.#roles.set(group, role);
    const lines = [...this.#roles].map(([each, pinned]) => `${pinned} ${each}\n`);
    const written = this.#writing.then(() => this.#write(sealRecord(`${heading}${lines.join('')}`)));
    this.#writing = written.catch(() => undefined);
    return written;
  }

  async #write(text: string): Promise<void> {
    try {
      await replaceFile(this.#directory, name, text);
    } catch (error) {
      throw unusable(this.#directory, 'written', error);
    }
  }
}
