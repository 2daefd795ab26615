import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cable, inNamespace, inPeer, ip } from '../../test/namespace.ts';
import { formatMac } from '../wire/address.ts';
import { interfaceIndex, interfaceMac } from './interfaces.ts';
import { readSysctl, SysctlJournal, writeSysctl } from './sysctl.ts';

inNamespace(import.meta.filename);
cable('near0', 'far0', 'peer');
ip('link set near0 address 02:00:5e:00:53:01');

test('an interface has the index and hardware address that ip shows', () => {
  assert.equal(interfaceIndex('lo'), 1);
  const shown = JSON.parse(ip('-j link show near0')) as { ifindex: number }[];
  assert.equal(interfaceIndex('near0'), shown[0]?.ifindex);
  assert.equal(formatMac(interfaceMac('near0')), '02:00:5e:00:53:01');
  assert.equal(formatMac(interfaceMac('lo')), '00:00:00:00:00:00');
});

test('the answer is the calling thread’s namespace', () => {
  assert.throws(() => interfaceIndex('far0'), {
    code: 'operationFailed',
    errno: 'ENODEV',
    subject: 'far0',
    remedy: 'the interfaces here are lo, near0',
  });
  assert.ok(inPeer('peer', () => interfaceIndex('far0')) > 1);
});

test('what is no interface name is refused before the kernel sees it', () => {
  for (const name of ['', 'a234567890123456', 'a b', 'a/b']) {
    assert.throws(() => interfaceIndex(name), { code: 'operationFailed', errno: 'EINVAL' });
  }
});

test('a journal restores what was there before its first change', () => {
  const path = 'net.ipv4.conf.near0.arp_ignore';
  const journal = new SysctlJournal();
  writeSysctl(path, 2);
  journal.set(path, 1);
  journal.set(path, 3);
  journal.set(['net', 'ipv4', 'conf', 'near0', 'arp_announce'], '2');
  assert.equal(readSysctl(path), '3');
  assert.deepEqual(journal.restore(), []);
  assert.equal(readSysctl(path), '2');
  assert.equal(readSysctl('net.ipv4.conf.near0.arp_announce'), '0');
  assert.deepEqual(journal.restore(), []);
});

test('a setting whose interface went away is reported, the others are restored', () => {
  ip('link add gone0 type veth peer name gone1');
  const journal = new SysctlJournal();
  journal.set('net.ipv4.conf.near0.arp_ignore', 1);
  journal.set('net.ipv4.conf.gone0.arp_ignore', 1);
  ip('link del gone0');
  const failures = journal.restore();
  assert.deepEqual(
    failures.map(({ subject, errno }) => [subject, errno]),
    [['net.ipv4.conf.gone0.arp_ignore', 'ENOENT']],
  );
  assert.equal(readSysctl('net.ipv4.conf.near0.arp_ignore'), '2');
});
