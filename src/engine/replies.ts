/** The answers a proxy owes its members: given at once, when the fence has answered, or when the start-up grace is over. */
import { type GroupId, type NodeId, RegistrationCode } from '../wire/control/message.ts';
import type { Context } from './context.ts';
import type { Header, Judgement, Registry } from './registry.ts';

/** A request that was judged. */
export interface Owed {
  readonly peer: NodeId;
  readonly identification: number;
  readonly judgement: Judgement;
}

export class Replies {
  readonly #context: Context;
  readonly #group: GroupId;
  readonly #registry: Registry;
  readonly #header: () => Header;
  #afterFence: Owed | undefined;
  readonly #afterGrace = new Map<NodeId, Owed>();

  constructor(context: Context, group: GroupId, registry: Registry, header: () => Header) {
    this.#context = context;
    this.#group = group;
    this.#registry = registry;
    this.#header = header;
  }

  give({ peer, identification, judgement }: Owed): void {
    const news = judgement.code === RegistrationCode.accepted && !judgement.again;
    if (news) this.#context.emit({ kind: 'resolve', group: this.#group, node: peer });
    this.#registry.reply(peer, identification, judgement, this.#header());
  }

  /** Routing and answers first. */
  giveAfterFence(owed: Owed): void {
    this.#afterFence = owed;
  }

  /** Others are heard first. A copy of the request changes nothing. */
  giveAfterGrace(owed: Owed): void {
    if (!owed.judgement.again) this.#afterGrace.set(owed.peer, owed);
  }

  /** What waited for the fence: to be given now, or not any more. */
  takeFenced(): Owed | undefined {
    const owed = this.#afterFence;
    this.#afterFence = undefined;
    return owed;
  }

  /** What waited for the grace. */
  takeEarly(): readonly Owed[] {
    if (this.#afterGrace.size === 0) return [];
    const early = [...this.#afterGrace.values()];
    this.#afterGrace.clear();
    return early;
  }
}
