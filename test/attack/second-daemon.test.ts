/** A second daemon is started by mistake: on the same machine, or on another one with a configuration that was copied. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../../src/lab/until.ts';
import { inNamespace, ip } from '../namespace.ts';
import { configuration, Daemon, Ear, laySwitch, machine, macOf, pair } from './lan.ts';

inNamespace(import.meta.filename);

before(() => {
  laySwitch();
  machine('primary', 1);
  machine('redundant', 2);
  machine('third', 3);
});

const text = configuration({ node: 'primary', name: 'primary' });
/** The same node, with a state directory and a socket of its own. */
const apart = (name: string): string => configuration({ node: 'primary', name });

/** Everything that a second start could have changed of the first. */
async function standing(daemon: Daemon): Promise<unknown> {
  const { groups, lease, pid } = await daemon.status();
  return { pid, role: groups[0]?.role, term: groups[0]?.term, held: lease.held, lapses: lease.lapses };
}

test('on the same machine it is refused, and the first one is undisturbed', async () => {
  const { primary, redundant } = await pair();
  const before = [await standing(primary), primary.events.length];
  const rules = ip('netns exec primary ip address');
  for (const [second, words] of [
    [Daemon.start({ machine: 'primary', name: 'primary', text }), /another daemon answers on/],
    [
      Daemon.start({ machine: 'primary', name: 'apart', text: apart('apart') }),
      /another daemon of this cluster and node runs on this machine: it has the device us[0-9a-f]{8}\n {2}stop it first/,
    ],
  ] as const) {
    assert.equal(await second.ended, 75);
    assert.match(second.words, words);
  }
  // It still renews its lease.
  const { renewals } = (await primary.status()).lease;
  await until('the lease is renewed', async () => (await primary.status()).lease.renewals > renewals);
  assert.deepEqual([await standing(primary), primary.events.length], before);
  assert.equal(ip('netns exec primary ip address'), rules);
  assert.equal((await redundant.status()).groups[0]?.role, 'standby');
  await Promise.all([primary.kill(), redundant.kill()]);
});

test('of two that start together one has the machine, and its fence is whole', async () => {
  const daemons = ['one', 'two'].map((name) => Daemon.start({ machine: 'primary', name, text: apart(name) }));
  const [firstEnded] = await Promise.race(
    daemons.map(async (daemon) => [daemon, await daemon.ended] as const),
  );
  const winner = daemons.find((daemon) => daemon !== firstEnded);
  assert.ok(winner !== undefined && firstEnded !== undefined);
  assert.match(firstEnded.words, /has the device us|cannot create TUN device/);
  await winner.becomes('active');
  const { renewals } = (await winner.status()).lease;
  await until('the lease is renewed', async () => (await winner.status()).lease.renewals > renewals);
  assert.deepEqual(winner.said('restored'), []);
  await winner.kill();
});

test('on another machine it is reported by name and address, and everybody goes on', async (context) => {
  const { primary, redundant } = await pair();
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
  const seconds = 3;
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
  await Promise.all([primary, redundant, twin].map((daemon) => daemon.kill()));
});
