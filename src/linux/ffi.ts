/**
 * The one place that reaches the C library. Every other file declares the calls it needs through `native`, by their C
 * prototypes, and passes plain numbers and byte arrays: structures are laid out by hand in byte arrays that live as
 * long as their owner, so that a call on a hot path allocates nothing.
 *
 * koffi knows no `size_t` and `ssize_t`: prototypes say `unsigned long` and `long`. A variadic function (`ioctl`,
 * `fcntl`) is declared with the arguments it is used with.
 */
import koffi, { type LibraryHandle } from 'koffi';

/** What may be passed: numbers, byte arrays as `void *` (the callee sees the array's own memory), null, text as `const char *`. */
type Argument = number | Uint8Array | string | null;

/** The running program itself, so that the C library is the one Node was linked with (glibc or musl). */
let program: LibraryHandle | undefined;

/**
 * A function of the C library by its prototype: `native<[fd: number], number>('int close(int)')`.
 * A failed call returns what C returns (-1); ask `lastErrno` before anything else happens.
 */
export function native<Arguments extends readonly Argument[], Result = number>(
  prototype: string,
): (...args: Arguments) => Result {
  program ??= koffi.load(null);
  return program.func(prototype) as unknown as (...args: Arguments) => Result;
}

/** `errno` of this thread, meaningful only directly after a call that failed. */
export function lastErrno(): number {
  return koffi.errno();
}

/**
 * Memory that does not move and has an address: for structures that point at each other. The caller keeps a
 * reference for as long as the kernel or another structure may use the address.
 */
export function pinned(length: number): Buffer {
  return Buffer.allocUnsafeSlow(length).fill(0);
}

/** Where the bytes are, as C sees them. For `pinned` memory only: small arrays of V8's own heap would move. */
export function addressOf(bytes: Uint8Array): bigint {
  return koffi.address(bytes) as bigint;
}

/** Writes a pointer to `bytes` (plus `delta`) at `offset` of a structure; null writes the null pointer. */
export function writePointer(into: Buffer, offset: number, bytes: Uint8Array | null, delta = 0): void {
  const address = bytes === null ? 0n : addressOf(bytes) + BigInt(delta);
  into.writeBigUInt64LE(address, offset);
}

export const closeDescriptor: (fd: number) => number = native<[fd: number]>('int close(int)');
