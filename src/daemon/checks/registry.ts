/** The kinds of check by name. The next kind is one file, one line here, and its fields in the schema. */
import type { CheckEntry } from '../config/format.ts';
import type { CheckKind, CheckRun } from './check.ts';
import { execCheck } from './exec.ts';
import { interfaceCheck } from './interface.ts';
import { tcpCheck } from './tcp.ts';

const kinds: { readonly [Kind in CheckEntry['kind']]: CheckKind<Kind> } = {
  tcp: tcpCheck,
  exec: execCheck,
  interface: interfaceCheck,
};

export function makeCheck(entry: CheckEntry): CheckRun {
  const kind = kinds[entry.kind] as (entry: CheckEntry) => CheckRun;
  return kind(entry);
}
