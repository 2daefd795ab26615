/** Both machines with a backend each, and clients that are led step by step. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { ip } from '../namespace.ts';
import { links, Process, power, services } from './trial.ts';

const service = services.ipv4;

async function talk(): Promise<Process> {
  const client = new Process('client', 'talk.ts', service);
  assert.deepEqual(await client.report(), { connected: true });
  return client;
}

export class Scene {
  readonly active: Process;
  readonly standby: Process;
  /** Clients whose connections the standby does not know. */
  readonly older: readonly Process[];
  readonly #clients: Process[];

  /**
   * `place`: of the backend, as relay.ts takes it; MACHINE in it is the machine's name. `older`: so many clients connect before
   * there is a standby.
   */
  static async open(place = '127.0.0.1 8081', older = 0): Promise<Scene> {
    const relay = (name: 'active' | 'standby', other: 'active' | 'standby'): Process =>
      new Process(name, 'relay.ts', name, service, links[name], links[other], place.replace('MACHINE', name));
    const active = relay('active', 'standby');
    await active.report();
    ip('-n client neigh flush all');
    const clients: Process[] = [];
    while (clients.length < older) clients.push(await talk());
    const standby = relay('standby', 'active');
    await standby.report();
    const scene = new Scene(active, standby, clients);
    await scene.until('active', 'mirroring', 'mirrored');
    return scene;
  }

  private constructor(active: Process, standby: Process, older: readonly Process[]) {
    this.active = active;
    this.standby = standby;
    this.older = older;
    this.#clients = [...older];
  }

  /** A connected client. */
  async client(): Promise<Process> {
    const client = await talk();
    this.#clients.push(client);
    return client;
  }

  async until(who: 'active' | 'standby', name: string, value: unknown): Promise<Record<string, unknown>> {
    for (;;) {
      const counts = await this[who].ask('counts');
      if (counts[name] === value) return counts;
      await sleep(5);
    }
  }

  async takeOver(): Promise<Record<string, unknown>> {
    const dead = this.active.kill();
    power(false);
    await dead;
    return this.standby.ask('takeover');
  }

  async close(): Promise<void> {
    await Promise.all([this.active, this.standby, ...this.#clients].map((each) => each.kill()));
    power(true);
  }
}
