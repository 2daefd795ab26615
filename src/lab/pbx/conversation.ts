/**
 * What one connection to the exchange says and hears. Every line is a command and gets one numbered answer:
 *
 *   ADD 4041 Hedda        1 OK 4041 added
 *   CALL 4041 4042        2 NO '4042' is unknown
 *
 * Besides the exchange's own commands: FEED (the connection then gets every further line of the journal), FEED EXTENSION (of
 * one station's, from its first on), IMAGE LENGTH SEED (so many bytes of a known file follow the answer), QUIT; and `GET /image/LENGTH/SEED`, answered in HTTP/1.0. How the input
 * was cut does not matter. No I/O; the exchange is shared by all connections of a server.
 */
import { type Exchange, extensionPattern } from './exchange.ts';
import { Image } from './image.ts';

/** The longest command; more without an end is no client of ours. Characters. */
const lineMax = 1024;
const imageBytesMax = 1 << 30;
const nothing = new Uint8Array(0);
const encoder = new TextEncoder();
const lineFeed = 10;

type Mode = 'commands' | 'headers' | 'feed' | 'over';

export class Conversation {
  readonly #exchange: Exchange;
  /** There may be more to say although this side heard nothing. */
  readonly #wake: () => void;
  readonly #decoder = new TextDecoder();
  #mode: Mode = 'commands';
  #line = '';
  #answers = 0;
  #request = '';
  /** To be said, in order; an image is made when its turn comes. */
  readonly #output: (Uint8Array | Image)[] = [];
  #unsubscribe: () => void = () => undefined;

  /** `wake`: called when the journal has news for this connection. */
  constructor(exchange: Exchange, wake: () => void = () => undefined) {
    this.#exchange = exchange;
    this.#wake = wake;
  }

  /** Everything is said, and nothing will follow: the connection can be closed. */
  get finished(): boolean {
    return this.#mode === 'over' && this.#output.length === 0;
  }

  /** The next bytes of the client, who sent them at `nowMs` by the exchange's time. */
  feed(bytes: Uint8Array, nowMs: number): void {
    let rest = bytes;
    while (rest.length > 0 && this.#mode !== 'over') {
      const end = rest.indexOf(lineFeed);
      this.#line += this.#decoder.decode(end < 0 ? rest : rest.subarray(0, end), { stream: true });
      if (this.#line.length > lineMax) return this.end();
      if (end < 0) return;
      rest = rest.subarray(end + 1);
      const line = this.#line.replace(/\r$/, '');
      this.#line = '';
      this.#take(line, nowMs);
    }
  }

  /** The client says no more, or is gone. */
  end(): void {
    this.#mode = 'over';
    this.#unsubscribe();
  }

  /** What is to be said next, at most `max` bytes; none when there is nothing now. */
  produce(max: number): Uint8Array {
    const [first] = this.#output;
    if (first === undefined) return nothing;
    if (first instanceof Image) {
      const bytes = first.next(max);
      if (first.left === 0) this.#output.shift();
      return bytes;
    }
    if (first.length > max) {
      this.#output[0] = first.subarray(max);
      return first.subarray(0, max);
    }
    this.#output.shift();
    return first;
  }

  #take(line: string, nowMs: number): void {
    if (this.#mode === 'headers') {
      if (line === '') this.#respond();
      return;
    }
    // A feed hears nothing but its end.
    if (this.#mode === 'feed') {
      if (line === 'QUIT') this.end();
      return;
    }
    const [verb, ...words] = line.split(' ');
    if (verb === 'GET') {
      this.#mode = 'headers';
      this.#request = words[0] ?? '';
      // Before HTTP/1.0 there were no headers.
      if (words.length < 2) this.#respond();
    } else if (verb === 'IMAGE') this.#sayImage(words);
    else if (verb === 'FEED') this.#follow(words[0]);
    else if (verb === 'QUIT') {
      this.#answer('OK goodbye');
      this.end();
    } else this.#answer(this.#exchange.execute(line, nowMs));
  }

  #answer(text: string): void {
    this.#say(`${++this.#answers} ${text}\n`);
  }

  #say(text: string): void {
    this.#output.push(encoder.encode(text));
  }

  #follow(extension: string | undefined): void {
    const ofStation = extension !== undefined;
    if (ofStation && !extensionPattern.test(extension)) return this.#answer('NO such extension');
    const journal = ofStation ? this.#exchange.history(extension) : this.#exchange.journal;
    this.#answer(ofStation ? `OK ${extension} from the first on` : `OK after ${journal.position}`);
    this.#mode = 'feed';
    const hear = (entry: string): void => {
      this.#say(`${entry}\n`);
      this.#wake();
    };
    this.#unsubscribe = journal.subscribe(hear, ofStation);
  }

  #sayImage(words: readonly string[]): void {
    const image = imageNamed(words);
    if (image === undefined) return this.#answer('NO such image');
    this.#answer(`OK ${image.left} bytes follow`);
    if (image.left > 0) this.#output.push(image);
  }

  #respond(): void {
    const image = this.#request.startsWith('/image/')
      ? imageNamed(this.#request.slice('/image/'.length).split('/'))
      : undefined;
    if (image === undefined) this.#say('HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n');
    else {
      const type = 'Content-Type: application/octet-stream';
      this.#say(`HTTP/1.0 200 OK\r\n${type}\r\nContent-Length: ${image.left}\r\n\r\n`);
      if (image.left > 0) this.#output.push(image);
    }
    this.end();
  }
}

function imageNamed([length = '', seed = '', ...more]: readonly string[]): Image | undefined {
  const whole = /^\d{1,10}$/;
  if (!whole.test(length) || !whole.test(seed) || more.length > 0) return undefined;
  return Number(length) > imageBytesMax ? undefined : new Image(Number(length), Number(seed));
}
