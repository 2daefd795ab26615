/**
 * The paths to the peers: one UDP socket for each local address and port, who is believed on it, and the sealing of
 * what leaves. Foreign bytes pass five gates in order: a known sender, its hop count, the HMAC, the format, freshness.
 * Each refusal is counted by its reason and has no other effect.
 */
import { monotonicUs } from '../../linux/clock.ts';
import { errnoName } from '../../linux/errno.ts';
import { UdpSocket } from '../../linux/udp-socket.ts';
import { type IpAddress, parseIp } from '../../wire/address.ts';
import { controlLengthMax, decodeControl, encodeControl } from '../../wire/control/codec.ts';
import { Freshness, hopsAllowed } from '../../wire/control/freshness.ts';
import type { BootNonce, ControlMessage, NodeId, PathId } from '../../wire/control/message.ts';
import { type Hmac, seal, sealLength, unseal } from '../../wire/control/seal.ts';
import { hmacSha256 } from '../../wire/control/sha256.ts';
import type { PathLink, ReactorConfig, ReactorReport } from '../bridge.ts';
import { Twins } from './twins.ts';

/** What a caller says; the path adds addresses, nonces and its counter. */
export type Outgoing = Omit<
  ControlMessage,
  'cluster' | 'sender' | 'receiver' | 'path' | 'senderBoot' | 'echoBoot' | 'sequence'
>;

export interface Path {
  readonly link: PathLink;
  readonly peerAddress: IpAddress;
  readonly freshness: Freshness;
  socket: UdpSocket;
  sequence: number;
  carrier: boolean;
}

/** So many are read from one socket in one turn: some 200 µs when each must be hashed. */
const datagramsPerTurn = 64;

/** Handed each believed message while a socket is drained. */
export type Believed = (path: Path, message: ControlMessage) => void;

export class Paths {
  readonly all: readonly Path[];
  /** Ignored datagrams by reason; datagrams that could not be sent by errno. */
  readonly refused: Map<string, number> = new Map();
  readonly #config: ReactorConfig;
  readonly #boot: BootNonce;
  readonly #hmacs: readonly Hmac[];
  readonly #buffer: Uint8Array = new Uint8Array(controlLengthMax + sealLength);
  readonly #sockets: Map<string, UdpSocket> = new Map();
  readonly #twins: Twins;

