/** What the library rejects with. Programs look at `code`; the message says what happened and what to do. */
export type MirrorErrorCode =
  /** An option cannot be used. */
  | 'badOption'
  /** This program is not active (any more): what was not resolved will not be. */
  | 'notActive'
  /** A commit is larger than `commitBytesMax`. */
  | 'tooLarge'
  /** `close` was called. */
  | 'closed';

export class MirrorError extends Error {
  override readonly name: string = 'MirrorError';
  readonly code: MirrorErrorCode;

  constructor(code: MirrorErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
