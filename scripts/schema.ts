/** Writes docs/understudy.schema.json from the daemon's own schema; a test fails when the file is not current. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configJsonSchema } from '../src/daemon/config/json-schema.ts';

writeFileSync(join(import.meta.dirname, '../docs/understudy.schema.json'), configJsonSchema());
