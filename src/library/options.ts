/** What an author says, made complete and checked. */
import { readFileSync } from 'node:fs';
import type { Protection } from '../mirror/crypto.ts';
import type { Policy } from '../mirror/ledger.ts';
import { MirrorError } from './errors.ts';

export interface ShadowOptions {
  /** The group of the daemon's configuration whose active member this program is to be active on. */
  readonly group: string;
  /** The daemon's control socket: `/run/understudy/NODE.sock`. */
  readonly control: string;
  /** The cluster's key file, or its keys: 64 hexadecimal digits each, the one that is used first. */
  readonly keyFile?: string;
  readonly keys?: readonly string[];
  /** TCP port on the members' path addresses; the same on all members, and no path's port. */
  readonly port: number;
  /** Tells programs of one group apart; the same on all members. Default `program`. */
  readonly application?: string;
  /** `wait`: nothing is committed without the standby. `degrade` (default): after `degradeAfterMs` it is. */
  readonly policy?: Policy;
  /** Default 2000; half of it must be longer than a takeover takes, detection included. */
  readonly degradeAfterMs?: number;
  /** Encrypted (AES-256-GCM) instead of signed only. Default false; the same on all members. */
  readonly encrypt?: boolean;
  /** The largest commit, bytes. Default 16 MiB; the same on all members. */
  readonly commitBytesMax?: number;
  /** What is kept for a standby that comes back. Default 32 MiB, at least `commitBytesMax`. */
  readonly backlogBytesMax?: number;
}

export interface Settings {
  readonly group: string;
  readonly control: string;
  readonly keys: readonly Uint8Array[];
  readonly port: number;
  readonly application: string;
  readonly policy: Policy;
  readonly degradeAfterUs: number;
  readonly protection: Protection;
  readonly commitBytesMax: number;
  readonly backlogBytesMax: number;
}

const mebibyte = 1_048_576;

/** Throws MirrorError badOption. */
export function settingsOf(options: ShadowOptions): Settings {
  const {
    port,
    degradeAfterMs = 2000,
    commitBytesMax = 16 * mebibyte,
    backlogBytesMax = 32 * mebibyte,
  } = options;
  const { application = 'program', policy = 'degrade' } = options;
  requireRange('port', port, 1, 65_535);
  requireRange('degradeAfterMs', degradeAfterMs, 100, 3_600_000);
  requireRange('commitBytesMax', commitBytesMax, 4096, 1024 * mebibyte);
  requireRange('backlogBytesMax', backlogBytesMax, commitBytesMax, 4096 * mebibyte);
  if (!/^[A-Za-z0-9._-]{1,40}$/.test(application)) {
    throw bad('application', application, 'take 1 to 40 letters, digits, dots, dashes and underscores');
  }
  if (policy !== 'wait' && policy !== 'degrade') throw bad('policy', policy, "take 'wait' or 'degrade'");
  return {
    group: options.group,
    control: options.control,
    keys: keysOf(options),
    port,
    application,
    policy,
    degradeAfterUs: degradeAfterMs * 1000,
    protection: options.encrypt === true ? 'encrypt' : 'sign',
    commitBytesMax,
    backlogBytesMax,
  };
}

function keysOf({ keyFile, keys }: ShadowOptions): Uint8Array[] {
  if ((keyFile === undefined) === (keys === undefined)) {
    throw new MirrorError('badOption', 'give either keyFile or keys: the cluster’s, as the daemon has them');
  }
  const texts = keyFile === undefined ? (keys ?? []) : readFileSync(keyFile, 'utf8').split('\n');
  const found = texts.map((line) => line.trim()).filter((line) => line !== '');
  // A key is never shown.
  if (found.length < 1 || found.length > 4 || !found.every((key) => /^[0-9A-Fa-f]{64}$/.test(key))) {
    throw new MirrorError(
      'badOption',
      `${keyFile ?? 'keys'}: 1 to 4 keys of 64 hexadecimal digits are needed`,
    );
  }
  return found.map((key) => new Uint8Array(Buffer.from(key, 'hex')));
}

function requireRange(name: string, value: number, min: number, max: number): void {
  if (!(Number.isInteger(value) && value >= min && value <= max)) {
    throw bad(name, value, `take a whole number from ${min} to ${max}`);
  }
}

function bad(name: string, value: unknown, remedy: string): MirrorError {
  return new MirrorError('badOption', `${name} is ${JSON.stringify(value)}; ${remedy}`);
}
