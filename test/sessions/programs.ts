/** The service of the test: ECHO with a running counter, GET of pseudo-random bytes, PUT answered with their SHA-256. */
import { createHash } from 'node:crypto';
import type { Program } from '../../src/relay/program.ts';

const nothing = new Uint8Array(0);

/** The bytes that `GET length seed` gives: the same for server and client. xorshift32, four bytes at a time. */
export class Bytes {
  #left: number;
  #state: number;

  constructor(length: number, seed: number) {
    this.#left = length;
    this.#state = seed | 0 || 1;
  }

  next(max: number): Uint8Array {
    const length = Math.min(this.#left, max & ~3);
    this.#left -= length;
    const bytes = Buffer.allocUnsafeSlow((length + 3) & ~3);
    let state = this.#state;
    for (let offset = 0; offset < length; offset += 4) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      bytes.writeInt32LE(state, offset);
    }
    this.#state = state;
    return bytes.subarray(0, length);
  }

  get left(): number {
    return this.#left;
  }
}

export function program(): Program {
  return new Service();
}

class Service implements Program {
  #line = '';
  #mode: 'command' | 'echo' | 'get' | 'put' = 'command';
  #output: Uint8Array[] = [];
  #count = 0;
  #bytes: Bytes | undefined;
  #expected = 0;
  #hash = createHash('sha256');
  finished = false;
  readonly failed = false;

  get appetite(): number {
    return this.#output.length < 100 ? 1 << 16 : 0;
  }

  close(): void {}

  feed(bytes: Uint8Array): void {
    let rest = bytes;
    while (rest.length > 0) {
      if (this.#mode === 'put') {
        this.#put(rest);
        return;
      }
      const end = rest.indexOf(10);
      this.#line += Buffer.from(rest.subarray(0, end < 0 ? rest.length : end)).toString('latin1');
      if (end < 0) return;
      rest = rest.subarray(end + 1);
      const line = this.#line;
      this.#line = '';
      if (this.#mode === 'echo') this.#say(`${++this.#count} ${line}\n`);
      else this.#command(line);
    }
  }

  end(): void {
    this.finished = true;
  }

  produce(max: number): Uint8Array {
    const [first] = this.#output;
    if (first !== undefined) {
      this.#output.shift();
      return first;
    }
    if (this.#bytes === undefined) return nothing;
    const bytes = this.#bytes.next(max);
    if (this.#bytes.left === 0) {
      this.#bytes = undefined;
      this.finished = true;
    }
    return bytes;
  }

  #command(line: string): void {
    const [word, length = '0', seed = '1'] = line.split(' ');
    if (word === 'ECHO') this.#mode = 'echo';
    else if (word === 'GET') {
      this.#mode = 'get';
      this.#bytes = new Bytes(Number(length), Number(seed));
    } else if (word === 'PUT') {
      this.#mode = 'put';
      this.#expected = Number(length);
    } else this.finished = true;
  }

  #put(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.#expected -= bytes.length;
    if (this.#expected === 0) this.#say(`${this.#hash.digest('hex')}\n`);
  }

  #say(text: string): void {
    this.#output.push(Buffer.from(text, 'latin1'));
  }
}
