/**
 * A member played by a test towards a real proxy's daemon: real datagrams, sealed and fresh, but said by hand. Its sockets
 * are in another network namespace.
 */

import { UdpSocket } from '../../src/linux/udp-socket.ts';
import { type IpAddress, parseIp } from '../../src/wire/address.ts';
import { controlLengthMax, decodeControl, encodeControl } from '../../src/wire/control/codec.ts';
import { Freshness } from '../../src/wire/control/freshness.ts';
import {
  type ControlMessage,
  ControlType,
  MemberState,
  type NodeId,
  noTerm,
  type PathId,
  RegistrationCode,
  type Term,
} from '../../src/wire/control/message.ts';
import { seal, sealLength, unseal } from '../../src/wire/control/seal.ts';
import { hmacSha256 } from '../../src/wire/control/sha256.ts';
import { inPeer } from '../namespace.ts';

export interface Part {
  readonly self: NodeId;
  readonly proxy: NodeId;
  readonly path: PathId;
  readonly boot: number;
  readonly cluster: number;
  readonly group: number;
  readonly keyHex: string;
  readonly namespace: string;
  readonly interface: string;
  readonly address: string;
  readonly proxyAddress: string;
  readonly port: number;
}

export interface Word {
  readonly state: MemberState;
  readonly term: Term;
}

export class PlayedMember {
  /** Answers to registrations, as they were believed. */
  readonly answers: ControlMessage[] = [];
  /** What it says in its heartbeats. */
  word: Word = { state: MemberState.standby, term: noTerm };
  readonly #part: Part;
  readonly #socket: UdpSocket;
  readonly #freshness: Freshness;
  readonly #to: IpAddress;
  #sequence = 0;
  #identification = 0;

  constructor(part: Part) {
    this.#part = part;
    const [from, to] = [parseIp(part.address), parseIp(part.proxyAddress)];
    if (from === undefined || to === undefined) throw new Error('the part has wrong addresses');
    this.#to = to;
    const { interface: name, port } = part;
    this.#socket = inPeer(part.namespace, () =>
      UdpSocket.open({ interface: name, localAddress: from, port }),
    );
    const { self, proxy: peer, cluster, path, boot } = part;
    this.#freshness = new Freshness({ self, peer, cluster, path, boot });
  }

  /** One heartbeat, and whatever the proxy said meanwhile. */
  beat(): void {
    const { group } = this.#part;
    const records = [{ group, priority: 100, flags: 0, falls: 0, yourFalls: 0, ...this.word }];
    this.send(this.sealed({ intervalUs: 100_000, groups: records }));
    this.hear();
  }

  /** Asks for a registration as `word` says; returns the bytes that were sent. */
  register(word: Word, keyHex: string = this.#part.keyHex, lifetimeMs = 60_000): Uint8Array {
    this.#identification++;
    const registration = {
      identification: this.#identification,
      lifetimeMs,
      code: RegistrationCode.accepted,
    };
    const { register: type } = ControlType;
    const bytes = this.sealed({ type, scope: this.#part.group, ...word, registration }, keyHex);
    this.send(bytes);
    return bytes;
  }

  sealed(changes: Partial<ControlMessage>, keyHex: string = this.#part.keyHex): Uint8Array {
    const { self, proxy, path, boot, cluster } = this.#part;
    const buffer = new Uint8Array(controlLengthMax + sealLength);
    const message: ControlMessage = {
      ...{ type: ControlType.heartbeat, flags: 0, cluster, sender: self, receiver: proxy, path },
      ...{ senderBoot: boot, echoBoot: this.#freshness.echo, sequence: ++this.#sequence },
      ...{ scope: 0, term: noTerm, state: MemberState.starting, intervalUs: 0, groups: [], target: 0 },
      ...changes,
    };
    const length = encodeControl(message, buffer);
    return buffer.slice(0, seal(buffer, length, hmacSha256(Buffer.from(keyHex, 'hex'))));
  }

  send(bytes: Uint8Array): void {
    this.#socket.send(bytes, bytes.length, this.#to, this.#part.port);
  }

  hear(): void {
    const key = hmacSha256(Buffer.from(this.#part.keyHex, 'hex'));
    this.#socket.receive((bytes) => {
      const body = unseal(bytes, [key]);
      const message = body.ok ? decodeControl(body.value) : body;
      if (!message.ok || this.#freshness.check(message.value).verdict !== 'believed') return;
      if (message.value.type === ControlType.registered) this.answers.push(message.value);
    }, 64);
  }

  close(): void {
    this.#socket.close();
  }
}
