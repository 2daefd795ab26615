/**
 * The control protocol's bytes, big endian. A fixed header of 52 bytes, then extensions (u16 type, u16 length, value);
 * a type with the top bit set is critical: who does not know it refuses the datagram, and skips any other unknown one.
 * The trailer that proves who wrote them is in `seal.ts`; open that first, only then decode.
 */
import { readU16, readU32, readU48, writeU16, writeU32, writeU48 } from '../big-endian.ts';
import { type Decoded, decoded, type Refused, refused } from '../result.ts';
import {
  type ControlMessage,
  ControlType,
  type GroupRecord,
  MemberState,
  type Registration,
  RegistrationCode,
  type Term,
} from './message.ts';

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
const headerLength = 52;
const extensionHeaderLength = 4;
const groupRecordLength = 16;

/** Extension types. All of them change the meaning of the datagram, so all are critical. */
const criticalBit = 0x8000;
const intervalType = 0x8001;
const groupsType = 0x8002;
const targetType = 0x8003;
const registrationType = 0x8004;
const registrationLength = 12;

/**
 * The longest body, bytes. With the 32-byte trailer it fills, and never exceeds, one UDP datagram within IPv6's least
 * MTU (1280 - 40 - 8), so that no heartbeat is ever fragmented.
 */
export const controlLengthMax: number = 1200;

/** How many groups two members can share: what fits beside the other extensions. */
export const groupRecordsMax: number = Math.floor(
  (controlLengthMax - headerLength - 4 * extensionHeaderLength - 4 - 2 - 12) / groupRecordLength,
);

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
  | 'truncatedExtension'
  | 'duplicateExtension'
  | 'extensionValue'
  | 'criticalExtension';

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

function writeExtensions(message: ControlMessage, into: Uint8Array): number {
  let offset = headerLength;
  if (message.intervalUs !== 0) {
    offset = writeExtensionHeader(into, offset, intervalType, 4);
    writeU32(into, offset, message.intervalUs);
    offset += 4;
  }
  if (message.groups.length > 0) {
    offset = writeExtensionHeader(into, offset, groupsType, message.groups.length * groupRecordLength);
    for (const record of message.groups) {
      writeGroupRecord(into, offset, record);
      offset += groupRecordLength;
    }
  }
  if (message.target !== 0) {
    offset = writeExtensionHeader(into, offset, targetType, 2);
    writeU16(into, offset, message.target);
    offset += 2;
  }
  if (message.registration !== undefined) {
    offset = writeExtensionHeader(into, offset, registrationType, registrationLength);
    writeRegistration(into, offset, message.registration);
    offset += registrationLength;
  }
  return offset;
}

function writeExtensionHeader(into: Uint8Array, offset: number, type: number, length: number): number {
  writeU16(into, offset, type);
  writeU16(into, offset + 2, length);
  return offset + extensionHeaderLength;
}

function writeTerm(into: Uint8Array, offset: number, term: Term): void {
  writeU48(into, offset, term.counter);
  writeU16(into, offset + 6, term.member);
}

function writeGroupRecord(into: Uint8Array, offset: number, record: GroupRecord): void {
  writeU32(into, offset, record.group);
  into[offset + 4] = record.state;
  into[offset + 5] = record.priority;
  writeU16(into, offset + 6, record.flags);
  writeTerm(into, offset + 8, record.term);
}

function writeRegistration(into: Uint8Array, offset: number, registration: Registration): void {
  writeU32(into, offset, registration.identification);
  writeU32(into, offset + 4, registration.lifetimeMs);
  writeU16(into, offset + 8, registration.code);
  writeU16(into, offset + 10, 0);
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
    ...(extensions.value.registration === undefined ? {} : { registration: extensions.value.registration }),
  });
}

interface Extensions {
  intervalUs: number | undefined;
  groups: readonly GroupRecord[] | undefined;
  target: number | undefined;
  registration: Registration | undefined;
}

function readExtensions(body: Uint8Array): Decoded<Extensions, ControlReason> {
  const extensions: Extensions = {
    intervalUs: undefined,
    groups: undefined,
    target: undefined,
    registration: undefined,
  };
  let offset = headerLength;
  while (offset < body.length) {
    if (body.length - offset < extensionHeaderLength) return refused('truncatedExtension');
    const type = readU16(body, offset);
    const length = readU16(body, offset + 2);
    offset += extensionHeaderLength;
    if (body.length - offset < length) return refused('truncatedExtension');
    const wrong = readExtension(extensions, type, body, offset, length);
    if (wrong !== undefined) return wrong;
    offset += length;
  }
  return decoded(extensions);
}

/** Puts one extension's value where it belongs, or says why it is refused. Zero and empty are never sent. */
function readExtension(
  into: Extensions,
  type: number,
  body: Uint8Array,
  offset: number,
  length: number,
): Refused<ControlReason> | undefined {
  switch (type) {
    case intervalType:
      if (into.intervalUs !== undefined) return refused('duplicateExtension');
      if (length !== 4) return refused('extensionValue');
      into.intervalUs = readU32(body, offset);
      return into.intervalUs === 0 ? refused('extensionValue') : undefined;
    case groupsType:
      if (into.groups !== undefined) return refused('duplicateExtension');
      into.groups = readGroupRecords(body, offset, length);
      return into.groups === undefined ? refused('extensionValue') : undefined;
    case targetType:
      if (into.target !== undefined) return refused('duplicateExtension');
      if (length !== 2) return refused('extensionValue');
      into.target = readU16(body, offset);
      return into.target === 0 ? refused('extensionValue') : undefined;
    case registrationType:
      if (into.registration !== undefined) return refused('duplicateExtension');
      if (length !== registrationLength) return refused('extensionValue');
      into.registration = readRegistration(body, offset);
      return into.registration === undefined ? refused('extensionValue') : undefined;
    default:
      return (type & criticalBit) !== 0 ? refused('criticalExtension') : undefined;
  }
}

function readGroupRecords(body: Uint8Array, offset: number, length: number): GroupRecord[] | undefined {
  if (length === 0 || length % groupRecordLength !== 0) return undefined;
  const records: GroupRecord[] = [];
  for (let start = offset; start < offset + length; start += groupRecordLength) {
    const group = readU32(body, start);
    const state = knownState(body[start + 4]);
    if (group === 0 || state === undefined) return undefined;
    const priority = body[start + 5] ?? 0;
    const flags = readU16(body, start + 6);
    records.push({ group, state, priority, flags, term: readTerm(body, start + 8) });
  }
  return records;
}

function readRegistration(body: Uint8Array, offset: number): Registration | undefined {
  const identification = readU32(body, offset);
  const code = codes.find((one) => one === readU16(body, offset + 8));
  if (identification === 0 || code === undefined || readU16(body, offset + 10) !== 0) return undefined;
  return { identification, lifetimeMs: readU32(body, offset + 4), code };
}

function readTerm(body: Uint8Array, offset: number): Term {
  return { counter: readU48(body, offset), member: readU16(body, offset + 6) };
}

const types: readonly ControlType[] = Object.values(ControlType);
const states: readonly MemberState[] = Object.values(MemberState);
const codes: readonly RegistrationCode[] = Object.values(RegistrationCode);

function knownType(byte: number | undefined): ControlType | undefined {
  return types.find((type) => type === byte);
}

function knownState(byte: number | undefined): MemberState | undefined {
  return states.find((state) => state === byte);
}
