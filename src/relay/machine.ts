/**
 * One machine's part in a mirrored service: devices, gate or replica, the service's sockets and programs, in one loop that
 * nothing in it blocks. The active takes packets in, has them committed, delivers them, and answers; the standby rebuilds
 * each connection from its handshake and runs the same programs on the same bytes, unheard, until it takes over.
 */
import { Diversion } from '../linux/diversion.ts';
import { EPOLLIN, EPOLLOUT } from '../linux/epoll.ts';
import { interfaceMac } from '../linux/interfaces.ts';
import { announcedWindowScale, ServiceListener, ServiceSocket } from '../linux/service-socket.ts';
import { Tun } from '../linux/tun.ts';
import { Gate } from '../sessions/gate.ts';
import { decodePacket, flowKey, offloadHeaderLength } from '../sessions/packet.ts';
import { formatIp, type IpAddress, type MacAddress, parseIp, writeMac } from '../wire/address.ts';
import { tcpFlag } from '../wire/tcp.ts';
import { Agreements } from './agreements.ts';
import {
  type ChannelEvents,
  type CommitChannel,
  decodeGreeting,
  decodeWord,
  encodeGreeting,
  encodeWord,
  StreamChannel,
  type Word,
} from './channel.ts';
import { Readiness } from './readiness.ts';
import { Replicas } from './replicas.ts';
import { type Program, Session } from './session.ts';

export interface MachineConfig {
  readonly role: 'active' | 'standby';
  readonly interface: string;
  readonly address: IpAddress;
  readonly port: number;
  /** Where the active waits for the standby: its address on the link. */
  readonly channel: { readonly address: IpAddress; readonly port: number };
  /** A program for a new connection. */
  readonly program: () => Program;
}

/** In numbers, for whoever watches. */
export interface MachineCounts {
  /** Connections that this machine has a socket of. */
  readonly sessions: number;
  /** Of these, those that both machines have from their beginning. */
  readonly survivable: number;
  /** Replicas given up, because their packets found no room or their socket could not be made. */
  readonly lost: number;
  /** Connections whose two programs ended with different output. */
  readonly diverged: number;
  /** Packets sent to the standby, and turned away because too many waited. */
  readonly committed: number;
  readonly dropped: number;
  /** See `ReplicaInput`. */
  readonly partials: number;
  readonly repeats: number;
}

const gateName = 'ussgate';
const sinkName = 'usssink';
const farewellMark = 0x0055_5365;
const heldBytesMax = 64 << 20;
const frameBytesMax = offloadHeaderLength + 14 + 65_575;
const framesPerTurn = 256;
const backlog = 1024;
/** A standby that has lost its power closes nothing; until it is given up no packet reaches the service. */
const standbyPatienceMs = 300;
/** While replicas wait for themselves: their kernel sends by timers too. */
const stalledUs = 500;
const idleUs = 20_000;

export class Machine {
  readonly #config: MachineConfig;
  readonly #readiness = new Readiness();
  readonly #gateDevice: Tun;
  readonly #sinkDevice: Tun;
  readonly #gateMac: MacAddress;
  readonly #diversion: Diversion;
  readonly #gate: Gate;
  readonly #replicas: Replicas;
  readonly #sessions = new Map<string, Session>();
  readonly #agreements = new Agreements();
  /** Commits before this channel's first. */
  #committedBefore = 0;
  readonly #frame = Buffer.alloc(frameBytesMax);
  #diverged = 0;
  readonly #scrap = Buffer.alloc(64);
  readonly #listener: ServiceListener;
  #channel: CommitChannel | undefined;
  #speaks: boolean;
  #running = true;

