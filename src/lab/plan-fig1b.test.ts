import assert from 'node:assert/strict';
import { test } from 'node:test';
import { darkPorts, machinesOf, nodesOf, placeOf, portsOf, wiresOf } from './layout.ts';
import { type LabPlan, lanBridge, planFig1a, planHosts, withStranger } from './plan.ts';
import { planFig1b, topologies } from './plan-fig1b.ts';

/** Shapes of fig. 1B by their options. */
const shapes: readonly (readonly [string, LabPlan])[] = topologies.flatMap((topology) =>
  [true, false].map(
    (link) => [`${topology}${link ? '' : ' --no-link'}`, planFig1b({ topology, link })] as const,
  ),
);

function assertUnique(values: readonly (string | number)[], what: string): void {
  assert.equal(new Set(values).size, values.length, `${what}: ${values.join(' ')}`);
}

for (const [name, plan] of [
  ['fig1a', planFig1a(3)] as const,
  [
    'fig1a, strict, with more machines',
    withStranger({ ...planFig1a(2, 'strict'), hosts: planHosts(9) }),
  ] as const,
  ...shapes,
]) {
  test(`${name}: names, addresses and ports are unique, and every wire leads somewhere`, () => {
    const wires = machinesOf(plan).flatMap(wiresOf);
    assertUnique(
      machinesOf(plan).map((machine) => machine.name),
      'machines',
    );
    assertUnique(
      nodesOf(plan).map(({ id }) => id),
      'ids',
    );
    assertUnique(portsOf(plan), 'ports');
    assertUnique(
      wires.map(({ mac }) => mac),
      'MAC addresses',
    );
    assertUnique(
      wires.map(({ address4 }) => address4),
      'addresses',
    );
    for (const { port, interface: device, bridge } of wires) {
      assert.ok(Math.max(port.length, device.length) <= 15, `${port} ${device}`);
      assert.ok(wires.filter((other) => other.bridge === bridge).length > 1, `${bridge} has one end`);
    }
  });

  test(`${name}: the paths join machines that have those interfaces and addresses`, () => {
    assertUnique(
      plan.paths.map(({ id }) => id),
      'path ids',
    );
    for (const { name: path, ends } of plan.paths) {
      assert.ok(Object.keys(ends).length > 1, `${path} has one end`);
      for (const [node, end] of Object.entries(ends)) {
        const machine = nodesOf(plan).find((candidate) => candidate.name === node);
        assert.ok(machine, `${path} leads to ${node}`);
        const wire = wiresOf(machine).find((candidate) => candidate.interface === end.interface);
        assert.equal(wire?.address4, end.address);
      }
    }
  });
}

test('who answers the hosts for whom', () => {
  const places = shapes.map(([, plan]) => plan.members.map((member) => placeOf(member, plan).name).join(' '));
  assert.deepEqual(places, [
    ...['proxy-a proxy-b', 'proxy-a proxy-b'],
    ...['proxy-a redundant', 'proxy-a redundant'],
    ...['proxy-a proxy-a', 'proxy-a proxy-a'],
  ]);
});

test('a machine without power darkens both ends of its own wires, and only its own port of the LAN', () => {
  const plan = planFig1b({ topology: 'both', link: true });
  const dark = (name: string): string[] => {
    const node = nodesOf(plan).find((candidate) => candidate.name === name);
    assert.ok(node);
    return darkPorts(node, plan).sort();
  };
  assert.deepEqual(dark('primary'), ['link-primary', 'link-redundant', 'seg-a-proxy', 'seg-primary']);
  assert.deepEqual(dark('proxy-b'), ['lan-proxy-b', 'seg-b-proxy', 'seg-redundant']);
  assert.ok(machinesOf(plan).some(({ bridge }) => bridge === lanBridge));
});

test('members reach each other through the proxies, and hosts know of that only beside a stream', () => {
  const hosts = (plan: LabPlan): number =>
    plan.routes.filter(({ machine }) => machine.startsWith('host')).length;
  const through = (plan: LabPlan, machine: string): string[] =>
    plan.routes.filter((route) => route.machine === machine).map(({ to, via }) => `${to} ${via}`);
  const both = planFig1b({ topology: 'both', link: true });
  assert.deepEqual(through(both, 'primary'), [
    '198.51.100.4/30 198.51.100.1',
    '2001:db8:0:b::/64 2001:db8:0:a::1',
  ]);
  assert.deepEqual(through(both, 'proxy-b'), [
    '198.51.100.0/30 192.0.2.1',
    '2001:db8:0:a::/64 2001:db8:0:1::1',
  ]);
  const one = planFig1b({ topology: 'one', link: true });
  assert.deepEqual(through(one, 'primary'), [
    '192.0.2.2/32 198.51.100.1',
    '2001:db8:0:1::2/128 2001:db8:0:a::1',
  ]);
  assert.deepEqual(through(one, 'redundant'), [
    '198.51.100.0/30 192.0.2.1',
    '2001:db8:0:a::/64 2001:db8:0:1::1',
  ]);
  assert.equal(hosts(both), 0);
  assert.equal(hosts(planFig1b({ topology: 'both', link: true, reachable: true })), 8);
});
