/** A second daemon is started by mistake: on the same machine, or on another one with a configuration that was copied. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../../src/lab/until.ts';
import { inNamespace, ip } from '../namespace.ts';
import { configuration, Daemon, type DaemonOptions, Ear, laySwitch, machine, macOf } from './lan.ts';

inNamespace(import.meta.filename);

before(() => {
  laySwitch();
  machine('primary', 1);
  machine('redundant', 2);
  machine('third', 3);
});

/** The same node, with a state directory and a socket of its own. */
const apart = (name: string): DaemonOptions => ({
  machine: 'primary',
  name,
  text: configuration({ node: 'primary', name }),
});

let primary: Daemon;
let redundant: Daemon;

/** Everything that a second start could have changed of the first. */
async function standing(daemon: Daemon): Promise<unknown> {
  const { groups, lease, pid } = await daemon.status();
  return { pid, role: groups[0]?.role, term: groups[0]?.term, held: lease.held, lapses: lease.lapses };
}

/** Besides what it repeats to hosts since the redundant one is there. */
const said = (daemon: Daemon): number => daemon.events.filter(({ code }) => code !== 'announced').length;

async function renewed(daemon: Daemon): Promise<void> {
  const { renewals } = (await daemon.status()).lease;
  await until('the lease is renewed', async () => (await daemon.status()).lease.renewals > renewals);
}

test('of two that start together one has the machine, and its fence is whole', async () => {
  const daemons = ['one', 'two'].map((name) => Daemon.start(apart(name)));
  const [firstEnded] = await Promise.race(
    daemons.map(async (daemon) => [daemon, await daemon.ended] as const),
  );
  const winner = daemons.find((daemon) => daemon !== firstEnded);
  assert.ok(winner !== undefined && firstEnded !== undefined);
  assert.match(firstEnded.words, /has the device us|cannot create TUN device/);
  await winner.becomes('active');
  await renewed(winner);
  assert.deepEqual(winner.said('restored'), []);
  primary = winner;
});

test('on the same machine it is refused, and the first one is undisturbed', async () => {
  const text = configuration({ node: 'redundant', name: 'redundant' });
  redundant = Daemon.start({ machine: 'redundant', name: 'redundant', text });
  await redundant.becomes('standby');
  const before = [await standing(primary), said(primary)];
  const addresses = ip('netns exec primary ip address');
  const refusals = [
    [primary.name, /another daemon answers on/],
    [
      'apart',
      /another daemon of this cluster and node runs on this machine: it has the device us[0-9a-f]{8}\n {2}stop it first/,
    ],
  ] as const;
  await Promise.all(
    refusals.map(async ([name, words]) => {
      const second = Daemon.start(apart(name));
      assert.equal(await second.ended, 75);
      assert.match(second.words, words);
    }),
  );
  // It still renews its lease.
  await renewed(primary);
  assert.deepEqual([await standing(primary), said(primary)], before);
  assert.equal(ip('netns exec primary ip address'), addresses);
  assert.equal((await redundant.status()).groups[0]?.role, 'standby');
});

test('on another machine it is reported by name and address, and everybody goes on', async (context) => {
  const counts = [primary.events.length, redundant.events.length];
  const twin = Daemon.start({
    machine: 'third',
    name: 'twin',
    text: configuration({ node: 'primary', name: 'twin', primaryAt: 3 }),
  });
  await twin.answers();
  const found = await redundant.untilSaid('twin', counts[1]);
  assert.deepEqual(
    [found.peer, found.detail, found.message],
    ['primary', { address: '192.0.2.3' }, 'another machine says it is primary: 192.0.2.3'],
  );
  // It hears nobody, but asks before it takes the address, and is answered.
  const inUse = await twin.untilSaid('addressInUse');
  assert.equal(inUse.detail['mac'], macOf(1));
  // Nobody answers the other without end.
  const ear = new Ear();
  const seconds = 2;
  await pause(seconds * 1000);
  const frames = [...ear.hear()];
  ear.close();
  const [own, twins] = [macOf(1), macOf(3)].map((mac) => frames.filter((one) => one === mac).length);
  context.diagnostic(`${own} frames of the primary and ${twins} of its twin in ${seconds} s`);
  assert.equal(twins, 0);
  assert.ok((own ?? 0) <= 10 * seconds, `${own} frames`);
  for (const daemon of [primary, redundant]) {
    const index = daemon === primary ? 0 : 1;
    assert.deepEqual(daemon.said('transition', counts[index]), []);
  }
});