  /** The service's address must be on this machine. Throws OperationError. */
  constructor(config: MachineConfig) {
    this.#config = config;
    this.#speaks = config.role === 'active';
    this.#gate = new Gate('alone', heldBytesMax);
    this.#gateDevice = Tun.open({ name: gateName, kind: 'tap', vnetHeader: true });
    this.#sinkDevice = Tun.open({ name: sinkName, kind: 'tap', vnetHeader: true });
    this.#gateMac = interfaceMac(gateName);
    this.#diversion = new Diversion({
      name: 'understudy-sessions',
      interface: config.interface,
      address: config.address,
      port: config.port,
      gate: gateName,
      sink: sinkName,
      farewellMark,
    });
    this.#listener = ServiceListener.open({ address: config.address, port: config.port, backlog });
    this.#replicas = new Replicas({
      program: config.program,
      inject: (frame) => this.#deliver(frame),
      say: (word) => this.#say(word),
      farewellMark,
    });
    if (this.#speaks) this.#diversion.speak();
  }

  get counts(): MachineCounts {
    const { survivable: replicas, ...others } = this.#replicas.counts;
    const { committed, dropped } = this.#gate.counts;
    const mirrored = [...this.#sessions.keys()].filter((flow) => this.#agreements.isMirrored(flow)).length;
    const sessions = this.#sessions.size + replicas;
    const survivable = replicas + mirrored;
    return { sessions, survivable, diverged: this.#diverged, committed, dropped, ...others };
  }

  /** Calls `ready` when the descriptor can be read. */
  watch(fd: number, ready: () => void): void {
    this.#readiness.watch(fd, EPOLLIN, ready);
  }

  stop(): void {
    this.#running = false;
  }

  run(): void {
    this.watch(this.#gateDevice.fd, () => this.#arriving());
    this.watch(this.#sinkDevice.fd, () => this.#swallow());
    this.watch(this.#listener.fd, () => this.#accept());
    this.#join();
    while (this.#running) {
      this.#readiness.turn(this.#replicas.stalled ? stalledUs : idleUs);
      this.#replicas.turn();
      this.#flush();
    }
  }

  /**
   * The other machine is gone: everything it committed is in, from here on this one speaks. Returns what a client that
   * waits is poked with.
   */
  takeOver(mac: MacAddress): readonly Uint8Array[] {
    // What arrived before the end counts: the other side delivered it.
    const channel = this.#channel;
    if (channel !== undefined) {
      this.#receive(channel);
      this.#detach(channel);
    }
    this.#replicas.speak();
    this.#diversion.speak();
    this.#speaks = true;
    return this.#replicas.pokes(mac);
  }

  #join(): void {
    const { role, channel } = this.#config;
    if (role === 'active') {
      const listener = ServiceListener.open({ ...channel, backlog: 1 });
      this.watch(listener.fd, () => {
        const accepted = listener.accept();
        if (accepted === undefined) return;
        accepted.socket.giveUpAfter(standbyPatienceMs);
        this.#attach(new StreamChannel(accepted.socket));
        const loopback = parseIp(formatIp(this.#config.address).includes(':') ? '::1' : '127.0.0.1');
        if (loopback !== undefined)
          this.#channel?.greet(encodeGreeting({ windowScale: announcedWindowScale(loopback) }));
        this.#committedBefore = this.#gate.counts.committed;
        this.#gate.setMode('commit');
      });
      return;
    }
    this.#attach(new StreamChannel(ServiceSocket.connect(channel)));
  }

  #attach(channel: CommitChannel): void {
    if (this.#channel !== undefined) this.#detach(this.#channel);
    this.#channel = channel;
    this.watch(channel.fd, () => {
      if (!this.#receive(channel)) this.#detach(channel);
    });
  }

  #detach(channel: CommitChannel): void {
    if (this.#channel !== channel) return;
    this.#readiness.forget(channel.fd);
    channel.close();
    this.#channel = undefined;
    if (this.#config.role !== 'active') return;
    this.#gate.setMode('alone');
    this.#agreements.forgetAll();
    for (const session of this.#sessions.values()) this.#progress(session);
  }

  #receive(channel: CommitChannel): boolean {
    return channel.receive(this.#channelEvents);
  }

  readonly #channelEvents: ChannelEvents = {
    greeted: (body) => this.#replicas.greeted(decodeGreeting(body)),
    record: (frame) => {
      const packet = decodePacket(frame);
      if (packet.ok) this.#replicas.arrive(packet.value, false);
    },
    held: (count) => {
      this.#gate.committed(this.#committedBefore + count);
    },
    word: (body) => {
      const word = decodeWord(body);
      if (word !== undefined) this.#heard(word);
    },
  };

  #heard(word: Word): void {
    this.#agreements.heard(word);
    const session = this.#sessions.get(word.flow);
    if (session !== undefined) this.#progress(session);
  }

  #say(word: Word): void {
    this.#channel?.word(encodeWord(word));
  }

  /** Frames that the diversion took off the LAN. */
  #arriving(): void {
    for (let turn = 0; turn < framesPerTurn; turn++) {
      const length = this.#gateDevice.read(this.#frame);
      if (length < 0) break;
      this.#arrive(this.#frame.subarray(0, length));
    }
    this.#act();
  }

  #arrive(view: Uint8Array): void {
    const peeked = decodePacket(view);
    // The kernel says things of its own into the device; what is no packet of the service is nobody's.
    if (!peeked.ok || peeked.value.destination.port !== this.#config.port) return;
    if (!this.#speaks) return;
    const frame = Uint8Array.from(view);
    if (this.#config.role === 'standby') {
      const packet = decodePacket(frame);
      if (packet.ok && this.#replicas.arrive(packet.value, true)) return;
    }
    const { flow, segment } = peeked.value;
    const isFirst = (segment.flags & (tcpFlag.syn | tcpFlag.ack)) === tcpFlag.syn;
    if (isFirst && this.#gate.mode === 'commit') this.#agreements.begun(flow);
    this.#gate.arrive(frame);
  }

  #act(): void {
    for (const effect of this.#gate.takeEffects()) {
      if (effect.kind === 'commit') this.#channel?.record(effect.frame);
      else this.#deliver(effect.frame);
    }
  }

  /** Lets the kernel receive a frame, addressed to the device. */
  #deliver(frame: Uint8Array): void {
    writeMac(frame, offloadHeaderLength, this.#gateMac);
    this.#gateDevice.write(frame, frame.length);
  }

  #swallow(): void {
    for (let turn = 0; turn < framesPerTurn; turn++) if (this.#sinkDevice.read(this.#scrap) < 0) return;
  }

  #accept(): void {
    for (;;) {
      const accepted = this.#listener.accept();
      if (accepted === undefined) return;
      const flow = flowKey(accepted.from, this.#config);
      const session = new Session(flow, accepted.socket, this.#config.program());
      this.#sessions.set(flow, session);
      this.#readiness.watch(session.socket.fd, EPOLLIN, () => this.#progress(session));
      this.#progress(session);
    }
  }

  /** Lets a session of our own do what it can, and close when that is agreed. */
  #progress(session: Session): void {
    session.pump();
    if (session.finished && !session.finishing && this.#agreements.mayClose(session.flow)) {
      const word = this.#agreements.word(session.flow);
      if (word !== undefined && !agrees(word, session)) this.#diverged++;
      session.finish(farewellMark);
    }
    if (session.over) {
      this.#readiness.forget(session.socket.fd);
      session.socket.close();
      this.#sessions.delete(session.flow);
      this.#agreements.forget(session.flow);
      return;
    }
    this.#readiness.change(
      session.socket.fd,
      (session.reading ? EPOLLIN : 0) | (session.blocked ? EPOLLOUT : 0),
    );
  }

  #flush(): void {
    this.#act();
    const channel = this.#channel;
    if (channel === undefined) return;
    if (!channel.flush()) this.#detach(channel);
    else this.#readiness.change(channel.fd, channel.blocked ? EPOLLIN | EPOLLOUT : EPOLLIN);
  }
}

/** Whether both programs said the same. */
function agrees({ offset, digest }: Word, session: Session): boolean {
  return offset === session.digest.offset && digest === session.digest.text;
}
