/** Something that cannot happen happened: a bug in this program, never a fault of the network or the operator. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
  readonly code = 'invariantBroken';
}
