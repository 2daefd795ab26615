/** Claims 14 to 16: what the patent leaves open. Each arrangement is a stage of its own. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { loadConfig } from '../../src/daemon/config/load.ts';
import type { MemberPlan, NodePlan } from '../../src/lab/plan.ts';
import { type Fig1bShape, planFig1b } from '../../src/lab/plan-fig1b.ts';
import { ip } from '../../src/lab/topology.ts';
import { answer, type Capture, claim } from './capture.ts';
import { enclosed } from './enclosed.ts';
import type { Host } from './host.ts';
import { Stage } from './stage.ts';

await enclosed(import.meta.filename);

test('claim 14: an intermediate system on one side only works, whichever side is the primary', async (context) => {
  const stage = arrange(context, { topology: 'one', link: true });
  await stage.steadily(async () => {
    const proxy = stage.proxy('proxy-a');
    const behind = stage.member('primary');
    const direct = stage.member('redundant');

    for (const [from, to] of [
      [behind, direct],
      [direct, behind],
    ] as const) {
      const { first, second } = await stage.settle({ active: from.name });
      assert.deepEqual([first, second], from === behind ? [proxy, direct] : [direct, proxy]);
      for (const host of stage.hosts) await host.untilMapped(first.mac);

      stage.kill(from);

      for (const host of stage.hosts) await host.untilMapped(second.mac);
      await stage.talk(to);
      if (first === proxy) await assertSilent(stage, proxy);
    }
  });
});

test('claim 15: with one proxy for both clients the route moves, and hosts need not be told', async (context) => {
  const stage = arrange(context, { topology: 'shared', link: true });
  await stage.steadily(async () => {
    const proxy = stage.proxy('proxy-a');
    const rounds = loadConfig(stage.system.configPath(proxy)).reactor.engine.announceScheduleUs.length;
    await stage.settle();
    await stage.until('it has said the last of what the start brought', () => {
      const said = stage.system.occurrences(proxy).findLast(({ code }) => code === 'announced');
      return said?.detail['round'] === rounds;
    });
    const { primary, redundant, first, second } = await stage.settle();
    assert.deepEqual([first, second], [proxy, proxy]);
    await untilRouted(stage, proxy, primary);
    const mouth = stage.listen(proxy.lanPort);

    const struckUs = stage.kill(primary);

    const registered = await stage.reported(proxy, struckUs, 'registered', { state: 'active' });
    assert.equal(registered.peer, redundant.name);
    await untilRouted(stage, proxy, redundant);
    await stage.talk(redundant);
    for (const host of stage.hosts) {
      for (const shared of host.shared) assert.equal(host.mapped(shared), proxy.mac);
    }
    await stage.turn(proxy);
    assert.deepEqual(unasked(stage, proxy, mouth), [], `it announced what the hosts knew: ${stage.told()}`);
    assert.equal(stage.report(proxy, struckUs, 'announced'), undefined);
  });
});

test('claim 16: without a link the clients see each other through the proxies, and take over', async (context) => {
  const stage = arrange(context, { topology: 'both', link: false });
  await stage.steadily(async () => {
    const { primary, redundant, second } = await stage.serving();
    await stage.until('each hears the other, through the proxies alone', async () => {
      const pairs = [
        [primary, redundant],
        [redundant, primary],
      ] as const;
      for (const [one, other] of pairs) {
        const peer = (await stage.status(one)).peers.find(({ name }) => name === other.name);
        assert.deepEqual(
          peer?.paths.map(({ name }) => name),
          ['routed'],
        );
        if (!peer.up) return false;
      }
      return true;
    });
    await stage.settle({ active: primary.name });

    const struckUs = stage.kill(primary);

    await stage.reported(redundant, struckUs, 'faultSeen');
    await stage.reported(second, struckUs, 'registered', { state: 'active' });
    for (const host of stage.hosts) await host.untilMapped(second.mac);
    await stage.talk(redundant);
  });
});

function arrange(context: TestContext, shape: Fig1bShape): Stage {
  const stage = new Stage(planFig1b(shape));
  context.after(() => stage.close());
  return stage;
}

/** The proxy answers nobody for the addresses, not even by unicast. */
async function assertSilent(stage: Stage, proxy: NodePlan): Promise<void> {
  const [host] = stage.hosts as [Host];
  await stage.turn(proxy);
  host.ears.forget();
  host.question();
  host.question(proxy.mac);
  await stage.turn(proxy);
  assert.equal(host.answers(proxy.mac), 0, `${proxy.name} still answers`);
}

/** The proxy's kernel sends a host's packets for the shared addresses to this member. */
async function untilRouted(stage: Stage, proxy: NodePlan, member: MemberPlan): Promise<void> {
  const [host] = stage.hosts as [Host];
  const hop = (shared: string): string => {
    const [of, wanted] = shared.includes(':')
      ? [host.plan.address6, member.address6]
      : [host.plan.address4, member.address4];
    const query = ['route', 'get', shared, 'from', of, 'iif', proxy.interface];
    const [route] = JSON.parse(ip(['-n', proxy.name, '-j', ...query])) as { readonly gateway?: string }[];
    return route?.gateway === wanted ? member.name : (route?.gateway ?? 'nobody');
  };
  const all = (): boolean => host.shared.every((shared) => hop(shared) === member.name);
  await stage.until(`the kernel of ${proxy.name} routes to ${member.name}`, all);
}

/** What the proxy said for the addresses that answers no host's question. */
function unasked(stage: Stage, proxy: NodePlan, mouth: Capture): readonly string[] {
  const asked = stage.hosts.flatMap((host) =>
    host.shared.flatMap((shared) => {
      const { mac, address4, address6 } = host.plan;
      return mouth.like(
        answer(proxy.mac, shared, { mac, address: shared.includes(':') ? address6 : address4 }),
      );
    }),
  );
  const said = stage.hosts[0]?.shared.flatMap((shared) => mouth.like(claim(shared))) ?? [];
  return said.filter((frame) => !asked.includes(frame));
}
