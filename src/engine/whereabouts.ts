/** Where a group is served, as far as one of its proxies has heard: by a member registered with it, or at another place. */
import { compareTerms, type GroupId, MemberState, type NodeId, type Term } from '../wire/control/message.ts';
import type { ProxiedGroupConfig } from './config.ts';
import type { Context } from './context.ts';
import type { Registry } from './registry.ts';
import type { Standing } from './standing.ts';

export class Whereabouts {
  readonly #context: Context;
  readonly #registry: Registry;
  config: ProxiedGroupConfig;

  constructor(context: Context, registry: Registry, config: ProxiedGroupConfig) {
    this.#context = context;
    this.#registry = registry;
    this.config = config;
  }

  /** The highest term known, from whomever. */
  get seen(): Term {
    return this.#context.terms.seen(this.#group);
  }

  standing(node: NodeId): Standing | undefined {
    return this.#context.detector.peer(node)?.standing(this.#group);
  }

  isUp(node: NodeId): boolean {
    return this.#context.detector.peer(node)?.up === true;
  }

  /** A member that may register here, a member elsewhere, or another place: we and it tell each other what we are. */
  concerns(node: NodeId): boolean {
    return this.config.members.includes(node) || this.isElsewhere(node);
  }

  /** Every peer that is concerned has said what it is. */
  get heardAll(): boolean {
    return this.#context.detector.peers.every(
      ({ id }) => !this.concerns(id) || this.standing(id) !== undefined,
    );
  }

  /** The registered member that holds the role by the highest term known, alive or not. */
  get active(): NodeId | undefined {
    return this.#registry.registered.find((id) => {
      const standing = this.standing(id);
      return standing?.holds && compareTerms(standing.term, this.seen) >= 0;
    });
  }

  /** The living member that would be served next, if it became active; 0: none. */
  get next(): NodeId | 0 {
    return this.#registry.registered.find((id) => this.isUp(id)) ?? 0;
  }

  /** Registered members that hold the role by a lower term than the highest known, and do not know it. */
  get outdated(): readonly NodeId[] {
    return this.#registry.registered.filter((id) => {
      const standing = this.standing(id);
      return this.isUp(id) && standing?.holds && compareTerms(standing.term, this.seen) < 0;
    });
  }

  /** A living registered member has been chosen as successor in a planned switchover. */
  get receives(): boolean {
    return this.#registry.registered.some(
      (id) => this.isUp(id) && this.standing(id)?.state === MemberState.holding,
    );
  }

  /**
   * A place that is not ours says that it serves, by the highest term known. A proxy that stops in order does not count:
   * it may still answer for nobody, and wants to be relieved.
   */
  get servedElsewhere(): boolean {
    return this.config.elsewhere.some(
      ({ member, place }) =>
        this.#says(member, this.standing(member)?.holds) ||
        this.#says(place, this.standing(place)?.state === MemberState.active),
    );
  }

  /** Other places that answered hosts when they were heard last, by a lower term than the highest known. */
  get succeeded(): readonly NodeId[] {
    const places = new Set(this.config.elsewhere.map(({ place }) => place));
    return [...places].filter((place) => {
      const standing = this.standing(place);
      return standing?.answers && compareTerms(standing.term, this.seen) < 0;
    });
  }

  /** Where the member of this term is, as seen from the hosts' LAN; 0: registered here, or unknown. */
  placeOf({ member }: Term): NodeId | 0 {
    return this.config.elsewhere.find((other) => other.member === member)?.place ?? 0;
  }

  /** Another place, or a member that is served there. */
  isElsewhere(node: NodeId): boolean {
    return this.config.elsewhere.some(({ member, place }) => member === node || place === node);
  }

  get #group(): GroupId {
    return this.config.id;
  }

  #says(node: NodeId, serves: boolean | undefined): boolean {
    const term = this.standing(node)?.term;
    return serves === true && term !== undefined && this.isUp(node) && compareTerms(term, this.seen) >= 0;
  }
}
