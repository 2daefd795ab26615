/** The file's format for editors: a JSON Schema of each field. What spans fields only `understudy check` knows. */
import { toJsonSchema } from '@valibot/to-json-schema';
import { configSchema } from './schema.ts';

/** The text of `docs/understudy.schema.json`. */
export function configJsonSchema(): string {
  // Checks written in code ("must rise from entry to entry") have no form in JSON Schema.
  const schema = toJsonSchema(configSchema, { typeMode: 'input', errorMode: 'ignore' });
  const titled = { title: 'Understudy configuration', ...schema };
  return `${JSON.stringify(titled, null, 2)}\n`;
}
