/** Claims 7 to 9, in the set-up of fig. 1B: a proxy client registers with its ARP proxy server (steps 510 to 525). */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { planFig1b } from '../../src/lab/plan-fig1b.ts';
import { monotonicUs } from '../../src/linux/clock.ts';
import { claim, routedOnce, unsolicitedAdvertisement, unsolicitedReply } from './capture.ts';
import { enclosed } from './enclosed.ts';
import type { Host } from './host.ts';
import { Stage } from './stage.ts';

await enclosed(import.meta.filename);
const stage = new Stage(planFig1b({ topology: 'both', link: true }));
after(() => stage.close());
const [hostA, hostB] = stage.hosts as [Host, Host];
const { service4, service6, proxies } = stage.plan;
const first = stage.proxy('proxy-a');
const client = stage.member('primary');
/** Of a machine that is not there any more. */
const gone = '02:00:00:00:00:99';

test('claim 7: from the registration on the first proxy answers for the logical address with its own physical address', () =>
  stage.steadily(async () => {
    await stage.begin(proxies);
    hostA.ears.forget();
    hostA.question();
    for (const proxy of proxies) await stage.turn(proxy);
    for (const shared of hostA.shared)
      assert.deepEqual(hostA.ears.like(claim(shared)), [], 'answered too early');

    const sinceUs = monotonicUs();
    await stage.start(client);
    await stage.reported(first, sinceUs, 'registered', { state: 'active' });

    hostA.question();
    await stage.until('the proxy answers both questions', () => hostA.answers(first.mac) === 2);
    hostA.question(first.mac);
    await stage.until('and both that come by unicast', () => hostA.answers(first.mac) === 4);
    for (const other of [...stage.plan.members, stage.proxy('proxy-b')])
      assert.equal(hostA.answers(other.mac), 0);
  }));

test('claim 8: the proxy announces the registration, and tables with an old entry follow', () =>
  stage.steadily(async () => {
    await stage.begin(proxies);
    const mouth = stage.listen(first.lanPort);
    for (const shared of hostB.shared) hostB.remember(shared, gone);

    const sinceUs = monotonicUs();
    await stage.start(client);
    await stage.reported(first, sinceUs, 'registered', { state: 'active' });

    for (const shape of [
      unsolicitedReply(first.mac, service4),
      unsolicitedAdvertisement(first.mac, service6),
    ]) {
      await stage.until(`the proxy says ${shape}`, () => mouth.like(shape).length > 0);
    }
    await hostB.untilMapped(first.mac);
  }));

test('claim 9: the proxy routes what a host sends to the logical address to its client, and the answer comes back', () =>
  stage.steadily(async () => {
    const { primary } = await stage.settle({ active: client.name, mute: true });
    const behind = stage.listen(first.segments[0]?.port ?? '');

    for (const talk of hostA.talks) assert.equal(await talk.exchange(), primary.name);

    for (const [index, shared] of hostA.shared.entries()) {
      const host = index === 0 ? hostA.plan.address4 : hostA.plan.address6;
      const inward = { from: first.segments[0]?.mac ?? '', to: primary.mac };
      assert.equal(behind.like(routedOnce(inward, host, shared)).length, 1, `${shared}: towards the client`);
      const back = { from: first.mac, to: hostA.plan.mac };
      assert.equal(hostA.ears.like(routedOnce(back, shared, host)).length, 1, `${shared}: back to the host`);
    }
  }));
