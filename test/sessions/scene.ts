/** Both machines with a backend each, and clients that are led step by step. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { ip } from '../namespace.ts';
import { links, Process, power, services } from './trial.ts';

const service = services.ipv4;

export class Scene {
  readonly active: Process;
  readonly standby: Process;
  readonly #clients: Process[] = [];

  /** `place`: of the backend, as relay.ts takes it; MACHINE in it is the machine's name. */
  static async open(place = '127.0.0.1 8081'): Promise<Scene> {
    const active = new Process(
      'active',
      'relay.ts',
      'active',
      service,
      links.active,
      links.standby,
      place.replace('MACHINE', 'active'),
    );
    await active.report();
    const standby = new Process(
      'standby',
      'relay.ts',
      'standby',
      service,
      links.standby,
      links.active,
      place.replace('MACHINE', 'standby'),
    );
    await standby.report();
    ip('-n client neigh flush all');
    const scene = new Scene(active, standby);
    await scene.until('active', 'mirroring', 'mirrored');
    return scene;
  }

  private constructor(active: Process, standby: Process) {
    this.active = active;
    this.standby = standby;
  }

  /** A connected client. */
  async client(): Promise<Process> {
    const client = new Process('client', 'talk.ts', service);
    this.#clients.push(client);
    assert.deepEqual(await client.report(), { connected: true });
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
