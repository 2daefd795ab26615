/** What the two machines tell each other besides packets. */

export type Word =
  /**
   * From the standby. `finished`: the replica's program has said all it will, so the active may close the connection. Or
   * there is no replica any more: it could not be kept, or it said something else. `lost`, from the active: nor a connection.
   */
  | {
      readonly kind: 'finished' | 'lost' | 'diverged';
      readonly flow: string;
      /** How much it said, bytes, and their digest. */
      readonly offset: number;
      readonly digest: string;
    }
  /** What the writer is from here on. */
  | {
      readonly kind: 'role';
      readonly role: 'active' | 'standby' | 'gone';
      /** That its kernel announces, bits. */
      readonly windowScale: number;
      /** Connections of its time as the active that it keeps as replicas. */
      readonly kept: readonly Kept[];
    };

/** A connection, and how much was said on it, bytes. */
export interface Kept {
  readonly flow: string;
  readonly offset: number;
}

/** Kinds of message, and of notes, on the exchange. */
export const channelKind = { question: 8, answer: 9, packet: 16, word: 17, output: 18 } as const;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** So many names of connections fit a message. */
export const keptMax = 8192;

export function encodeWord(word: Word): Uint8Array {
  return encoder.encode(JSON.stringify(word));
}

/** Undefined for what is no word. */
export function decodeWord(bytes: Uint8Array): Word | undefined {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { kind, flow, offset, digest, role, windowScale, kept } = value as Readonly<Record<string, unknown>>;
  if (kind === 'finished' || kind === 'lost' || kind === 'diverged') {
    if (typeof flow !== 'string' || typeof offset !== 'number' || typeof digest !== 'string')
      return undefined;
    return { kind, flow, offset, digest };
  }
  if (kind !== 'role' || typeof windowScale !== 'number' || !Array.isArray(kept)) return undefined;
  if (role !== 'active' && role !== 'standby' && role !== 'gone') return undefined;
  return { kind, role, windowScale, kept: kept.filter(isKept) };
}

function isKept(value: unknown): value is Kept {
  if (typeof value !== 'object' || value === null) return false;
  const { flow, offset } = value as Readonly<Record<string, unknown>>;
  return typeof flow === 'string' && typeof offset === 'number';
}
