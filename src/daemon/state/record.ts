/** Small files of the state directory: each has a checksum and is replaced as a whole, so that a power loss tears nothing. */
import { createHash } from 'node:crypto';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { StateError, systemWords } from '../errors.ts';

/** The text with its checksum as the last line. */
export function sealRecord(body: string): string {
  return `${body}sum ${createHash('sha256').update(body).digest('hex').slice(0, 16)}\n`;
}

/** What was sealed, or undefined when a single byte is not as it was written. */
export function openRecord(text: string): string | undefined {
  const body = text.replace(/sum [0-9a-f]{16}\n$/, '');
  return text === sealRecord(body) ? body : undefined;
}

/** Temporary file, fsync, rename, fsync of the directory. */
export async function replaceFile(directory: string, name: string, text: string): Promise<void> {
  const temporary = join(directory, `${name}.new`);
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, join(directory, name));
  const parent = await open(directory, 'r');
  try {
    await parent.sync();
  } finally {
    await parent.close();
  }
}

/** `verb`: what could not be done to the directory or to what is in it. */
export function unusable(directory: string, verb: string, error: unknown): StateError {
  return new StateError(
    `the state directory ${directory} cannot be ${verb} (${systemWords(error)})`,
    'check its disk, owner and mode, or name another in stateDir',
  );
}
