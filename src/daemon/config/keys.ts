/** The cluster's keys, from wherever the file says. A key never appears in a message. */
import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type ConfigProblem, systemWords } from '../errors.ts';
import type { ConfigDocument } from './document.ts';
import type { ConfigFile } from './format.ts';

export type Keys =
  | { readonly ok: true; readonly keys: readonly string[]; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** Reads `keyFile` (relative to the configuration's directory) where the file names one. */
export function readKeys(file: ConfigFile, document: ConfigDocument): Keys {
  if (file.keyFile === undefined) {
    const keys = file.keys ?? (file.key === undefined ? [] : [file.key]);
    return { ok: true, keys, warnings: readableByOthers(document.file) };
  }
  const path = resolve(dirname(document.file), file.keyFile);
  const wrong = (what: string): Keys => ({
    ok: false,
    problems: [document.problem(['keyFile'], `keyFile is ${file.keyFile}: ${what}`)],
  });
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    return wrong(`cannot be read (${systemWords(error)}); it must hold 64 hexadecimal digits a line`);
  }
  const keys = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (keys.length === 0)
    return wrong('is empty; it must hold 64 hexadecimal digits a line, the signing one first');
  const bad = keys.findIndex((key) => !/^[0-9A-Fa-f]{64}$/.test(key));
  if (bad >= 0) {
    return wrong(`its key ${bad + 1} has ${keys[bad]?.length} characters; must be 64 hexadecimal digits`);
  }
  return { ok: true, keys, warnings: readableByOthers(path) };
}

function readableByOthers(path: string): string[] {
  const mode = statSync(path, { throwIfNoEntry: false })?.mode ?? 0;
  if ((mode & 0o044) === 0) return [];
  return [`${path} holds a key and others can read it; chmod 600 ${path}`];
}
