/**
 * One machine's part in a mirrored service: devices, gate or replica, the service's sockets and programs, in one loop that
 * nothing in it blocks. The active takes packets in, has them committed, delivers them, and answers; the standby rebuilds
 * each connection from its handshake and runs the same programs on the same bytes, unheard, until it takes over.
 */
import { monotonicUs } from '../linux/clock.ts';
import { Diversion } from '../linux/diversion.ts';
import { EPOLLIN, EPOLLOUT } from '../linux/epoll.ts';
import { interfaceMac } from '../linux/interfaces.ts';
import { announcedWindowScale, ServiceListener, ServiceSocket } from '../linux/service-socket.ts';
import { Tun } from '../linux/tun.ts';
import { Gate } from '../sessions/gate.ts';
import { type Commitment, HeldOutput } from '../sessions/output.ts';
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
import { Commitments, decodeOutputWord, encodeOutputWord, type OutputWord } from './commitments.ts';
import type { Feed } from './feed/feed.ts';
import type { Programs } from './program.ts';
import { Readiness } from './readiness.ts';
import { Replicas } from './replicas.ts';
import { Session } from './session.ts';

export interface MachineConfig {
  readonly role: 'active' | 'standby';
  readonly interface: string;
  readonly address: IpAddress;
  readonly port: number;
  /** Where the active waits for the standby: its address on the link. */
  readonly channel: { readonly address: IpAddress; readonly port: number };
  readonly program: Programs;
  /** Where `program` comes from when connections share a program: then it is mirrored as a whole. */
  readonly feed?: Feed;
  /** How long the end of a connection waits for its replica's, ms. */
  readonly farewellPatienceMs?: number;
  /** Told of each connection that does not survive although both machines had it from its beginning. */
  readonly notice?: (notice: SessionNotice) => void;
}

/** On the active. `overdue`: its replica did not come to its end in time, and it was closed without it. */
export interface SessionNotice {
  readonly kind: 'diverged' | 'lost' | 'overdue';
  readonly flow: string;
  /** What both had said until then, bytes. */
  readonly offset: number;
}

/** In numbers, for whoever watches. */
export interface MachineCounts {
  /** A shared program is there, and was fed everything. True without one. */
  readonly healthy: boolean;
  /** New connections are known to both machines. */
  readonly mirroring: boolean;
  /** Connections that this machine has a socket of. */
  readonly sessions: number;
  /** Of these, those that both machines have from their beginning. */
  readonly survivable: number;
  /** Replicas given up, because their packets found no room or their socket could not be made. */
  readonly lost: number;
  /** Connections whose two programs said different things. */
  readonly diverged: number;
  /** Connections that were closed without their replica, which did not come to its end in time. */
  readonly overdue: number;
  /** On the standby: connections known not to survive; and clients that were told so after the takeover. */
  readonly doomed: number;
  readonly reset: number;
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
/** Longer than the failure of a backend takes to be noticed. */
const farewellPatienceMsDefault = 5000;
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
  readonly #sessions = new Map<string, Session<HeldOutput>>();
  readonly #commitments = new Commitments();
  /** The active's words that are here, and those that it knows to be here. */
  #heard = 0;
  #heardTold = 0;
  #overdue = 0;
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
  #mirroring = false;

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
      readiness: this.#readiness,
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
    const diverged = this.#diverged + others.diverged;
    return {
      healthy: this.#config.feed?.healthy ?? true,
      mirroring: this.#mirroring,
      sessions,
      survivable,
      committed,
      dropped,
      ...others,
      diverged,
      overdue: this.#overdue,
    };
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
    this.#config.feed?.start(this.#readiness, this.#config.role === 'active');
    this.#join();
    while (this.#running) {
      this.#readiness.turn(this.#replicas.stalled ? stalledUs : idleUs);
      this.#replicas.turn();
      this.#giveUpOverdue();
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
    this.#replicas.keepClocks();
    this.#diversion.speak();
    this.#speaks = true;
    this.#config.feed?.lead();
    this.#replicas.lead();
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
        this.#commitments.reset();
        this.#gate.setMode('commit');
        this.#mirroring = true;
        this.#config.feed?.mirrorTo((entry) => this.#channel?.word(encodeOutputWord({ kind: 'fed', entry })));
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
    this.#mirroring = false;
    if (this.#config.role !== 'active') return;
    this.#gate.setMode('alone');
    this.#config.feed?.unmirror();
    this.#agreements.forgetAll();
    this.#commitments.reset();
    for (const session of [...this.#sessions.values()]) this.#release(session);
  }

  #receive(channel: CommitChannel): boolean {
    return channel.receive(this.#channelEvents);
  }

  readonly #channelEvents: ChannelEvents = {
    greeted: (body) => {
      this.#mirroring = true;
      this.#replicas.greeted(decodeGreeting(body));
    },
    record: (frame) => {
      const packet = decodePacket(frame);
      if (packet.ok) this.#replicas.arrive(packet.value, false);
    },
    held: (count) => {
      this.#gate.committed(this.#committedBefore + count);
    },
    word: (body) => {
      const output = decodeOutputWord(body);
      const word = output === undefined ? decodeWord(body) : undefined;
      if (output !== undefined) this.#hearOfOutput(output);
      else if (word !== undefined) this.#hear(word);
    },
  };

  #hear(word: Word): void {
    const mirrored = this.#agreements.isMirrored(word.flow);
    this.#agreements.heard(word);
    const session = this.#sessions.get(word.flow);
    if (word.kind !== 'finished' && mirrored) {
      if (word.kind === 'diverged') this.#diverged++;
      this.#config.notice?.({ kind: word.kind, flow: word.flow, offset: word.offset });
      if (session !== undefined) this.#release(session);
    } else if (session !== undefined) this.#progress(session);
  }

  #hearOfOutput(word: OutputWord): void {
    if (word.kind === 'fed') this.#config.feed?.follow(word.entry);
    else if (word.kind === 'had') this.#commitments.had(word.count);
    else if (word.kind === 'said') {
      this.#heard++;
      this.#replicas.said(word.flow, word.commitment);
    } else this.#replicas.abandoned(word.flow, word.kind === 'over');
  }

