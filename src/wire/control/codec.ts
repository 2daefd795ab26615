/**
 * The control protocol's bytes, big endian. A fixed header of 52 bytes, then extensions (`extensions.ts`). The trailer that proves who wrote them is in `seal.ts`; open that first, only then decode.
 */
import { readU16, readU32, readU48, writeU16, writeU32, writeU48 } from '../big-endian.ts';
import { type Decoded, decoded, refused } from '../result.ts';
import {
  controlLengthMax,
  type ExtensionReason,
  groupRecordsMax,
  headerLength,
  knownState,
  readExtensions,
  readTerm,
  writeExtensions,
  writeTerm,
} from './extensions.ts';
import { type ControlMessage, ControlType } from './message.ts';

export { controlLengthMax, groupRecordsMax } from './extensions.ts';

/** 'USTY' */
const magic = 0x5553_5459;
const version = 1;

/** Offsets in the header, bytes. */
const at = {
  magic: 0,
  version: 4,
  type: 5,
  flags: 6,
  cluster: 8,
  sender: 14,
  receiver: 16,
  path: 18,
  state: 19,
  senderBoot: 20,
  echoBoot: 26,
  sequence: 32,
  scope: 38,
  termCounter: 42,
  termMember: 48,
  extensionLength: 50,
} as const;

/**
 * - `short`, `extensionLength`: the header, or what it says follows, is not what arrived
 * - `truncatedExtension`, `duplicateExtension`, `extensionValue`: an extension that cannot be
 * - `criticalExtension`: the sender insists on something this version does not know
 * - the others name the field that holds an impossible value
 */
export type ControlReason =
  | 'short'
  | 'long'
  | 'magic'
  | 'version'
  | 'type'
  | 'state'
  | 'sender'
  | 'receiver'
  | 'path'
  | 'senderBoot'
  | 'sequence'
  | 'extensionLength'
  | ExtensionReason;

/**
 * Writes the body at the start of `into` (at least `controlLengthMax` bytes) and returns its length. Allocates nothing.
 * Throws RangeError when the message has more than `groupRecordsMax` groups: the configuration refuses that many.
 */
export function encodeControl(message: ControlMessage, into: Uint8Array): number {
  if (message.groups.length > groupRecordsMax) throw new RangeError('more groups than one datagram carries');
  if (into.length < controlLengthMax) throw new RangeError('buffer shorter than controlLengthMax');
  writeU32(into, at.magic, magic);
  into[at.version] = version;
  into[at.type] = message.type;
  writeU16(into, at.flags, message.flags);
  writeU48(into, at.cluster, message.cluster);
  writeU16(into, at.sender, message.sender);
  writeU16(into, at.receiver, message.receiver);
  into[at.path] = message.path;
  into[at.state] = message.state;
  writeU48(into, at.senderBoot, message.senderBoot);
  writeU48(into, at.echoBoot, message.echoBoot);
  writeU48(into, at.sequence, message.sequence);
  writeU32(into, at.scope, message.scope);
  writeTerm(into, at.termCounter, message.term);
  const end = writeExtensions(message, into);
  writeU16(into, at.extensionLength, end - headerLength);
  return end;
}

/** Reads a body whose trailer `unseal` has already taken off. */
export function decodeControl(body: Uint8Array): Decoded<ControlMessage, ControlReason> {
  if (body.length < headerLength) return refused('short');
  if (body.length > controlLengthMax) return refused('long');
  if (readU32(body, at.magic) !== magic) return refused('magic');
  if (body[at.version] !== version) return refused('version');
  const type = knownType(body[at.type]);
  if (type === undefined) return refused('type');
  const state = knownState(body[at.state]);
  if (state === undefined) return refused('state');
  const sender = readU16(body, at.sender);
  if (sender === 0) return refused('sender');
  const receiver = readU16(body, at.receiver);
  if (receiver === 0) return refused('receiver');
  const path = body[at.path] ?? 0;
  if (path === 0) return refused('path');
  const senderBoot = readU48(body, at.senderBoot);
  if (senderBoot === 0) return refused('senderBoot');
  const sequence = readU48(body, at.sequence);
  if (sequence === 0) return refused('sequence');
  if (headerLength + readU16(body, at.extensionLength) !== body.length) return refused('extensionLength');
  const extensions = readExtensions(body);
  if (!extensions.ok) return extensions;
  const { registration, promise } = extensions.value;
  return decoded({
    type,
    flags: readU16(body, at.flags),
    cluster: readU48(body, at.cluster),
    sender,
    receiver,
    path,
    senderBoot,
    echoBoot: readU48(body, at.echoBoot),
    sequence,
    scope: readU32(body, at.scope),
    term: readTerm(body, at.termCounter),
    state,
    intervalUs: extensions.value.intervalUs ?? 0,
    groups: extensions.value.groups ?? [],
    target: extensions.value.target ?? 0,
    ...(registration === undefined ? {} : { registration }),
    ...(promise === undefined ? {} : { promise }),
  });
}

const types: readonly ControlType[] = Object.values(ControlType);

function knownType(byte: number | undefined): ControlType | undefined {
  return types.find((type) => type === byte);
}
