/** Numbers of the wire in the operator's words. */
import type { Term } from '../../wire/control/message.ts';
import type { Names } from '../config/resolve.ts';

export function memberName(names: Names, id: number): string {
  return names.members.get(id) ?? `member ${id}`;
}

export function termText(term: Term, names: Names): string {
  return term.counter === 0 ? 'none' : `${term.counter}/${memberName(names, term.member)}`;
}

export function termDetail(term: Term, names: Names): { termCounter: number; termMember: string | null } {
  return { termCounter: term.counter, termMember: names.members.get(term.member) ?? null };
}
