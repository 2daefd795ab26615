/** What a transport drives: one end of one connection of the stream, source or sink. Times are microseconds of one clock. */
import type { ConduitReason } from './conduit.ts';

/** Why a connection ended. */
export type EndReason =
  | ConduitReason
  /** Nothing was heard for too long. */
  | 'silent'
  /** The transport said so. */
  | 'lost'
  /** The same standby has a newer connection, or the source a newer term than this one. */
  | 'superseded'
  | 'lowerTerm'
  | 'unknownStandby'
  /** The standby holds the state of an earlier life of the source, of the same term. */
  | 'otherLife'
  /** A message out of place. */
  | 'unexpected'
  /** More bytes than were granted, or a commit larger than was agreed. */
  | 'overrun'
  /** The standby left in order. */
  | 'left'
  /** This side ended it. */
  | 'closed';

export interface LinkEnd {
  /** Bytes that arrived, in order. Never throws, whatever they are. */
  receive(bytes: Uint8Array, nowUs: number): void;
  /** The next bytes to write, at most a frame; undefined: nothing now. Ask again after any call to the owner. */
  produce(nowUs: number): Uint8Array | undefined;
  /** The transport's connection is gone. */
  lost(): void;
  /** Set: write what `produce` still gives, then close. */
  readonly ended: EndReason | undefined;
  readonly deadlineUs: number | undefined;
  expire(nowUs: number): void;
}

/** What one frame with payload costs of the credit: both ends count the same. Bytes. */
export function creditCost(payload: number): number {
  return payload + 64;
}
