/** The version from package.json, which is two directories up from the sources and from the build alike. */
import { readFileSync } from 'node:fs';

const manifest: { version: string } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
);

export const version: string = manifest.version;
