import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { monotonicUs } from '../../src/linux/clock.ts';
import { Fence } from '../../src/linux/fence/fence.ts';
import { newTable } from '../../src/linux/nftables/request.ts';
import { NftablesSocket } from '../../src/linux/nftables/socket.ts';
import { UdpSocket } from '../../src/linux/udp-socket.ts';
import { inNamespace, ip } from '../namespace.ts';
import { assertSilent, config, first, second, yes } from './pair.ts';
import { every, heard, lay, near4, near6, second4, second6, shared4, shared6 } from './voices.ts';

inNamespace(import.meta.filename);
lay();

afterEach(() => {
  Fence.clean('understudy-');
});

/** Waits until the kernel ended the lease; milliseconds since `fromUs`. */
async function expiry(fromUs: number): Promise<number> {
  while (Fence.inspect('test')?.leaseAlive === true) await pause(1);
  return (monotonicUs() - fromUs) / 1000;
}

test('without a fence every voice is heard, and a fence silences the shared addresses only', () => {
  for (const address of [shared4, shared6]) assert.deepEqual(heard(address), every(address));
  const fence = Fence.arm(config);
  assertSilent();
  for (const address of [near4, near6]) assert.deepEqual(heard(address), every(address));
  assert.deepEqual(Fence.inspect('test'), { leaseAlive: false, held: [] });
  fence.remove();
  assert.equal(Fence.inspect('test'), undefined);
  assert.deepEqual(heard(shared4), every(shared4));
});

test('a held group speaks, the other does not; yielding closes at once', () => {
  const fence = Fence.arm(config);
  assert.equal(fence.acquire(first, yes), true);
  assert.ok(fence.holding);
  assert.deepEqual(Fence.inspect('test'), { leaseAlive: true, held: ['192.0.2.10', '2001:db8::10'] });
  for (const address of [shared4, shared6]) assert.deepEqual(heard(address), every(address));
  assert.equal(fence.renew(), 'held');
  for (const address of [second4, second6]) assert.deepEqual(heard(address), []);
  assert.equal(
    fence.acquire(second, () => assert.fail('a running lease is proof enough')),
    true,
  );
  assert.deepEqual(heard(second6), every(second6));
  fence.yield(first);
  fence.yield(first);
  assert.equal(fence.renew(), 'held');
  assert.deepEqual(heard(shared4), []);
  assert.deepEqual(heard(shared6), []);
  assert.deepEqual(heard(second4), every(second4));
  fence.yield(second);
  assert.equal(fence.holding, false);
  assert.deepEqual(Fence.inspect('test'), { leaseAlive: false, held: [] });
  assertSilent();
  fence.remove();
});

test('the kernel ends a lease that is not renewed, and a late renewal does not bring it back', async () => {
  const fence = Fence.arm(config);
  assert.equal(fence.acquire(first, yes), true);
  const acquiredUs = monotonicUs();
  const lastedMs = await expiry(acquiredUs);
  assert.ok(lastedMs > config.leaseMs - 20 && lastedMs < config.leaseMs + 100, `${lastedMs} ms`);
  assertSilent();
  assert.equal(fence.renew(), 'lost');
  assert.equal(fence.holding, false);
  assertSilent();
  assert.deepEqual(Fence.inspect('test'), { leaseAlive: false, held: [] });
  assert.equal(fence.renew(), 'lost');
  assert.equal(fence.acquire(first, yes), true);
  assert.deepEqual(heard(shared4), every(shared4));
  fence.remove();
});

test('an expired lease is not joined by another group', async () => {
  const fence = Fence.arm(config);
  assert.equal(fence.acquire(first, yes), true);
  await expiry(monotonicUs());
  assert.equal(fence.acquire(second, yes), false);
  assertSilent();
  assert.equal(fence.renew(), 'lost');
  fence.remove();
});

test('renewals prolong it', (context) => {
  const fence = Fence.arm(config);
  assert.equal(fence.acquire(first, yes), true);
  const startUs = monotonicUs();
  const costs: number[] = [];
  for (let now = startUs; now - startUs < 700_000; now = monotonicUs()) {
    assert.equal(fence.renew(), 'held');
    costs.push(monotonicUs() - now);
  }
  assert.deepEqual(heard(shared4), every(shared4));
  costs.sort((a, b) => a - b);
  const quantile = (part: number): number => costs[Math.floor(costs.length * part)] ?? 0;
  context.diagnostic(`renewal: p50 ${quantile(0.5)} µs, p99 ${quantile(0.99)} µs, ${costs.length} of them`);
  assert.ok(quantile(0.5) < 1000);
  fence.remove();
});

test('who is not entitled, or took too long to find out, does not open it', () => {
  const fence = Fence.arm(config);
  assert.equal(
    fence.acquire(first, () => false),
    false,
  );
  const slow = (): boolean => {
    const startUs = monotonicUs();
    while (monotonicUs() - startUs < config.leaseMs * 1000 + 20_000);
    return true;
  };
  assert.equal(fence.acquire(first, slow), false);
  assert.equal(fence.holding, false);
  assertSilent();
  fence.remove();
});

