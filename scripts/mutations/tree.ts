/** Copies of the working tree, and patches to them. */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Patch } from './mutation.ts';

/** Copies every file that git knows or would add from `root` to the new directory `tree`; `node_modules` is a link. */
export function copyWorkingTree(root: string, tree: string): void {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  });
  for (const file of new Set(listed.split('\0'))) {
    const source = join(root, file);
    // One that was deleted is still listed.
    if (file === '' || !existsSync(source)) continue;
    mkdirSync(dirname(join(tree, file)), { recursive: true });
    copyFileSync(source, join(tree, file));
  }
  symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'));
}

export function copyTree(from: string, to: string): void {
  cpSync(from, to, { recursive: true, verbatimSymlinks: true });
}

/** Applies the patches to a tree, in order. Throws, saying which does not apply and why. */
export function applyPatches(tree: string, patches: readonly Patch[]): void {
  for (const { file, find, replace } of patches) {
    const path = join(tree, file);
    const text = readFileSync(path, 'utf8');
    const times = text.split(find).length - 1;
    if (times !== 1) throw new Error(`${file}: the text is there ${times} times, not once:\n${find}`);
    writeFileSync(
      path,
      text.replace(find, () => replace),
    );
  }
}
