import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatIp, type IpAddress, type MacAddress, parseIp } from '../../wire/address.ts';
import type { GroupLink, ReactorConfig, ReactorReport } from '../bridge.ts';
import type { ClaimKind } from './claim.ts';
import { Claims } from './claims.ts';

const group = 7;
const address = ip('192.0.2.10');
const [memberMac, proxyMac, stranger] = [0x02, 0x03, 0x99].map(
  (end) => (0x0200_5e00_5300 + end) as MacAddress,
);
const answerUs = 100_000;
const second = 1_000_000;

function ip(text: string): IpAddress {
  return parseIp(text) ?? assert.fail(text);
}

const link: GroupLink = {
  id: group,
  role: 'member',
  interface: 'lan0',
  addresses: ['192.0.2.10', '192.0.2.11'],
  strict: false,
  standbyAddress: 'present',
  checked: false,
  memberAddresses: [
    { member: 1, addresses: ['192.0.2.1'] },
    { member: 2, addresses: ['192.0.2.2', '2001:db8::2'] },
  ],
  clients: [],
};

class Stage {
  readonly claims: Claims;
  nowUs = 50 * second;
  answering = false;
  /** What was told, in words. */
  readonly said: string[] = [];

  constructor(changes: Partial<GroupLink> = {}) {
    const config = { engine: { self: 1 }, groups: [{ ...link, ...changes }] } as unknown as ReactorConfig;
    this.claims = new Claims(config, {
      claimed: (claim, member) =>
        this.said.push(`engine: ${member} ${claim.mac === stranger ? 'stranger' : ''}`),
      ask: (name, addresses) => this.said.push(`ask ${addresses.map(formatIp).join(' ')} on ${name}`),
      report: (report) => this.said.push(inWords(report)),
    });
  }

  /** With everybody's MAC known. */
  static familiar(changes: Partial<GroupLink> = {}): Stage {
    const stage = new Stage(changes);
    stage.claims.learn(ip('192.0.2.2'), memberMac as MacAddress);
    return stage;
  }

  hear(mac = stranger, how: ClaimKind = 'announcement', about = address): void {
    const claim = { group, address: about, mac: mac as MacAddress, how };
    this.claims.hear(claim, this.answering, this.nowUs);
  }

  /** What was said since, without what the engine was told. */
  take(): string[] {
    return this.said.splice(0).filter((line) => !line.startsWith('engine'));
  }
}

function inWords(report: ReactorReport): string {
  if (report.code !== 'foreignClaim') return report.code;
  const { address: about, mac, interface: name, how, count } = report;
  return `${mac} ${how} ${about} on ${name} ${count}`;
}

const reported = '02:00:5e:00:53:99 announcement 192.0.2.10 on lan0 1';

describe('a stranger', () => {
  test('is reported by his first claim, whether or not it is answered for here; the engine hears of him', () => {
    for (const answering of [false, true]) {
      const stage = Stage.familiar();
      stage.answering = answering;
      stage.hear();
      assert.deepEqual(stage.said, ['engine: 0 stranger', reported]);
    }
  });

  test('who goes on is reported less and less often, with how often he claimed', () => {
    const stage = Stage.familiar();
    const at: number[] = [];
    for (let tenths = 0; tenths < 3000; tenths++) {
      stage.hear();
      if (stage.take().length > 0) at.push(tenths / 10);
      stage.nowUs += second / 10;
    }
    assert.deepEqual(at, [0, 1, 3, 7, 15, 31, 63, 127, 191, 255]);
    stage.nowUs += 200 * second;
    stage.hear();
    assert.match(stage.take().join(), /192.0.2.10 on lan0 45\d$/);
    stage.nowUs += second;
    stage.hear();
    assert.deepEqual(stage.take(), [reported], 'after a rest, he is news again');
  });

  test('with another address, or another stranger, is another report', () => {
    const stage = Stage.familiar();
    stage.hear();
    stage.hear(stranger, 'answer', ip('192.0.2.11'));
    stage.hear(((stranger ?? 0) + 1) as MacAddress, 'question');
    assert.deepEqual(stage.take(), [
      reported,
      '02:00:5e:00:53:99 answer 192.0.2.11 on lan0 1',
      '02:00:5e:00:53:9a question 192.0.2.10 on lan0 1',
    ]);
  });

  test('with ever new MACs fills neither log nor memory', () => {
    const stage = Stage.familiar();
    for (let count = 0; count < 100_000; count++) {
      stage.hear((0x0600_0000_0000 + count) as MacAddress);
      stage.nowUs += 100;
    }
    assert.ok(stage.take().length <= 8 * 11);
    assert.equal(stage.claims.conflict(group)?.claims, 100_000);
  });

  test('who only asks is reported where he is answered, and is no claim', () => {
    const stage = Stage.familiar();
    stage.hear(stranger, 'probe');
    assert.deepEqual(stage.said, []);
    stage.answering = true;
    stage.hear(stranger, 'probe');
    assert.deepEqual(stage.said, ['02:00:5e:00:53:99 probe 192.0.2.10 on lan0 1']);
  });
});

