/**
 * One end of one connection: bytes in, authenticated messages out, and the other way round. The first frame each way is a
 * hello; all others are sealed and numbered. A frame that is not what the next one must be is counted by its reason. A
 * repeated one is dropped; after any other the connection ends, because what a stream lost cannot be had from it again:
 * the next connection resumes.
 */
import { type Decoded, decoded, refused } from '../wire/result.ts';
import type { FrameSeal, MirrorCrypto, Protection } from './crypto.ts';
import {
  bodyAt,
  encodeFrame,
  type Frame,
  FrameReader,
  type FrameReason,
  frameHeader,
  frameLengthMax,
  writeFrameHead,
} from './frame.ts';
import {
  decodeHello,
  deriveSeals,
  drawNonce,
  encodeHello,
  type Hello,
  type HelloReason,
  helloLengthMax,
  keyId,
  type Side,
} from './hello.ts';
import { decodeMessage, encodeMessage, type Message, type MessageReason, MessageType } from './message.ts';

/** Why a frame was not believed. */
export type ConduitReason =
  | FrameReason
  | HelloReason
  | MessageReason
  /** Its tag is not what somebody with the key would have written on this connection. */
  | 'forged'
  /** Sealed well, but seen before on this connection. */
  | 'replayed'
  /** Sealed well, but one before it is missing. */
  | 'gap'
  /** A hello of our own side: our own word thrown back, or two standbys that met. */
  | 'reflected'
  | 'otherScope'
  | 'otherPeer'
  | 'otherProtection'
  | 'unknownKey';

export interface Identity {
  readonly crypto: MirrorCrypto;
  /** What is mirrored: see `Hello`. */
  readonly scope: string;
  readonly name: string;
  /** Keys of 32 bytes, 1 to 4; the first that both ends have is used, in the order of the sink. */
  readonly keys: readonly Uint8Array[];
  readonly protection: Protection;
}

/** How often each reason was met. */
export class Tally {
  readonly #counts = new Map<string, number>();

  count(reason: string): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
  }

  read(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }
}

export class Conduit {
  readonly #side: Side;
  readonly #identity: Identity;
  readonly #expected: string | undefined;
  readonly #tally: Tally;
  readonly #reader = new FrameReader();
  readonly #nonce: Uint8Array;
  readonly #outgoing: Uint8Array[] = [];
  /** Our hello as it went out. */
  #ownHello: Uint8Array | undefined;
  #seals: { readonly ours: FrameSeal; readonly theirs: FrameSeal } | undefined;
  #sent = 0;
  #heard = 0;
  #peer: string | undefined;
  #broken: ConduitReason | undefined;

  /** `expected`: the only peer that is let in; undefined: whoever has the key says who it is. */
  constructor(side: Side, identity: Identity, tally: Tally, expected?: string) {
    this.#side = side;
    this.#identity = identity;
    this.#tally = tally;
    this.#expected = expected;
    this.#nonce = drawNonce(identity.crypto);
    if (side === 'sink') this.#sendHello(identity.keys.map((key) => this.#keyId(key, this.#nonce)));
  }

  /** The other end's name. Proven by the first message that `receive` gives out. */
  get peer(): string | undefined {
    return this.#peer;
  }

  /** Messages can be sent. */
  get open(): boolean {
    return this.#seals !== undefined && this.#broken === undefined;
  }

  get broken(): ConduitReason | undefined {
    return this.#broken;
  }

  /** The messages in these bytes, one at a time: what is done about one may end the reading. */
  *receive(bytes: Uint8Array): Generator<Message, void, undefined> {
    let offset = 0;
    while (this.#broken === undefined && offset < bytes.length) {
      const lengthMax = this.#seals === undefined ? helloLengthMax : frameLengthMax;
      const { used, frame, reason } = this.#reader.read(bytes, offset, lengthMax);
      offset = used;
      if (reason !== undefined) return this.#break(reason);
      if (frame === undefined) return;
      const message = this.accept(frame);
      if (message !== undefined) yield message;
    }
  }

  /** For who finds the frames in the bytes: the message in the next one, if there is one; after that see `broken`. */
  accept(frame: Frame): Message | undefined {
    const result = this.#seals === undefined ? this.#hello(frame) : this.#sealed(frame, this.#seals.theirs);
    if (result.ok) return result.value;
    if (result.reason === 'replayed') this.#tally.count('replayed');
    else this.#break(result.reason);
    return undefined;
  }

