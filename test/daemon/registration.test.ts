/** A real proxy's daemon, and two members played by hand: what is forged, replayed or outdated changes nothing. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { ProxiedStatus, Status } from '../../src/api/types.ts';
import { clusterNumber, groupId } from '../../src/daemon/config/identity.ts';
import { readStatus } from '../../src/lab/control-client.ts';
import { until } from '../../src/lab/until.ts';
import { MemberState, RegistrationCode } from '../../src/wire/control/message.ts';
import { inNamespace, ip } from '../namespace.ts';
import { PlayedMember } from './played-member.ts';

inNamespace(import.meta.filename);

const key = '5f'.repeat(32);
const [file, socket] = ['/run/proxy.yaml', '/run/proxy.sock'];

/** The hosts' LAN, and a segment for each member; the other ends are in one namespace. */
function wire(): void {
  ip('netns add members');
  for (const [name, far, address] of [
    ['lan0', 'far-lan', '192.0.2.1/24'],
    ['seg0', 'far0', '198.51.100.1/30'],
    ['seg1', 'far1', '198.51.100.5/30'],
  ] as const) {
    ip(`link add ${name} type veth peer name ${far} netns members`);
    ip(`address add ${address} dev ${name}`);
    ip(`link set ${name} up`);
    ip(`-n members link set ${far} up`);
  }
  ip('-n members address add 198.51.100.2/30 dev far0');
  ip('-n members address add 198.51.100.6/30 dev far1');
}

wire();
writeFileSync(
  file,
  `cluster: played
node: proxy
key: ${key}
stateDir: /run/state
control: ${socket}
realtime: false
lease: { leaseMs: 400 }
heartbeat: { intervalMs: 100, misses: 100 }
startup: { graceMs: 100 }
proxy: { registrationMs: 60000 }
members: { one: { id: 1 }, two: { id: 2 }, proxy: { id: 11 } }
paths:
  seg0: { id: 1, kind: cable, port: 7170, tether: false, members: { proxy: { interface: seg0, address: 198.51.100.1 }, one: { interface: s, address: 198.51.100.2 } } }
  seg1: { id: 2, kind: cable, port: 7170, tether: false, members: { proxy: { interface: seg1, address: 198.51.100.5 }, two: { interface: s, address: 198.51.100.6 } } }
  link: { id: 3, kind: cable, port: 7171, members: { one: { interface: l, address: 203.0.113.1 }, two: { interface: l, address: 203.0.113.2 } } }
groups:
  web:
    addresses: [192.0.2.10]
    members: { one: { interface: s, proxy: proxy }, two: { interface: s, proxy: proxy } }
    proxies: { proxy: { interface: lan0 } }
`,
  { mode: 0o600 },
);
const cli = join(import.meta.dirname, '../../src/cli/main.ts');
const daemon = spawn(process.execPath, [cli, 'run', '-c', file], { stdio: ['ignore', 'ignore', 'inherit'] });

const common = {
  ...{ proxy: 11, boot: 4711, cluster: clusterNumber('played'), group: groupId('web') },
  ...{ keyHex: key, namespace: 'members', port: 7170 },
};
const one = new PlayedMember({
  ...common,
  ...{ self: 1, path: 1, interface: 'far0', address: '198.51.100.2', proxyAddress: '198.51.100.1' },
});
const two = new PlayedMember({
  ...common,
  ...{ self: 2, path: 2, interface: 'far1', address: '198.51.100.6', proxyAddress: '198.51.100.5' },
});
after(() => {
  one.close();
  two.close();
  daemon.kill('SIGKILL');
});

const five = { state: MemberState.active, term: { counter: 5, member: 1 } };

async function status(): Promise<Status> {
  return await readStatus(socket);
}

async function web(): Promise<ProxiedStatus | undefined> {
  one.beat();
  two.beat();
  return (await status()).proxied[0];
}

/** Waits until the daemon has counted one more of these refusals. */
async function refusedOnce(reason: string, deed: () => void): Promise<void> {
  const before = (await status()).refused[reason] ?? 0;
  deed();
  await until(
    `a datagram is refused as ${reason}`,
    async () => (await status()).refused[reason] === before + 1,
  );
}

test('an active member that registers is served', async () => {
  await until('the daemon hears both members', async () => {
    const now = await web().catch(() => undefined);
    return now !== undefined && (await status()).peers.every(({ up }) => up);
  });
  two.register({ state: MemberState.standby, term: { counter: 0, member: 0 } });
  one.word = five;
  let asked: Uint8Array | undefined;
  await until('the proxy answers for the address', async () => {
    // Within the grace of its start it serves nobody and does not answer; a member asks again.
    asked = one.register(five);
    return (await web())?.answering === true;
  });
  assert.ok(asked !== undefined);
  await until('the answer is here', async () => {
    await web();
    return one.answers.some(({ registration }) => registration?.code === RegistrationCode.accepted);
  });
  const now = await web();
  assert.equal(now?.routesTo, 'one');
  assert.deepEqual(now.term, { counter: 5, member: 'one' });
  assert.match(ip('rule show'), /iif lan0 lookup \d+ proto 117/);
});

const same = async (deed: () => Promise<void>): Promise<void> => {
  const facts = (now: ProxiedStatus | undefined): object => ({
    ...now,
    registrations: now?.registrations.map(({ member, state }) => [member, state]),
  });
  const before = facts(await web());
  await deed();
  assert.deepEqual(facts(await web()), before);
};

test('a forged withdrawal changes nothing and is counted', async () => {
  await same(() => refusedOnce('forged', () => one.register(five, '00'.repeat(32), 0)));
});

test('a replayed registration changes nothing and is counted', async () => {
  const bytes = one.register(five);
  await web();
  await same(() => refusedOnce('replayed', () => one.send(bytes)));
});

test('a registration by a lower term is refused with the highest one, changes nothing and is counted', async () => {
  two.answers.length = 0;
  await same(() =>
    refusedOnce('registration.lowerTerm', () =>
      two.register({ state: MemberState.active, term: { counter: 4, member: 2 } }),
    ),
  );
  await until('the refusal is here', () => {
    two.hear();
    return two.answers.length > 0;
  });
  assert.equal(two.answers[0]?.registration?.code, RegistrationCode.lowerTerm);
  assert.deepEqual(two.answers[0]?.term, { counter: 5, member: 1 });
});

test('a higher term moves the route to the other member, and the answers stay', async () => {
  two.word = { state: MemberState.active, term: { counter: 6, member: 2 } };
  two.register(two.word);
  await until('the other one is served', async () => (await web())?.routesTo === 'two');
  assert.equal((await web())?.answering, true);
});

test('a withdrawal and a yielded role end it', async () => {
  two.word = { state: MemberState.standby, term: { counter: 6, member: 2 } };
  one.word = { state: MemberState.standby, term: { counter: 6, member: 2 } };
  two.register(two.word, key, 0);
  await until('packets wait for the next active member', async () => (await web())?.role === 'waiting');
  assert.equal(
    (await web())?.registrations.some(({ member }) => member === 'two'),
    false,
  );
});
