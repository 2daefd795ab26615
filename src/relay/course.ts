/**
 * How far one connection goes that packets drive: its kernel gets what it may have, its program answers, and both end it, or
 * something else does.
 */
import type { Packet } from '../sessions/packet.ts';
import { pokeFrame } from '../sessions/poke.ts';
import type { MacAddress } from '../wire/address.ts';
import type { Word } from './channel.ts';
import type { ReplicaFlow, SharedSession } from './flow.ts';

/**
 * What has become of a connection. `waits`: it is to be looked at again though nothing comes for it. `broken`: its program
 * did, and the client may hear of it. The last four are its end here.
 */
export type Stage = 'open' | 'waits' | 'lost' | 'diverged' | 'broken' | 'over';

/** Whether this machine speaks, since the change of role with this number. */
export interface Role {
  readonly leads: boolean;
  readonly change: number;
}

export interface CourseOptions {
  /** Lets the kernel receive a frame. */
  readonly inject: (frame: Uint8Array) => void;
  /** Tells the other machine. */
  readonly say: (word: Word) => void;
  /** Leading: whether the other machine agrees that this connection may be closed. */
  readonly mayClose: (session: SharedSession) => boolean;
  readonly mac: MacAddress;
  readonly farewellMark: number;
}

const pokesEach = 6;

export class Course {
  readonly #options: CourseOptions;

  constructor(options: CourseOptions) {
    this.#options = options;
  }

  /** Gives the kernel what may be given, and lets the program answer, until both wait for something else. */
  advance(flow: ReplicaFlow, role: Role): Stage {
    if (role.leads) flow.lead(role.change);
    flow.prepare();
    const { session, input } = flow;
    do {
      this.#feed(flow);
      if (session.finished && !session.finishing && this.#mayClose(session, role)) {
        session.finish(this.#options.farewellMark);
        if (!role.leads) this.say('finished', session);
      }
    } while (session.pump());
    if (session.output.diverged) return 'diverged';
    if (session.output.overrun) return 'lost';
    if (session.broken) return this.#breakDown(session, role);
    if (session.over && session.socket.facts().closed) return 'over';
    return input.waiting > 0 || input.incomplete || session.blocked ? 'waits' : 'open';
  }

  /** Gives the kernel again what it was given and has not taken. */
  repeat(flow: ReplicaFlow): void {
    if (!flow.input.incomplete) return;
    for (const frame of flow.input.repeat(flow.progress())) this.#options.inject(frame);
  }

  /**
   * For a client that has said something, what makes it send again at once. One that has not may still be asking whether
   * it is connected (SO_ERROR), and would take the poke for the answer.
   */
  pokes(flow: ReplicaFlow): readonly Uint8Array[] {
    if (!flow.spoken) return [];
    const frame = pokeFrame(flow.last, this.#options.mac, flow.progress().receiveNext);
    return Array<Uint8Array>(pokesEach).fill(frame);
  }

  /** What is to be told of a connection: how much of its output was said here, with it. */
  say(kind: 'finished' | 'lost' | 'diverged', { flow, output }: SharedSession): void {
    this.#options.say({ kind, flow, ...output.said });
  }

  /** Its kernel could not be made; nothing of it was said here. */
  sayNotBegun({ flow }: Packet): void {
    this.#options.say({ kind: 'lost', flow, offset: 0, digest: '' });
  }

  #feed(flow: ReplicaFlow): void {
    for (let step = flow.next(); step !== undefined; step = flow.next()) this.#options.inject(step.frame);
    if (flow.input.waiting > 0) flow.session.output.acknowledge(flow.acknowledged);
  }

  #mayClose(session: SharedSession, { leads }: Role): boolean {
    return !leads || this.#options.mayClose(session);
  }

  /** Its program did: leading, that is for the client to hear once the other machine has come to it, which reminds of it. */
  #breakDown(session: SharedSession, role: Role): Stage {
    if (!role.leads) return 'lost';
    return this.#mayClose(session, role) ? 'broken' : 'open';
  }
}
