/**
 * The program's role, followed from the daemon: active from when the daemon is until it no longer is. A daemon that does
 * not answer is taken for a standby: its addresses are gone, and a peer takes over.
 */
import type { GroupStatus, Occurrence, PeerStatus, Status } from '../api/types.ts';
import { monotonicUs } from '../link/clock.ts';
import type { Term } from '../wire/control/message.ts';
import type { Control } from './control.ts';

export interface RoleView {
  readonly active: boolean;
  /** The highest term of the group that the daemon knows: its own while active. */
  readonly term: Term;
  /** Since when the daemon is active, or is not, µs of the monotonic clock; late by a few ms when no event told it. */
  readonly sinceUs: number;
  readonly cluster: string;
  readonly self: string;
  /** Who is active as far as is known; null: nobody, or not known. */
  readonly activeMember: string | null;
  /** The other members of the group. */
  readonly others: readonly {
    readonly name: string;
    readonly up: boolean;
    readonly paths: PeerStatus['paths'];
  }[];
}

/** How long until an unreachable daemon is asked again, milliseconds. */
const retryMs = 200;
/** Roles in which the daemon holds the address. */
const activeRoles: ReadonlySet<string> = new Set(['active', 'draining']);
/** Events after which something that a view shows may be different. */
const telling: ReadonlySet<string> = new Set([
  'transition',
  'peerUp',
  'peerDown',
  'pathUp',
  'pathDown',
  'ready',
]);

export class RoleFollower {
  readonly #control: Control;
  readonly #group: string;
  readonly #tell: (view: RoleView | undefined) => void;
  readonly #stop = new AbortController();
  /** The last change of role that an event told: to which, and when. */
  #told: { readonly active: boolean; readonly atUs: number } | undefined;
  #last: RoleView | undefined;

  /** `tell` gets each view that differs from the last; undefined: the daemon does not answer. */
  constructor(control: Control, group: string, tell: (view: RoleView | undefined) => void) {
    this.#control = control;
    this.#group = group;
    this.#tell = tell;
  }

  /** Follows until `close`. Rejects when the daemon answers but has no such group; until it answers it is asked again. */
  async run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await this.#follow();
      } catch (error) {
        if (error instanceof UnknownGroupError) throw error;
      }
      this.#lost();
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }

  close(): void {
    this.#stop.abort();
  }

  /** Until the daemon's events end. Events are followed before the status is asked: nothing happens between. */
  async #follow(): Promise<void> {
    const newest = await this.#newestEvent();
    const events = this.#control.events(newest, this.#stop.signal);
    const following = (): Promise<IteratorResult<Occurrence>> => {
      const next = events.next();
      // It is awaited later, or not at all when the daemon goes meanwhile: then its failure says nothing new.
      next.catch(() => undefined);
      return next;
    };
    let next = following();
    await this.#look();
    for (;;) {
      const { done, value } = await next;
      if (done === true) return;
      next = following();
      if (!telling.has(value.code) || (value.group !== undefined && value.group !== this.#group)) continue;
      this.#note(value);
      await this.#look();
    }
  }

  /** The daemon keeps thousands of events: the old ones are of no use here. */
  async #newestEvent(): Promise<number> {
    let newest = 0;
    for await (const { sequence } of this.#control.lines<Occurrence>('/v1/events', this.#stop.signal))
      newest = sequence;
    return newest;
  }

  #note({ code, atUs, detail }: Occurrence): void {
    if (code !== 'transition') return;
    this.#told = { active: activeRoles.has(String(detail['to'])), atUs };
  }

  async #look(): Promise<void> {
    const status = await this.#control.status();
    if (this.#stop.signal.aborted) return;
    const group = status.groups.find(({ name }) => name === this.#group);
    if (group === undefined) throw new UnknownGroupError(this.#group, status);
    const view = this.#view(status, group);
    if (JSON.stringify(view) === JSON.stringify(this.#last)) return;
    this.#last = view;
    this.#say(view);
  }

  #view(status: Status, group: GroupStatus): RoleView {
    const active = activeRoles.has(group.role);
    const unchanged = this.#last?.active === active ? this.#last.sinceUs : undefined;
    const told = this.#told?.active === active ? this.#told.atUs : undefined;
    const others = group.members.filter(({ name }) => name !== status.node);
    return {
      active,
      term: {
        counter: group.term.counter,
        member: group.members.find(({ name }) => name === group.term.member)?.id ?? 0,
      },
      sinceUs: unchanged ?? told ?? monotonicUs(),
      cluster: status.cluster,
      self: status.node,
      activeMember: group.active,
      others: others.map(({ name }) => {
        const peer = status.peers.find((candidate) => candidate.name === name);
        // When something was last heard changes with every look, and is nobody's business here.
        const paths = (peer?.paths ?? []).map((path) => ({ ...path, lastHeardUs: null }));
        return { name, up: peer?.up ?? false, paths };
      }),
    };
  }

  /** What the program's own listeners throw is the program's, and must not pass for a daemon that does not answer. */
  #say(view: RoleView | undefined): void {
    try {
      this.#tell(view);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  #lost(): void {
    if (this.#stop.signal.aborted || this.#last === undefined) return;
    this.#last = undefined;
    this.#told = undefined;
    this.#say(undefined);
  }
}

export class UnknownGroupError extends Error {
  override readonly name: string = 'UnknownGroupError';

  constructor(group: string, { node, groups }: Status) {
    const known = groups.map(({ name }) => name).join(', ');
    super(`${node} is no member of a group ${group}; it is one of: ${known}`);
  }
}
