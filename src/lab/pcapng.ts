/** Writes captured frames as pcapng (draft-ietf-opsawg-pcapng), which keeps the port's name with every frame. */
import { closeSync, openSync, writeSync } from 'node:fs';

const blockTypes = { section: 0x0a0d0d0a, interface: 1, packet: 6 };
const byteOrderMagic = 0x1a2b3c4d;
const linkTypeEthernet = 1;
const nameOption = 2;
/** Written to the file when this much has gathered, bytes. */
const flushBytes = 262_144;

export class PcapngWriter {
  readonly #file: number;
  #pending: Buffer[] = [];
  #pendingBytes = 0;

  /** Creates or replaces the file; `ports` are numbered in this order. Throws when it cannot be written. */
  constructor(path: string, ports: readonly string[]) {
    this.#file = openSync(path, 'w');
    const section = Buffer.alloc(16);
    section.writeUInt32LE(byteOrderMagic, 0);
    section.writeUInt16LE(1, 4);
    section.writeBigInt64LE(-1n, 8);
    this.#block(blockTypes.section, section);
    for (const port of ports) this.#block(blockTypes.interface, interfaceBody(port));
  }

  /** `atUs`: microseconds since 1970. The frame is copied. */
  write(port: number, atUs: number, frame: Uint8Array): void {
    const body = Buffer.alloc(20 + padded(frame.length));
    body.writeUInt32LE(port, 0);
    body.writeUInt32LE(Math.floor(atUs / 2 ** 32), 4);
    body.writeUInt32LE((atUs % 2 ** 32) >>> 0, 8);
    body.writeUInt32LE(frame.length, 12);
    body.writeUInt32LE(frame.length, 16);
    body.set(frame, 20);
    this.#block(blockTypes.packet, body);
  }

  /** Writes out what is pending. */
  flush(): void {
    for (const bytes of this.#pending) writeSync(this.#file, bytes);
    this.#pending = [];
    this.#pendingBytes = 0;
  }

  close(): void {
    this.flush();
    closeSync(this.#file);
  }

  #block(type: number, body: Buffer): void {
    const length = body.length + 12;
    const block = Buffer.alloc(length);
    block.writeUInt32LE(type, 0);
    block.writeUInt32LE(length, 4);
    body.copy(block, 8);
    block.writeUInt32LE(length, length - 4);
    this.#pending.push(block);
    this.#pendingBytes += length;
    if (this.#pendingBytes > flushBytes) this.flush();
  }
}

function interfaceBody(port: string): Buffer {
  const name = Buffer.from(port, 'utf8');
  const body = Buffer.alloc(8 + 4 + padded(name.length) + 4);
  body.writeUInt16LE(linkTypeEthernet, 0);
  body.writeUInt16LE(nameOption, 8);
  body.writeUInt16LE(name.length, 10);
  name.copy(body, 12);
  return body;
}

function padded(length: number): number {
  return (length + 3) & ~3;
}
