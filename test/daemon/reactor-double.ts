/** A reactor that does what a test says, in the place of the worker. */
import { EventEmitter, once } from 'node:events';
import type { FromReactor, ReactorStatus, ToReactor } from '../../src/daemon/bridge.ts';
import type { ReactorListener, ReactorStart, StartReactor } from '../../src/daemon/reactor-link.ts';

export const quietStatus: ReactorStatus = {
  leaseHeld: false,
  lapses: 0,
  renewals: 0,
  lateLastUs: 12,
  lateMaxUs: 340,
  refused: {},
  groups: [],
  proxied: [],
  votes: [],
  peers: [],
};

/** Of a group: what there mostly is not. */
export const quietGroup = { waitsFor: null, conflict: null, proxy: null } as const;
/** The part of a group's status that says: nobody fell, nothing is pinned, nobody else is heard. */
export const undisturbed: Pick<
  ReactorStatus['groups'][number],
  'falls' | 'heldBackUs' | 'pinned' | 'others'
> = { falls: 0, heldBackUs: 0, pinned: null, others: [] };

export class ReactorDouble {
  readonly received: ToReactor[] = [];
  /** What else is done about a kind of message, at once. */
  readonly answers: Map<ToReactor['kind'], () => void> = new Map();
  status: ReactorStatus = quietStatus;
  /** Answers 'status' and 'stop' as the real one would. */
  obedient = true;
  readyAtOnce = true;
  ended = false;
  started: ReactorStart | undefined;
  readonly #arrivals = new EventEmitter();
  #listener: ReactorListener | undefined;

  readonly start: StartReactor = (start, listener) => {
    this.started = start;
    this.#listener = listener;
    if (this.readyAtOnce) setImmediate(() => this.say({ kind: 'ready', fifo: true, fifoWhy: null }));
    return {
      post: (message) => this.#post(message),
      end: () => {
        this.ended = true;
        return Promise.resolve();
      },
    };
  };

  say(message: FromReactor): void {
    this.#listener?.message(message);
  }

  fail(why: string): void {
    this.#listener?.failed(why);
  }

  /** Resolves to the first message of that kind, also one that came already. */
  async got<Kind extends ToReactor['kind']>(kind: Kind): Promise<Extract<ToReactor, { kind: Kind }>> {
    for (;;) {
      const found = this.received.find((message) => message.kind === kind);
      if (found !== undefined) return found as Extract<ToReactor, { kind: Kind }>;
      await once(this.#arrivals, 'post');
    }
  }

  #post(message: ToReactor): void {
    this.received.push(message);
    this.#arrivals.emit('post');
    if (!this.obedient) return;
    this.answers.get(message.kind)?.();
    if (message.kind === 'status') this.say({ kind: 'status', id: message.id, status: this.status });
    if (message.kind === 'stop') this.say({ kind: 'stopped' });
  }
}
