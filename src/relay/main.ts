/**
 * `understudy relay`: the process of one mirrored service. It takes its plan and the role from its daemon, and lives no
 * longer than that: without it nobody would tell it when the address is ours.
 */
import { pathToFileURL } from 'node:url';
import { type RelayPlan, relaySocket, type ToRelay } from '../api/relay.ts';
import { nodeCrypto } from '../link/crypto.ts';
import { monotonicUs } from '../linux/clock.ts';
import { EPOLLIN } from '../linux/epoll.ts';
import { type IpAddress, parseIp } from '../wire/address.ts';
import { backend } from './backend.ts';
import { DaemonLink } from './daemon-link.ts';
import { Feed } from './feed/feed.ts';
import { Machine } from './machine.ts';
import type { Programs } from './program.ts';
import { Readiness } from './readiness.ts';
import type { MachineReport } from './report.ts';

/** What may wait for the standby, bytes. */
const heldBytesMax = 64 << 20;
/** Clients that give up on an end that does not come do so after 5 s and more. */
const farewellPatienceMs = 2500;
const countsEveryUs = 200_000;
/** A module whose `program` answers instead of the backend: for tests. */
const programVariable = 'UNDERSTUDY_RELAY_PROGRAM';

/** Runs until the daemon ends or says so; resolves to the exit status. Throws OperationError when it cannot start. */
export async function runRelay(options: {
  readonly group: string;
  readonly controlSocket: string;
}): Promise<number> {
  const link = new DaemonLink(relaySocket(options.controlSocket));
  link.say({ kind: 'hello', group: options.group, pid: process.pid });
  const [first, ...rest] = await untilSpoken(link);
  if (first?.kind === 'refused') throw new Error(first.why);
  if (first?.kind !== 'plan') throw new Error('the daemon ended');
  return new Relay(link, first.plan, await answererOf(first.plan)).run(rest);
}

/** The daemon's first words. */
async function untilSpoken(link: DaemonLink): Promise<readonly ToRelay[]> {
  const readiness = new Readiness();
  readiness.watch(link.fd, EPOLLIN, () => undefined);
  for (;;) {
    readiness.turn(1_000_000);
    const words = link.receive();
    if (words === undefined || words.length > 0) return words ?? [];
  }
}

class Relay {
  readonly #link: DaemonLink;
  readonly #machine: Machine;
  readonly #feed: Feed | undefined;
  /** When the reactor said what is being done. */
  #saidUs = 0;
  #countsAtUs = 0;
  #healthy = false;

  constructor(link: DaemonLink, plan: RelayPlan, { program, feed }: Answerer) {
    this.#link = link;
    this.#feed = feed;
    const [lan = '', ...others] = plan.interfaces;
    this.#machine = new Machine({
      names: { table: plan.table, gate: plan.gate },
      interfaces: [lan, ...others],
      addresses: plan.addresses.map(addressOf),
      port: plan.service,
      partner: {
        peering: {
          identity: {
            crypto: nodeCrypto,
            scope: plan.scope,
            name: plan.node,
            keys: plan.keys.map((key) => Buffer.from(key, 'hex')),
            protection: plan.encrypt ? 'encrypt' : 'sign',
          },
          peer: plan.partner,
          listens: plan.listens,
          routes: plan.routes.map(({ local, remote }) => ({
            local: addressOf(local),
            remote: addressOf(remote),
          })),
          port: plan.port,
        },
        policy: plan.policy,
        patienceUs: plan.degradeAfterMs * 1000,
        bytesMax: heldBytesMax,
      },
      program,
      ...(feed === undefined ? {} : { feed }),
      farewellPatienceMs,
      report: (report) => this.#report(report),
      turned: (nowUs) => this.#turned(nowUs),
    });
  }

  /** `words`: what the daemon has said already. */
  run(words: readonly ToRelay[]): number {
    this.#link.say({ kind: 'ready' });
    for (const word of words) this.#hear(word);
    this.#machine.watch(this.#link.fd, () => {
      const heard = this.#link.receive();
      // A daemon that died in a crash: its address is gone, and so must we be, in silence.
      if (heard === undefined) return this.#machine.stop(false);
      for (const word of heard) this.#hear(word);
    });
    this.#machine.run();
    return 0;
  }

  #hear(word: ToRelay): void {
    if (word.kind === 'stop') return this.#machine.stop(true);
    if (word.kind !== 'role') return;
    this.#saidUs = word.atUs;
    if (word.active) this.#machine.takeOver();
    else this.#machine.becomeStandby();
    // Who hears of a change hears the numbers to it.
    this.#countsAtUs = 0;
  }

  #report(report: MachineReport): void {
    const atUs = monotonicUs();
    const timed = report.event === 'tookOver' || report.event === 'stoodBy';
    this.#link.say({
      kind: 'event',
      report: timed ? { ...report, atUs, lateUs: atUs - this.#saidUs } : report,
    });
  }

  #turned(nowUs: number): void {
    const healthy = this.#feed?.healthy ?? true;
    // Whether the role may stay here is told at once.
    if (nowUs < this.#countsAtUs && healthy === this.#healthy) return;
    this.#healthy = healthy;
    this.#countsAtUs = nowUs + countsEveryUs;
    this.#link.say({ kind: 'counts', counts: { pid: process.pid, ...this.#machine.counts } });
  }
}

interface Answerer {
  readonly program: Programs;
  /** Of a program that is mirrored as a whole. */
  readonly feed?: Feed;
}

async function answererOf({ answerer }: RelayPlan): Promise<Answerer> {
  const module = process.env[programVariable];
  if (module !== undefined) return (await import(pathToFileURL(module).href)) as Answerer;
  if ('program' in answerer) {
    const feed = new Feed(answerer.program);
    return { program: feed.programs, feed };
  }
  const { backend: place } = answerer;
  return {
    program: backend('path' in place ? place : { address: addressOf(place.address), port: place.port }),
  };
}

function addressOf(text: string): IpAddress {
  const address = parseIp(text);
  if (address === undefined) throw new Error(`${text} is no address`);
  return address;
}
