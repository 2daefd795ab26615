/**
 * The fence's tables in the kernel: built, extended to interfaces that appear, looked after, taken away. With what the
 * kernel offers: from Linux 6.9 on nobody else can change them; before that, it is heard who did.
 */
import { OperationError } from '../errors.ts';
import { NftablesMonitor } from '../nftables/monitor.ts';
import { deleteTable, type NftablesRequest, ownTable, type Table } from '../nftables/request.ts';
import type { NftablesSocket } from '../nftables/socket.ts';
import { RouteSocket } from '../route/socket.ts';
import { type FenceConfig, type FencedGroup, type FenceTables, tablesOf } from './config.ts';
import { chainsToCover } from './coverage.ts';
import { hold } from './lease.ts';
import { Redirections } from './redirection.ts';
import { fenceIsWhole } from './remains.ts';
import { buildFence, type Offer } from './ruleset.ts';

/** Interfaces come and go between listing and covering them. */
const attempts = 5;
/** How kernels say that they do not know something. */
const unknown: ReadonlySet<string> = new Set(['EOPNOTSUPP', 'EINVAL', 'EAFNOSUPPORT']);

export class Building {
  readonly tables: FenceTables;
  readonly redirections: Redirections;
  readonly #config: FenceConfig;
  readonly #nftables: NftablesSocket;
  readonly #route: RouteSocket = RouteSocket.open();
  #offer: Offer;
  #monitor: NftablesMonitor | undefined;

  /** `nftables`: whoever makes the tables through this socket owns them. */
  constructor(config: FenceConfig, nftables: NftablesSocket) {
    this.#config = config;
    this.#nftables = nftables;
    this.tables = tablesOf(config.instance);
    this.redirections = new Redirections(this.tables.netdev);
    this.#offer = { own: config.own !== false, arp: true };
  }

  get offer(): Offer {
    return this.#offer;
  }

  /** Whoever changes the tables behind our back is heard from here on; undefined: nobody can. */
  get monitor(): NftablesMonitor | undefined {
    return this.#monitor;
  }

  /** Anew and closed: without the lease. These groups are noted as held. */
  build(held: readonly FencedGroup[]): void {
    persist(() => this.#build(held));
    if (this.#offer.own || this.#monitor !== undefined) return;
    this.#monitor = NftablesMonitor.open(this.tables.netdev.name, this.#nftables.portId);
    // Before it was open somebody may have changed something.
    persist(() => this.#build(held));
  }

  /** The interfaces that exist now. Touches neither the lease nor what is held. False: the fence is not there. */
  cover(): boolean {
    let whole = false;
    persist(() => {
      // Of tables of our own nobody can take anything away.
      whole = this.#offer.own || this.isWhole();
      if (!whole) return;
      const links = this.#route.links();
      const covered = this.#nftables.chains(this.tables.netdev);
      this.#nftables.commit([
        ...chainsToCover(this.tables.netdev, this.#config, links, covered),
        // Their devices may have come back under another index.
        ...this.redirections.requests(),
      ]);
    });
    return whole;
  }

  isWhole(): boolean {
    return fenceIsWhole(this.#nftables, this.#expected());
  }

  remove(): void {
    persist(() => this.#nftables.commit(this.#present().map(deleteTable)));
    this.#monitor?.close();
    this.#route.close();
  }

  /** False: something it names is not there (ENOENT). */
  commit(requests: readonly NftablesRequest[]): boolean {
    try {
      this.#nftables.commit(requests);
      return true;
    } catch (error) {
      if (error instanceof OperationError && error.errno === 'ENOENT') return false;
      throw error;
    }
  }

  #build(held: readonly FencedGroup[]): void {
    try {
      this.#nftables.commit([
        ...buildFence(this.tables, this.#config, this.#offer, this.#present()),
        ...chainsToCover(this.tables.netdev, this.#config, this.#route.links(), []),
        ...this.redirections.requests(),
        ...hold(this.tables, held),
      ]);
    } catch (error) {
      if (!this.#concede(error)) throw error;
      this.#build(held);
    }
  }

  /** What the kernel does not know is done without from now on. False: that is not why it refused. */
  #concede(error: unknown): boolean {
    if (!(error instanceof OperationError) || !unknown.has(error.errno)) return false;
    const { own, arp } = this.#offer;
    if (arp && error.subject.startsWith(`${this.tables.arp.family} `)) this.#offer = { own, arp: false };
    else if (own && error.operation === ownTable) this.#offer = { own: false, arp };
    else return false;
    return true;
  }

  /** The tables there should be. */
  #expected(): Table[] {
    const { netdev, inet, arp } = this.tables;
    return this.#offer.arp ? [netdev, inet, arp] : [netdev, inet];
  }

  /** Those of our name that there are. */
  #present(): Table[] {
    return this.#nftables.tables().filter(({ name }) => name === this.tables.netdev.name);
  }
}

function persist(work: () => void): void {
  for (let left = attempts - 1; ; left--) {
    try {
      return work();
    } catch (error) {
      if (left === 0 || !(error instanceof OperationError)) throw error;
    }
  }
}