describe('another place of the group', () => {
  test('is no stranger; its word is the engine’s business', () => {
    const stage = Stage.familiar();
    stage.hear(memberMac);
    assert.deepEqual(stage.said, ['engine: 2 ']);
    assert.equal(stage.claims.conflict(group), null);
    stage.answering = true;
    stage.nowUs += second;
    stage.hear(memberMac);
    stage.hear(memberMac, 'probe');
    assert.deepEqual(stage.take(), []);
    const { atUs, ...conflict } = stage.claims.conflict(group) ?? assert.fail('no conflict');
    assert.equal(atUs, stage.nowUs);
    assert.deepEqual(conflict, {
      ...{ address: '192.0.2.10', mac: '02:00:5e:00:53:02', member: 2 },
      ...{ interface: 'lan0', how: 'announcement', claims: 1 },
    });
  });

  test('of which nothing is known yet is asked first, and is believed when it answers', () => {
    const stage = new Stage();
    stage.hear(memberMac);
    assert.deepEqual(stage.said, ['engine: 0 ', 'ask 192.0.2.2 2001:db8::2 on lan0']);
    assert.equal(stage.claims.dueUs, stage.nowUs + answerUs);
    stage.claims.learn(ip('2001:db8::2'), memberMac as MacAddress);
    assert.equal(stage.claims.dueUs, Number.POSITIVE_INFINITY);
    stage.nowUs += answerUs;
    stage.claims.proceed(stage.nowUs);
    assert.deepEqual(stage.take().slice(1), []);
  });

  test('is asked once, however many strangers there are', () => {
    const stage = new Stage();
    for (let count = 0; count < 1000; count++) stage.hear((0x0600_0000_0000 + count) as MacAddress);
    assert.equal(stage.take().length, 1);
    stage.nowUs += answerUs;
    stage.hear();
    assert.equal(stage.take().length, 1);
  });

  test('that does not answer in time does not hide a stranger', () => {
    const stage = new Stage();
    stage.hear();
    stage.hear();
    stage.take();
    stage.claims.proceed(stage.nowUs + answerUs - 1);
    assert.deepEqual(stage.take(), []);
    stage.claims.proceed(stage.nowUs + answerUs);
    assert.deepEqual(stage.take(), ['02:00:5e:00:53:99 announcement 192.0.2.10 on lan0 2']);
  });

  test('without an address on the LAN may be anybody, except where it is answered for here', () => {
    const stage = new Stage({ memberAddresses: [{ member: 2, addresses: [] }] });
    stage.hear();
    assert.deepEqual(stage.take(), []);
    stage.answering = true;
    stage.hear();
    assert.deepEqual(stage.take(), [reported]);
  });

  test('the proxy of a member, too; members on networks of their own are not here', () => {
    const gateway = { node: 11, interface: 'lan0', addresses: ['198.51.100.1'] };
    const stage = new Stage({ gateway, memberAddresses: [{ member: 2, addresses: [] }] });
    stage.claims.learn(ip('198.51.100.1'), proxyMac as MacAddress);
    stage.hear(proxyMac);
    assert.deepEqual(stage.said, ['engine: 11 ']);
    stage.hear();
    assert.deepEqual(stage.take(), [reported]);
  });
});

test('where it is answered for here, a storm does not take the turns of the engine; its last claim is told, too', () => {
  const stage = Stage.familiar();
  stage.answering = true;
  const told = (): number => stage.said.filter((line) => line.startsWith('engine')).length;
  for (let count = 0; count < 1000; count++) stage.hear();
  assert.equal(told(), 1);
  assert.equal(stage.claims.dueUs, stage.nowUs + 50_000);
  stage.nowUs += 50_000;
  stage.claims.proceed(stage.nowUs);
  assert.equal(told(), 2);
  assert.equal(stage.claims.dueUs, Number.POSITIVE_INFINITY);
});