  constructor(config: ReactorConfig, boot: BootNonce, report: (report: ReactorReport) => void) {
    this.#twins = new Twins(report);
    this.#config = config;
    this.#boot = boot;
    this.#hmacs = config.keys.map((hex) => hmacSha256(Buffer.from(hex, 'hex')));
    this.all = config.paths.map((link) => this.#open(link));
  }

  /** The distinct sockets, for the loop to watch. */
  sockets(): readonly UdpSocket[] {
    return [...this.#sockets.values()];
  }

  find(peer: NodeId, path: PathId): Path | undefined {
    return this.all.find((one) => one.link.peer === peer && one.link.path === path);
  }

  /** Reads a turn's share; every datagram that passes the gates goes to `believed`. False: there may be more. */
  receive(socket: UdpSocket, believed: Believed): boolean {
    const read = socket.receive((bytes, from, _port, ttl) => {
      const path = this.all.find((one) => one.socket === socket && one.peerAddress === from);
      if (path === undefined) return this.#stranger(bytes, from);
      if (!hopsAllowed(ttl, path.link.hops)) return this.count('tooManyHops');
      const message = this.open(path, bytes);
      if (message !== undefined) believed(path, message);
    }, datagramsPerTurn);
    return read < datagramsPerTurn;
  }

  /** The last three gates: HMAC, format, freshness. Used for datagrams and for the first bytes of a tether. */
  open(path: Path, bytes: Uint8Array): ControlMessage | undefined {
    const body = unseal(bytes, this.#hmacs);
    if (!body.ok) {
      this.count(body.reason);
      return undefined;
    }
    const decoded = decodeControl(body.value);
    if (!decoded.ok) {
      this.count(decoded.reason);
      return undefined;
    }
    const judged = path.freshness.check(decoded.value);
    if (judged.verdict === 'believed') return decoded.value;
    const reason = judged.verdict === 'refused' ? judged.reason : 'introduced';
    this.count(reason);
    if (reason === 'sameNode' || path.freshness.contested)
      this.#twins.heard(decoded.value.sender, path.peerAddress, monotonicUs());
    return undefined;
  }

  /** Not one of the addresses we know; but perhaps a node that we know, at another place. */
  #stranger(bytes: Uint8Array, from: IpAddress): void {
    this.count('unknownSender');
    const nowUs = monotonicUs();
    if (!this.#twins.curious(nowUs)) return;
    const body = unseal(bytes, this.#hmacs);
    const message = body.ok ? decodeControl(body.value) : body;
    if (!message.ok || message.value.cluster !== this.#config.cluster) return;
    const { sender } = message.value;
    const { self, peers } = this.#config.engine;
    if (sender === self || peers.some(({ id }) => id === sender)) this.#twins.heard(sender, from, nowUs);
  }

  /** Sends one datagram on one path. A failure is counted: the silence it makes is the peer's to notice. */
  send(path: Path, message: Outgoing): void {
    const errno = path.socket.send(
      this.#buffer,
      this.sealed(path, message),
      path.peerAddress,
      path.link.port,
    );
    if (errno !== 0) this.count(`unsent.${errnoName(errno)}`);
  }

  /** Encodes and seals into the shared buffer; returns the length. */
  sealed(path: Path, message: Outgoing): number {
    path.sequence++;
    const [hmac] = this.#hmacs;
    if (hmac === undefined) throw new Error('no key: the configuration must hold at least one');
    const length = encodeControl(
      {
        ...message,
        cluster: this.#config.cluster,
        sender: this.#config.engine.self,
        receiver: path.link.peer,
        path: path.link.path,
        senderBoot: this.#boot,
        echoBoot: path.freshness.echo,
        sequence: path.sequence,
      },
      this.#buffer,
    );
    return seal(this.#buffer, length, hmac);
  }

  /** The bytes `sealed` wrote; valid until the next call. */
  get buffer(): Uint8Array {
    return this.#buffer;
  }

  /** An interface came back under a new index: its sockets are bound to the old one and hear nothing. */
  reopen(interfaceName: string): void {
    for (const [key, socket] of [...this.#sockets]) {
      const users = this.all.filter((path) => path.socket === socket);
      if (users[0]?.link.interface !== interfaceName) continue;
      socket.close();
      this.#sockets.delete(key);
      for (const path of users) path.socket = this.#socketFor(path.link);
    }
  }

  count(reason: string): void {
    this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1);
  }

  close(): void {
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }

  #open(link: PathLink): Path {
    return {
      link,
      peerAddress: addressOf(link.peerAddress),
      freshness: new Freshness({
        self: this.#config.engine.self,
        peer: link.peer,
        cluster: this.#config.cluster,
        path: link.path,
        boot: this.#boot,
      }),
      socket: this.#socketFor(link),
      sequence: 0,
      carrier: true,
    };
  }

  #socketFor(link: PathLink): UdpSocket {
    const key = `${link.interface} ${link.localAddress} ${link.port}`;
    const open = this.#sockets.get(key);
    if (open !== undefined) return open;
    const socket = UdpSocket.open({
      interface: link.interface,
      localAddress: addressOf(link.localAddress),
      port: link.port,
      ttl: 255,
    });
    this.#sockets.set(key, socket);
    return socket;
  }
}

/** The daemon has validated the text; a wrong one here is a broken contract. */
export function addressOf(text: string): IpAddress {
  const address = parseIp(text);
  if (address === undefined) throw new Error(`'${text}' is not an address`);
  return address;
}
