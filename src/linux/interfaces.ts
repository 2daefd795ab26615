/**
 * Interfaces by name, of the calling thread's network namespace. `ioctl` on a socket made for the question: it needs
 * no privilege, and unlike /sys it always answers for the thread that asks.
 */
import { readFileSync } from 'node:fs';
import { type MacAddress, readMac } from '../wire/address.ts';
import { EINVAL, ENODEV } from './errno.ts';
import { OperationError } from './errors.ts';
import { closeDescriptor, lastErrno, native } from './ffi.ts';

const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const SIOCGIFHWADDR = 0x8927;
const SIOCGIFINDEX = 0x8933;
/** IFNAMSIZ, with the terminating zero. */
const nameLength = 16;
/** `struct ifreq`: the name, then a union of 24 bytes. */
const requestLength = nameLength + 24;

const socket = native<[family: number, type: number, protocol: number]>('int socket(int, int, int)');
const ioctl = native<[fd: number, request: number, argument: Uint8Array]>(
  'int ioctl(int, unsigned long, void *)',
);

/** Throws OperationError, whose remedy names the interfaces that exist. */
export function interfaceIndex(name: string): number {
  return ask('find interface', name, SIOCGIFINDEX).readInt32LE(nameLength);
}

/** The index, or undefined when there is no such interface. */
export function findInterface(name: string): number | undefined {
  try {
    return interfaceIndex(name);
  } catch (error) {
    if (error instanceof OperationError && error.errno === 'ENODEV') return undefined;
    throw error;
  }
}

/** The hardware address; all zero on `lo` and on devices that have none. Throws as `interfaceIndex` does. */
export function interfaceMac(name: string): MacAddress {
  return readMac(ask('read hardware address', name, SIOCGIFHWADDR), nameLength + 2);
}

/** A `struct ifreq` for `name`; throws where the name is no interface name at all (1 to 15 bytes, no `/`, no blank). */
export function interfaceRequest(operation: string, name: string): Buffer {
  const length = Buffer.byteLength(name);
  if (length === 0 || length >= nameLength || /[\s/:]/.test(name)) {
    const remedy = 'an interface name has 1 to 15 bytes without blank, slash and colon';
    throw new OperationError({ operation, subject: name, errno: EINVAL, remedy });
  }
  const request = Buffer.alloc(requestLength);
  request.write(name);
  return request;
}

/** For the remedy of every operation that takes an interface: `the interfaces here are lo, lan0`. */
export function existingInterfaces(): string {
  const lines = readFileSync('/proc/thread-self/net/dev', 'utf8').split('\n').slice(2);
  const names = lines.flatMap((line) => line.split(':')[0]?.trim() || []);
  return `the interfaces here are ${names.join(', ')}`;
}

function ask(operation: string, name: string, question: number): Buffer {
  const request = interfaceRequest(operation, name);
  const fd = socket(AF_INET, SOCK_DGRAM_CLOEXEC, 0);
  if (fd < 0) throw new OperationError({ operation, subject: name, errno: lastErrno() });
  const result = ioctl(fd, question, request);
  const errno = lastErrno();
  closeDescriptor(fd);
  if (result === 0) return request;
  throw new OperationError({
    operation,
    subject: name,
    errno,
    ...(errno === ENODEV ? { remedy: existingInterfaces() } : {}),
  });
}