  /** Tells the standby what `session` is about to say. False: it has no part in it. */
  #commit(flow: string, commitment: Commitment): boolean {
    const channel = this.#channel;
    // What one connection of a shared program says tells of what others said before.
    const shared = this.#config.feed !== undefined;
    if (channel === undefined || !(shared || this.#agreements.isMirrored(flow))) return false;
    channel.word(encodeOutputWord({ kind: 'said', flow, commitment }));
    this.#commitments.said(() => {
      const session = this.#sessions.get(flow);
      session?.output.clear(commitment.offset);
      if (session !== undefined) this.#progress(session);
    });
    return true;
  }

  /** The standby has no part in this connection any more. */
  #release(session: Session<HeldOutput>): void {
    if (this.#config.feed === undefined || this.#channel === undefined) session.output.release();
    this.#progress(session);
  }

  /** Connections whose replica does not come to its end are closed without it. */
  #giveUpOverdue(): void {
    const patienceMs = this.#config.farewellPatienceMs ?? farewellPatienceMsDefault;
    for (const flow of this.#agreements.overdue(monotonicUs() - patienceMs * 1000)) {
      const session = this.#sessions.get(flow);
      this.#agreements.goAlone(flow);
      this.#channel?.word(encodeOutputWord({ kind: 'alone', flow }));
      this.#overdue++;
      const offset = session?.output.said.offset ?? 0;
      this.#config.notice?.({ kind: 'overdue', flow, offset });
      if (session !== undefined) this.#release(session);
    }
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
      const readiness = this.#readiness;
      const program = this.#config.program({
        flow,
        client: accepted.from,
        readiness,
        wake: () => this.#progress(session),
      });
      const output = new HeldOutput((commitment) => this.#commit(flow, commitment));
      const session = new Session(flow, accepted.socket, program, output);
      this.#sessions.set(flow, session);
      readiness.watch(session.socket.fd, EPOLLIN, () => this.#progress(session));
      this.#progress(session);
    }
  }

  /** Lets a session of our own do what it can, and close when that is agreed. */
  #progress(session: Session<HeldOutput>): void {
    if (this.#sessions.get(session.flow) !== session) return;
    session.pump();
    const atEnd = session.broken || (session.finished && !session.finishing);
    const mayClose = this.#agreements.mayClose(session.flow);
    if (atEnd && !mayClose) this.#agreements.awaits(session.flow, monotonicUs());
    if (session.broken && mayClose) return this.#end(session, true);
    if (atEnd && mayClose) session.finish(farewellMark);
    if (session.over) return this.#end(session, false);
    this.#readiness.change(
      session.socket.fd,
      (session.reading ? EPOLLIN : 0) | (session.blocked ? EPOLLOUT : 0),
    );
  }

  #end(session: Session<HeldOutput>, aborted: boolean): void {
    const { flow, socket } = session;
    this.#readiness.forget(socket.fd);
    if (aborted) session.abort(farewellMark);
    else session.close();
    this.#sessions.delete(flow);
    if (this.#agreements.isAlone(flow)) this.#channel?.word(encodeOutputWord({ kind: 'over', flow }));
    this.#agreements.forget(flow);
  }

  #flush(): void {
    this.#act();
    const channel = this.#channel;
    if (channel === undefined) return;
    if (this.#heardTold !== this.#heard) {
      this.#heardTold = this.#heard;
      channel.word(encodeOutputWord({ kind: 'had', count: this.#heard >>> 0 }));
    }
    if (!channel.flush()) this.#detach(channel);
    else this.#readiness.change(channel.fd, channel.blocked ? EPOLLIN | EPOLLOUT : EPOLLIN);
  }
}
