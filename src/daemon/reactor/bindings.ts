/**
 * What is bound to interfaces, and how it finds its way back: interfaces vanish and return (a driver reloads, a bond
 * fails over, a container host makes a hundred of them at once), and nothing of that may end the daemon or cost a turn.
 * Arrivals are noted while the kernel's news are read, and settled together at the end of the turn; what the kernel
 * refuses then is tried again.
 */
import { OperationError } from '../../linux/errors.ts';
import type { ControlMessage } from '../../wire/control/message.ts';
import type { ReactorReport } from '../bridge.ts';
import type { Groups } from './groups.ts';
import type { Path, Paths } from './paths.ts';
import type { Tethers } from './tethers.ts';
import type { Watch } from './watch.ts';

export interface Bound {
  readonly watch: Watch;
  readonly groups: Groups;
  readonly paths: Paths;
  readonly tethers: Tethers;
}

export interface BindingsListener {
  believed(path: Path, message: ControlMessage): void;
  /** Everything of this interface is bound again, or speaks with its new MAC. */
  settled(interfaceName: string): void;
  report(report: ReactorReport): void;
}

export class Bindings {
  readonly #bound: Bound;
  readonly #told: BindingsListener;
  /** Interfaces that arrived and are not settled yet; true: under a new index. */
  readonly #arrivals: Map<string, boolean> = new Map();
  #rearm = false;
  #dry = true;

  constructor(bound: Bound, told: BindingsListener) {
    this.#bound = bound;
    this.#told = told;
    const { watch, groups } = bound;
    watch.readable(groups.hold.fd, () => groups.hold.receive(watch.nowUs()));
    for (const responder of groups.responders.values()) {
      watch.readable(responder.fd, () => responder.receive());
    }
    this.#watchPaths();
  }

  arrived(interfaceName: string, rebind: boolean): void {
    this.#rearm ||= rebind;
    this.#arrivals.set(interfaceName, rebind || this.#arrivals.get(interfaceName) === true);
  }

  /** Whether every control socket was read dry since it was asked last: only then is silence believed. */
  takeDry(): boolean {
    const dry = this.#dry;
    this.#dry = true;
    return dry;
  }

  /** At the end of a turn; and once a second for what was refused. */
  settle(): void {
    if (this.#rearm) this.#rearm = !this.#attempt('cover new interfaces', () => this.#bound.groups.rearm());
    for (const [name, rebind] of this.#arrivals) {
      if (!this.#attempt(`bind to ${name} again`, () => this.#renew(name, rebind))) continue;
      this.#arrivals.delete(name);
      this.#told.settled(name);
    }
  }

  get unsettled(): boolean {
    return this.#rearm || this.#arrivals.size > 0;
  }

  #renew(name: string, rebind: boolean): void {
    const { watch, groups, paths, tethers } = this.#bound;
    const responder = groups.responders.get(name);
    const former = responder?.fd;
    groups.appeared(name, rebind);
    if (!rebind) return;
    if (responder !== undefined && former !== undefined) {
      watch.forget(former);
      watch.readable(responder.fd, () => responder.receive());
    }
    for (const socket of paths.sockets()) watch.forget(socket.fd);
    try {
      paths.reopen(name);
    } finally {
      this.#watchPaths();
    }
    tethers.reopen(name);
  }

  #watchPaths(): void {
    const { watch, paths } = this.#bound;
    for (const socket of paths.sockets()) {
      watch.readable(socket.fd, () => {
        if (!paths.receive(socket, (path, message) => this.#told.believed(path, message))) this.#dry = false;
      });
    }
  }

  #attempt(operation: string, work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      if (!(error instanceof OperationError)) throw error;
      this.#told.report({ code: 'trouble', operation, message: error.message });
      return false;
    }
  }
}
