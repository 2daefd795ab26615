/** The schema's findings as problems with a place: all of them, unknown keys with the nearest known one. */
import * as v from 'valibot';
import type { ConfigProblem } from '../errors.ts';
import type { ConfigDocument, ConfigPath } from './document.ts';
import type { ConfigFile } from './format.ts';
import { nearest } from './nearest.ts';
import { configSchema } from './schema.ts';

export type Validation =
  | { readonly ok: true; readonly file: ConfigFile }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

export function validate(document: ConfigDocument, values: unknown): Validation {
  const problems: ConfigProblem[] = [];
  collectUnknownKeys(document, configSchema as unknown as SchemaShape, values, [], problems);
  const result = v.safeParse(configSchema, values);
  for (const issue of result.issues ?? []) {
    const problem = issueProblem(document, issue);
    if (problem !== undefined) problems.push(problem);
  }
  if (result.success && problems.length === 0) return { ok: true, file: result.output };
  return { ok: false, problems };
}

type Issue = v.BaseIssue<unknown>;

/** Undefined for unknown keys: the schema stops at the first of each mapping, so they are collected apart. */
function issueProblem(document: ConfigDocument, issue: Issue): ConfigProblem | undefined {
  const items = issue.path ?? [];
  const path: ConfigPath = items.map((item) => item.key as string | number);
  const last = items.at(-1);
  const where = formatPath(path);
  if (last?.origin === 'key' && issue.type === 'strict_object') {
    if (issue.expected === 'never') return undefined;
    return document.problem(path, `${where} is missing: ${hintFor(path)}`);
  }
  if (last?.origin === 'key') {
    return document.keyProblem(path, `the key ${JSON.stringify(last.key)}: ${issue.message}`);
  }
  if (issue.input === undefined) return document.problem(path, `${where} is missing: it ${issue.message}`);
  if (issue.input === null) return document.problem(path, `${where} is empty: it ${issue.message}`);
  return document.problem(path, `${where} is ${showValue(path, issue.input)}: it ${issue.message}`);
}

/** What would be right where a required key is absent. */
function hintFor(path: ConfigPath): string {
  return requiredHints[String(path.at(-1))] ?? 'it is required';
}

const requiredHints: Readonly<Record<string, string>> = {
  cluster: 'give the name that all members share (cluster: NAME)',
  node: 'say which member this machine is (node: NAME)',
  members: 'list the members with a number each (NAME: { id: 1 })',
  paths: 'describe at least one path between members (a cable or a LAN)',
  groups: 'describe at least one group of addresses',
  id: 'give it a number that nothing else of its kind has',
  port: 'give the port, 1 to 65535',
  kind: 'say what kind it is',
  interface: 'name the network interface',
  address: 'give the IP address',
  addresses: 'list the IP addresses',
  name: 'give it a name',
  command: 'give the program and its arguments as a list',
};

/** The value as the operator wrote it, shortened; never a key. */
function showValue(path: ConfigPath, value: unknown): string {
  if (path[0] === 'key' || path[0] === 'keys') {
    return typeof value === 'string' ? `hidden (${value.length} characters)` : `hidden (a ${typeof value})`;
  }
  const shown = JSON.stringify(value) ?? String(value);
  return shown.length > 60 ? `${shown.slice(0, 57)}…` : shown;
}

/** `groups.web.checks[0].port` */
export function formatPath(path: ConfigPath): string {
  let shown = '';
  for (const step of path) {
    if (typeof step === 'number') shown += `[${step}]`;
    else shown += shown === '' ? step : `.${step}`;
  }
  return shown === '' ? 'the file' : shown;
}

/** The parts of valibot's schemas that the walk below reads. */
interface SchemaShape {
  readonly type: string;
  readonly entries?: Readonly<Record<string, SchemaShape>>;
  readonly value?: SchemaShape;
  readonly item?: SchemaShape;
  readonly wrapped?: SchemaShape;
  readonly options?: readonly SchemaShape[];
  readonly literal?: unknown;
}

function collectUnknownKeys(
  document: ConfigDocument,
  schema: SchemaShape,
  value: unknown,
  path: ConfigPath,
  problems: ConfigProblem[],
): void {
  if (typeof value !== 'object' || value === null) return;
  const known = entriesFor(schema, value);
  if (known !== undefined) {
    for (const [key, inner] of Object.entries(value)) {
      const entry = Object.hasOwn(known, key) ? known[key] : undefined;
      if (entry !== undefined) collectUnknownKeys(document, entry, inner, [...path, key], problems);
      else problems.push(unknownKey(document, [...path, key], Object.keys(known)));
    }
    return;
  }
  if (schema.wrapped !== undefined) {
    collectUnknownKeys(document, schema.wrapped, value, path, problems);
  } else if (schema.type === 'record' && schema.value !== undefined) {
    for (const [key, inner] of Object.entries(value)) {
      collectUnknownKeys(document, schema.value, inner, [...path, key], problems);
    }
  } else if (schema.type === 'array' && schema.item !== undefined && Array.isArray(value)) {
    for (const [index, inner] of value.entries()) {
      collectUnknownKeys(document, schema.item, inner, [...path, index], problems);
    }
  }
}

/** The mapping's known keys; of a choice between mappings, those of the one the value's `kind` picks. */
function entriesFor(schema: SchemaShape, value: object): Readonly<Record<string, SchemaShape>> | undefined {
  if (Array.isArray(value)) return undefined;
  if (schema.entries !== undefined) return schema.entries;
  const mappings = (schema.options ?? []).filter((option) => option.entries !== undefined);
  const kind = 'kind' in value ? value.kind : undefined;
  const picked = mappings.find((option) => option.entries?.['kind']?.literal === kind);
  return (schema.type === 'union' ? mappings[0] : picked)?.entries;
}

function unknownKey(document: ConfigDocument, path: ConfigPath, known: readonly string[]): ConfigProblem {
  const key = String(path.at(-1));
  const meant = nearest(key, known);
  const hint = meant === undefined ? `known here: ${known.join(', ')}` : `did you mean ${meant}?`;
  const parent = path.length === 1 ? 'the file' : formatPath(path.slice(0, -1));
  return document.keyProblem(path, `${parent} has no setting ${JSON.stringify(key)}: ${hint}`);
}
