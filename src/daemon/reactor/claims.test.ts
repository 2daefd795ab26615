import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type MacAddress, parseIp } from '../../wire/address.ts';
import type { GroupId, NodeId } from '../../wire/control/message.ts';
import type { ReactorConfig } from '../bridge.ts';
import { Claims } from './claims.ts';

const group = 77 as GroupId;
const [own, stranger] = [0x02_00_00_00_00_02 as MacAddress, 0x02_00_00_00_00_ee as MacAddress];
const member = 2 as NodeId;

function heard(): { readonly claims: Claims; readonly told: NodeId[]; readonly reports: string[] } {
  const told: NodeId[] = [];
  const reports: string[] = [];
  const memberAddresses = [{ member, addresses: ['192.0.2.2'] }];
  const claims = new Claims({ groups: [{ id: group, memberAddresses }] } as unknown as ReactorConfig, {
    macOf: () => own,
    claimed: (_, by) => told.push(by),
    report: ({ code }) => reports.push(code),
  });
  return { claims, told, reports };
}

const address = parseIp('192.0.2.10') ?? assert.fail();

test('the first claim is told at once, and of many more the last when the interval is over', () => {
  const { claims, told, reports } = heard();
  assert.equal(claims.dueUs, Number.POSITIVE_INFINITY);
  claims.hear(group, address, stranger, 1_000_000);
  assert.deepEqual(told, [0]);
  assert.equal(claims.dueUs, Number.POSITIVE_INFINITY);
  for (let us = 1_001_000; us < 1_040_000; us += 1000) claims.hear(group, address, stranger, us);
  claims.hear(group, address, own, 1_040_000);
  assert.deepEqual(told, [0]);
  assert.equal(claims.dueUs, 1_050_000);
  claims.proceed(1_049_999);
  assert.deepEqual(told, [0]);
  claims.proceed(1_050_000);
  assert.deepEqual(told, [0, member]);
  assert.equal(claims.dueUs, Number.POSITIVE_INFINITY);
  assert.deepEqual(reports, ['foreignClaim']);
});