  /** What came is no frame. */
  refuse(reason: FrameReason): void {
    this.#break(reason);
  }

  /** Seals the message and queues it. Only while `open`. */
  send(message: Message): void {
    const body = encodeMessage(message);
    const frame = new Uint8Array(bodyAt + body.length + this.overhead);
    frame.set(body, bodyAt);
    this.seal(message.type, frame);
    this.#outgoing.push(frame);
  }

  /** What a frame has behind its body, bytes. Only while `open`. */
  get overhead(): number {
    return this.#open().ours.overhead;
  }

  /** Makes a frame, the next one of all, of bytes that have a body at `bodyAt` and room for `overhead` behind it. */
  seal(type: MessageType, frame: Uint8Array): void {
    const header = writeFrameHead(frame, type, ++this.#sent);
    this.#open().ours.seal(this.#sent, header, frame.subarray(bodyAt));
  }

  #open(): { readonly ours: FrameSeal; readonly theirs: FrameSeal } {
    if (this.#seals === undefined) throw new Error('the conduit is not open yet');
    return this.#seals;
  }

  /** The next frame to write, or undefined when nothing is queued. */
  produce(): Uint8Array | undefined {
    return this.#outgoing.shift();
  }

  #break(reason: ConduitReason): void {
    this.#broken = reason;
    this.#tally.count(reason);
    this.#outgoing.length = 0;
  }

  #keyId(key: Uint8Array, nonce: Uint8Array): number {
    return keyId(this.#identity.crypto, key, nonce);
  }

  #sendHello(keyIds: readonly number[]): void {
    const { protection, scope, name } = this.#identity;
    const hello = { side: this.#side, protection, nonce: this.#nonce, keyIds, scope, name };
    this.#ownHello = encodeHello(hello);
    this.#outgoing.push(encodeFrame(frameHeader(MessageType.hello, 0), this.#ownHello));
  }

  #hello(frame: Frame): Decoded<undefined, ConduitReason> {
    if (frame.type !== MessageType.hello || frame.counter !== 0) return refused('unknownType');
    const result = decodeHello(frame.body);
    if (!result.ok) return result;
    const hello = result.value;
    const { crypto, scope, protection } = this.#identity;
    if (hello.side === this.#side) return refused('reflected');
    if (hello.scope !== scope) return refused('otherScope');
    if (hello.protection !== protection) return refused('otherProtection');
    if (this.#expected !== undefined && hello.name !== this.#expected) return refused('otherPeer');
    const key = this.#commonKey(hello);
    if (key === undefined) return refused('unknownKey');
    // The source answers with the one key that it took, so that both derive from the same.
    if (this.#side === 'source') this.#sendHello([this.#keyId(key, this.#nonce)]);
    if (this.#ownHello === undefined) return refused('badValue');
    const hellos =
      this.#side === 'sink'
        ? { sink: this.#ownHello, source: frame.body }
        : { sink: frame.body, source: this.#ownHello };
    const seals = deriveSeals(crypto, key, protection, hellos);
    this.#seals =
      this.#side === 'sink'
        ? { ours: seals.sink, theirs: seals.source }
        : { ours: seals.source, theirs: seals.sink };
    this.#peer = hello.name;
    return decoded(undefined);
  }

  #commonKey({ keyIds, nonce }: Hello): Uint8Array | undefined {
    const own = this.#identity.keys.map((key) => ({ key, id: this.#keyId(key, nonce) }));
    for (const theirs of keyIds) {
      const match = own.find(({ id }) => id === theirs);
      if (match !== undefined) return match.key;
    }
    return undefined;
  }

  #sealed(frame: Frame, theirs: FrameSeal): Decoded<Message, ConduitReason> {
    const body = theirs.open(frame.counter, frame.header, frame.body);
    if (body === undefined) return refused('forged');
    if (frame.counter <= this.#heard) return refused('replayed');
    if (frame.counter !== this.#heard + 1) return refused('gap');
    this.#heard = frame.counter;
    return decodeMessage(frame.type, body);
  }
}