test('a killed owner leaves the fence closed, and its successor starts closed', async () => {
  const owner = await ownerProcess();
  try {
    assert.equal(Fence.inspect('test')?.leaseAlive, true);
    assert.deepEqual(heard(shared6), every(shared6));
    owner.kill('SIGKILL');
    const killedUs = monotonicUs();
    await once(owner, 'exit');
    await expiry(killedUs);
    assertSilent([shared4, shared6]);
    assert.deepEqual(Fence.inspect('test'), { leaseAlive: false, held: ['192.0.2.10', '2001:db8::10'] });
  } finally {
    owner.kill('SIGKILL');
  }
  const fence = Fence.arm(config);
  assert.deepEqual(Fence.inspect('test'), { leaseAlive: false, held: [] });
  fence.remove();
});

test('a stopped owner is silent, and finds out when it goes on', async () => {
  const owner = await ownerProcess();
  try {
    owner.kill('SIGSTOP');
    await expiry(monotonicUs());
    assertSilent([shared4, shared6]);
    owner.kill('SIGCONT');
    assert.deepEqual(await once(owner.stdout ?? assert.fail(), 'data'), ['lost\n']);
    assertSilent([shared4, shared6]);
  } finally {
    const gone = once(owner, 'exit');
    owner.kill('SIGKILL');
    // Until then its tables are its own, and nobody else may take them away.
    await gone;
  }
});

/** A process that holds the first group and renews every 20 ms; says `held`, and `lost` when it is. */
async function ownerProcess(): Promise<ChildProcess> {
  const fenceModule = new URL('../../src/linux/fence/fence.ts', import.meta.url);
  const program = `
    import { Fence } from ${JSON.stringify(fenceModule.href)};
    const groups = [{ id: 1, interface: 'lan0', addresses: [${shared4}, ${shared6}n] }];
    const fence = Fence.arm({ instance: 'test', leaseMs: 200, groups, ownDevices: [] });
    process.stdout.write(fence.acquire(1, () => true) ? 'held\\n' : 'refused\\n');
    setInterval(() => fence.holding && fence.renew() === 'lost' && process.stdout.write('lost\\n'), 20);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.stdout.setEncoding('utf8');
  assert.deepEqual(await once(child.stdout, 'data'), ['held\n']);
  return child;
}

test('an interface that appears is covered by re-arming, which never opens', () => {
  const fence = Fence.arm(config);
  assert.equal(fence.acquire(first, yes), true);
  ip('link add lan1 type veth peer name far1 netns peer');
  ip('-n peer link set far1 address 02:00:5e:00:53:02 up');
  ip('link set lan1 address 02:00:5e:00:53:01 up');
  const frames = (address: typeof shared4 | typeof shared6): string[] =>
    every(address).filter((voice) => voice !== 'udp');
  assert.deepEqual(heard(second4, 'lan1', 'far1'), frames(second4));
  assert.equal(fence.renew(), 'held');
  fence.rearm();
  assert.equal(fence.renew(), 'held');
  assert.deepEqual(heard(second4, 'lan1', 'far1'), []);
  assert.deepEqual(heard(second6, 'lan1', 'far1'), []);
  assert.deepEqual(heard(shared4, 'lan1', 'far1'), frames(shared4));
  fence.yield(first);
  fence.rearm();
  assert.deepEqual(heard(shared4, 'lan1', 'far1'), []);
  assertSilent();

  ip('link set lan1 down');
  ip('link set lan1 name lan2');
  ip('link set lan2 up');
  fence.rearm();
  assert.deepEqual(heard(shared6, 'lan2', 'far1'), []);
  ip('link delete lan2');
  fence.rearm();
  fence.rearm();
  ip('link add lan2 type veth peer name far1 netns peer');
  ip('-n peer link set far1 up');
  ip('link set lan2 up');
  fence.rearm();
  assert.deepEqual(heard(shared4, 'lan2', 'far1'), []);
  ip('link delete lan2');
  fence.remove();
});

test('cleaning removes what has the prefix and nothing else', () => {
  const nftables = NftablesSocket.open();
  const foreign = [
    { family: 'inet', name: 'firewall' },
    { family: 'netdev', name: 'not-understudy-x' },
  ] as const;
  nftables.commit(foreign.map(newTable));
  // As a daemon's that is dead: nobody owns them.
  Fence.arm({ ...config, own: false });
  Fence.arm({ ...config, instance: 'other', own: false });
  assert.deepEqual(Fence.clean('understudy-').sort(), ['understudy-other', 'understudy-test']);
  assert.deepEqual(Fence.clean('understudy-'), []);
  assert.deepEqual(
    nftables
      .tables()
      .map((table) => table.name)
      .sort(),
    ['firewall', 'not-understudy-x'],
  );
  assert.throws(() => Fence.clean(''), RangeError);
  nftables.close();
});

test('a member may always talk to itself', () => {
  const fence = Fence.arm(config);
  const ends = [second4, shared4].map((localAddress) =>
    UdpSocket.open({ interface: 'lo', localAddress, port: 7001 }),
  );
  const [server, client] = ends;
  assert.ok(server !== undefined && client !== undefined);
  assert.equal(client.send(Buffer.from('self'), 4, second4, 7001), 0);
  let received = '';
  server.receive((bytes) => {
    received += Buffer.from(bytes).toString();
  });
  assert.equal(received, 'self');
  for (const end of ends) end.close();
  fence.remove();
});
