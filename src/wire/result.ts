/**
 * What a decoder answers. Foreign bytes are data: a decoder never throws and never returns a short value; it says
 * why it refused, and the same word is the metric's label and the test's expectation.
 */
export type Decoded<Value, Reason extends string> =
  | { readonly ok: true; readonly value: Value }
  | Refused<Reason>;

export type Refused<Reason extends string> = { readonly ok: false; readonly reason: Reason };

export function decoded<Value>(value: Value): { readonly ok: true; readonly value: Value } {
  return { ok: true, value };
}

export function refused<Reason extends string>(reason: Reason): Refused<Reason> {
  return { ok: false, reason };
}
