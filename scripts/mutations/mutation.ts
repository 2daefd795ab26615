/** What a mutation is: a claim of the patent whose step is left out, and the test that must notice. */

/** `find` must occur exactly once in the file. */
export interface Patch {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export interface Mutation {
  /** What the mutated program does wrong, in words. */
  readonly name: string;
  /** The number of the claim whose step is left out. */
  readonly claim: number;
  /** Several where one way covers for another. */
  readonly patches: readonly Patch[];
  readonly test: NamedTest;
}

/** The tests of a file whose name fits the pattern (`--test-name-pattern`). */
export interface NamedTest {
  readonly file: string;
  readonly pattern: string;
}
