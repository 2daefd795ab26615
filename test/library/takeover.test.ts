/**
 * Two machines of fig. 1A, real daemons, a service with mirrored counters behind the group's address, and an ordinary
 * client on a host: the machine that serves loses its power, and later the role is moved as planned.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { groupName } from '../../src/lab/configuration.ts';
import { type MemberPlan, planFig1a } from '../../src/lab/plan.ts';
import { Station } from '../../src/lab/station.ts';
import { until } from '../../src/lab/until.ts';
import { enclosed } from '../claims/enclosed.ts';
import { Stage } from '../claims/stage.ts';
import type { ClientOptions, ClientReport } from './counter-client.ts';
import type { ProgramEvent, ProgramOptions } from './counter-program.ts';

await enclosed(import.meta.filename);
const stage = new Stage(planFig1a(2));
after(() => stage.close());

const [programPort, mirrorPort] = [9000, 7180];
const waitMs = 15_000;
const keys = Array.from({ length: 20 }, (_, index) => `k${index}`);

/** The service on one machine. */
class Service {
  readonly member: MemberPlan;
  readonly events: ProgramEvent[] = [];
  readonly station: Station<never, ProgramEvent>;

  constructor(member: MemberPlan) {
    this.member = member;
    const key =
      /^key: "?([0-9a-f]{64})"?$/m.exec(readFileSync(stage.system.configPath(member), 'utf8'))?.[1] ?? '';
    const control = stage.system.controlSocket(member);
    const options: ProgramOptions = {
      shadow: { group: groupName, control, keys: [key], port: mirrorPort },
      address: stage.plan.service4,
      port: programPort,
    };
    const script = new URL('./counter-program.ts', import.meta.url).pathname;
    this.station = Station.start<never, ProgramEvent>({
      namespace: member.name,
      script,
      options,
      onEvent: (event) => this.events.push(event),
    });
  }

  get active(): Extract<ProgramEvent, { role: 'active' }> | undefined {
    const last = this.events.findLast((event) => 'role' in event);
    return last?.role === 'active' ? last : undefined;
  }

  get mirrored(): boolean {
    const last = this.events.findLast((event) => 'standbysLive' in event);
    return last?.standbysLive === true;
  }

  told(): string {
    return `${this.member.name}: ${this.events.map((event) => JSON.stringify(event)).join(' ')}`;
  }

  kill(): void {
    process.kill(-this.station.pid, 'SIGKILL');
  }
}

class Play {
  readonly services: readonly Service[] = stage.plan.members.map((member) => new Service(member));
  readonly client: Station<{ readonly do: 'report' }>;

  constructor() {
    const options: ClientOptions = { address: stage.plan.service4, port: programPort, keys };
    const script = new URL('./counter-client.ts', import.meta.url).pathname;
    this.client = Station.start({ namespace: stage.plan.hosts[0]?.name ?? '', script, options });
  }

  report(): Promise<ClientReport> {
    return this.client.ask<ClientReport>({ do: 'report' });
  }

  of(member: MemberPlan): Service {
    const found = this.services.find((service) => service.member === member);
    assert.ok(found);
    return found;
  }

  until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    return until(what, holds, waitMs, () =>
      [...this.services.map((service) => service.told()), stage.told()].join('\n'),
    );
  }

  /** The client has got so many more answers. */
  async counts(more: number): Promise<void> {
    const answers = async (): Promise<number> =>
      Object.values((await this.report()).counters).reduce((sum, { answered }) => sum + answered, 0);
    const before = await answers();
    await this.until(`${more} more answers`, async () => (await answers()) >= before + more);
  }

  /** No acknowledged increment is lost, and none was made that was not asked for. */
  async assertExact(): Promise<ClientReport> {
    const report = await this.report();
    assert.deepEqual(report.wentBack, []);
    for (const [key, { asked, answered, last }] of Object.entries(report.counters)) {
      assert.ok(
        last >= answered && last <= asked,
        `${key}: asked ${asked}, answered ${answered}, at ${last}`,
      );
    }
    return report;
  }

  close(): void {
    for (const { station } of this.services) station.close();
    this.client.close();
  }
}

test('the machine that serves loses its power: no acknowledged increment is lost', (context) =>
  stage.steadily(async () => {
    const { primary, redundant } = await stage.settle();
    const play = new Play();
    try {
      await play.until('the primary’s program is active and mirrored', () => play.of(primary).mirrored);
      await play.counts(2000);

      stage.powerOff(primary);
      play.of(primary).kill();

      await play.until('the redundant program is active', () => play.of(redundant).active !== undefined);
      assert.equal(play.of(redundant).active?.state, 'complete');
      await play.counts(2000);
      const { connections, counters } = await play.assertExact();
      assert.ok(connections > keys.length, 'clients connected again');
      const last = Object.values(counters).map((counter) => counter.last);
      context.diagnostic(`counters at ${last.join(' ')}; ${connections} connections`);
    } finally {
      play.close();
    }
  }));

test('a planned switchover: nothing is lost, and the checkpoint has all that was counted before', (context) =>
  stage.steadily(async () => {
    const { primary, redundant } = await stage.settle();
    const play = new Play();
    try {
      await play.until('the primary’s program is active and mirrored', () => play.of(primary).mirrored);
      await play.counts(2000);
      const before = await play.report();

      await stage.system.switchover(primary);

      await play.until('the redundant program is active', () => play.of(redundant).active !== undefined);
      const { state, checkpoint } = play.of(redundant).active ?? {};
      assert.equal(state, 'complete');
      const answered = Object.values(before.counters).reduce((sum, counter) => sum + counter.answered, 0);
      assert.ok(checkpoint && checkpoint.counted >= answered, `${checkpoint?.counted} of ${answered}`);
      await play.counts(2000);
      await play.assertExact();
      await play.until('it is mirrored to the old one', () => play.of(redundant).mirrored);
      context.diagnostic(`checkpoint ${checkpoint.counted}, answered before ${answered}`);
    } finally {
      play.close();
    }
  }));
