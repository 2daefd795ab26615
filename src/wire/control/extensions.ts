/**
 * What follows the fixed header: u16 type, u16 length, value, any number of them. A type with the top bit set is critical:
 * who does not know it refuses the datagram, and skips any other unknown one. Zero and empty are never sent.
 */
import { readU16, readU32, readU48, writeU16, writeU32, writeU48 } from '../big-endian.ts';
import { type Decoded, decoded, type Refused, refused } from '../result.ts';
import {
  type ControlMessage,
  fallsMax,
  type GroupRecord,
  MemberState,
  type Promised,
  PromiseWord,
  type Registration,
  RegistrationCode,
  type Term,
} from './message.ts';

export const headerLength = 52;
const extensionHeaderLength = 4;
const groupRecordLength = 16;

/** Extension types. All of them change the meaning of the datagram, so all are critical. */
const criticalBit = 0x8000;
const intervalType = 0x8001;
const groupsType = 0x8002;
const targetType = 0x8003;
const registrationType = 0x8004;
const registrationLength = 12;
const promiseType = 0x8005;
const promiseLength = 12;

/**
 * The longest body, bytes. With the 32-byte trailer it fills, and never exceeds, one UDP datagram within IPv6's least
 * MTU (1280 - 40 - 8), so that no heartbeat is ever fragmented.
 */
export const controlLengthMax: number = 1200;

/** How many groups two members can share: what fits beside the other extensions. */
export const groupRecordsMax: number = Math.floor(
  (controlLengthMax - headerLength - 4 * extensionHeaderLength - 4 - 2 - 12) / groupRecordLength,
);

export type ExtensionReason =
  | 'truncatedExtension'
  | 'duplicateExtension'
  | 'extensionValue'
  | 'criticalExtension';

/** Returns where they end. */
export function writeExtensions(message: ControlMessage, into: Uint8Array): number {
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
    const { identification, lifetimeMs, code } = message.registration;
    writeTriple(into, offset, identification, lifetimeMs, code);
    offset += registrationLength;
  }
  if (message.promise !== undefined) {
    offset = writeExtensionHeader(into, offset, promiseType, promiseLength);
    const { identification, durationUs, word } = message.promise;
    writeTriple(into, offset, identification, durationUs, word);
    offset += promiseLength;
  }
  return offset;
}

export function writeTerm(into: Uint8Array, offset: number, term: Term): void {
  writeU48(into, offset, term.counter);
  writeU16(into, offset + 6, term.member);
}

export function readTerm(body: Uint8Array, offset: number): Term {
  return { counter: readU48(body, offset), member: readU16(body, offset + 6) };
}

const states: readonly MemberState[] = Object.values(MemberState);

export function knownState(byte: number | undefined): MemberState | undefined {
  return states.find((state) => state === byte);
}

function writeExtensionHeader(into: Uint8Array, offset: number, type: number, length: number): number {
  writeU16(into, offset, type);
  writeU16(into, offset + 2, length);
  return offset + extensionHeaderLength;
}

function writeGroupRecord(into: Uint8Array, offset: number, record: GroupRecord): void {
  writeU32(into, offset, record.group);
  into[offset + 4] = record.state;
  into[offset + 5] = record.priority;
  into[offset + 6] = (record.yourFalls << 4) | record.falls;
  into[offset + 7] = record.flags;
  writeTerm(into, offset + 8, record.term);
}

/** A number, a time, a code, and two bytes for later. */
function writeTriple(into: Uint8Array, offset: number, number: number, time: number, code: number): void {
  writeU32(into, offset, number);
  writeU32(into, offset + 4, time);
  writeU16(into, offset + 8, code);
  writeU16(into, offset + 10, 0);
}

export interface Extensions {
  intervalUs: number | undefined;
  groups: readonly GroupRecord[] | undefined;
  target: number | undefined;
  registration: Registration | undefined;
  promise: Promised | undefined;
}

export function readExtensions(body: Uint8Array): Decoded<Extensions, ExtensionReason> {
  const extensions: Extensions = {
    intervalUs: undefined,
    groups: undefined,
    target: undefined,
    registration: undefined,
    promise: undefined,
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

/** Puts one extension's value where it belongs, or says why it is refused. */
function readExtension(
  into: Extensions,
  type: number,
  body: Uint8Array,
  offset: number,
  length: number,
): Refused<ExtensionReason> | undefined {
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
    case promiseType:
      if (into.promise !== undefined) return refused('duplicateExtension');
      if (length !== promiseLength) return refused('extensionValue');
      into.promise = readPromise(body, offset);
      return into.promise === undefined ? refused('extensionValue') : undefined;
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
    const falls = body[start + 6] ?? 0;
    records.push({
      group,
      state,
      priority,
      flags: body[start + 7] ?? 0,
      falls: falls & fallsMax,
      yourFalls: falls >> 4,
      term: readTerm(body, start + 8),
    });
  }
  return records;
}

const codes: readonly RegistrationCode[] = Object.values(RegistrationCode);
const words: readonly PromiseWord[] = Object.values(PromiseWord);

function readRegistration(body: Uint8Array, offset: number): Registration | undefined {
  const identification = readU32(body, offset);
  const code = codes.find((one) => one === readU16(body, offset + 8));
  if (identification === 0 || code === undefined || readU16(body, offset + 10) !== 0) return undefined;
  return { identification, lifetimeMs: readU32(body, offset + 4), code };
}

function readPromise(body: Uint8Array, offset: number): Promised | undefined {
  const identification = readU32(body, offset);
  const word = words.find((one) => one === readU16(body, offset + 8));
  if (identification === 0 || word === undefined || readU16(body, offset + 10) !== 0) return undefined;
  return { identification, durationUs: readU32(body, offset + 4), word };
}
