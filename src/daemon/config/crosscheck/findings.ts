/** What the cross checks share: the validated file, where to say what is wrong, and the names to suggest. */
import type { ConfigProblem } from '../../errors.ts';
import type { ConfigDocument, ConfigPath } from '../document.ts';
import type { ConfigFile } from '../format.ts';
import { nearest } from '../nearest.ts';
import { formatPath } from '../validate.ts';

export class Findings {
  readonly file: ConfigFile;
  readonly problems: ConfigProblem[] = [];
  readonly #document: ConfigDocument;

  constructor(file: ConfigFile, document: ConfigDocument) {
    this.file = file;
    this.#document = document;
  }

  /** `message` follows the path: "<path> <message>". */
  at(path: ConfigPath, message: string): void {
    this.problems.push(this.#document.problem(path, `${formatPath(path)} ${message}`));
  }

  /** The same, pointing at the key and not at its value. */
  atKey(path: ConfigPath, message: string): void {
    this.problems.push(this.#document.keyProblem(path, `${formatPath(path)} ${message}`));
  }

  /** Whether `name` is a member; says so where it is not. `key`: the name is the last step of the path. */
  isMember(name: string, path: ConfigPath, key: boolean): boolean {
    const members = Object.keys(this.file.members);
    if (members.includes(name)) return true;
    const meant = nearest(name, members);
    const hint = meant === undefined ? `the members are ${members.join(', ')}` : `did you mean ${meant}?`;
    const message = key
      ? `names a member that does not exist: ${hint}`
      : `is ${JSON.stringify(name)}, which is not a member: ${hint}`;
    if (key) this.atKey(path, message);
    else this.at(path, message);
    return false;
  }

  /** Whether the path's value stands in the file, or is a default. */
  isWritten(path: ConfigPath): boolean {
    return this.#document.has(path);
  }
}
