import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Changes, exampleText } from '../../../../test/daemon/example-config.ts';
import { ConfigError, formatProblem } from '../../errors.ts';
import { parseConfig } from '../load.ts';

/** Lines 34 and 35 of the example, its checks, make room. */
const mirror = (settings: string, changes: Changes = {}): Changes => ({
  34: `    mirror: { ${settings} }`,
  35: null,
  ...changes,
});
const good = 'mode: concurrent, service: 8080, backend: "127.0.0.1:8081"';

function problemsOf(changes: Changes): string[] {
  try {
    parseConfig('u.yaml', exampleText(changes));
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(formatProblem);
    throw error;
  }
  return [];
}

const where = 'groups.web.mirror';
const wrong: readonly (readonly [Changes, string])[] = [
  [
    mirror('mode: shadow, service: 8080, backend: "127.0.0.1:8081"'),
    `${where}.mode is "shadow": it must be concurrent`,
  ],
  [mirror('mode: concurrent, service: 8080'), `${where} needs one of backend`],
  [
    mirror('mode: concurrent, service: 8080, backend: "127.0.0.1:8081", program: /run/app.sock'),
    `${where} needs one of backend`,
  ],
  [
    mirror('mode: concurrent, service: 8080, program: app.sock'),
    `${where}.program is "app.sock": it must be the absolute path`,
  ],
  [
    mirror('mode: concurrent, service: 8080, backend: localhost'),
    `${where}.backend is "localhost": it must be the server behind the service`,
  ],
  [
    mirror('mode: concurrent, service: 8080, backend: "127.0.0.256:8081"'),
    `${where}.backend is 127.0.0.256:8081: no such address or port`,
  ],
  [
    mirror('mode: concurrent, service: 8080, backend: "192.0.2.10:8081"'),
    `${where}.backend is 192.0.2.10:8081, an address of the group`,
  ],
  [mirror(`${good}, port: 7169`), `${where}.port is 7169, the port of paths.cable`],
  [
    mirror(`${good}, degradeAfterMs: 99`),
    `${where}.degradeAfterMs is 99: it must be a number of milliseconds`,
  ],
  [
    mirror(`${good}, degradeAfterMs: 500`, { 6: 'heartbeat: { intervalMs: 50, misses: 3 }' }),
    `${where}.degradeAfterMs does not fit: mirror.degradeAfterMs is 500, must be at least 600`,
  ],
  [
    mirror(`${good} }\n    standbyAddress: absent\n    takeOverOn: { silence: true`),
    'groups.web.standbyAddress is absent: a mirrored group needs present',
  ],
  [
    mirror(good, {
      13: '  redundant: { id: 2 }\n  third: { id: 3 }',
      28: '      redundant: { interface: lan0, address: 192.0.2.2 }\n      third: { interface: lan0, address: 192.0.2.3 }',
      33: '    members: { primary: {}, redundant: {}, third: {} }',
    }),
    `${where} is for a group of two members, and web has 3`,
  ],
];

test('what is wrong with a mirrored service is said with its place and what to do', () => {
  for (const [changes, words] of wrong) {
    const problems = problemsOf(changes);
    assert.equal(problems.length, 1, `${words}\n${problems.join('\n')}`);
    assert.ok(problems[0]?.includes(words), `${problems[0]}\nshould say: ${words}`);
  }
});

test('each member gets the plan of its relay: one listens, the other one connects to it on every path', () => {
  const plans = ['primary', 'redundant'].map((node) => {
    const { control, reactor } = parseConfig('u.yaml', exampleText(mirror(good, { 2: `node: ${node}` })));
    assert.deepEqual(reactor.groups[0]?.mirror?.port, 8080);
    assert.ok(reactor.groups[0]?.checked, 'it is not healthy before its relay runs');
    return control.groups[0]?.relay?.plan;
  });
  const [one, other] = plans;
  assert.ok(one !== undefined && other !== undefined);
  assert.deepEqual([one.listens, other.listens], [true, false]);
  assert.deepEqual([one.partner, other.partner], [other.node, one.node]);
  assert.equal(one.scope, other.scope);
  assert.deepEqual(one.routes, [
    { local: '198.51.100.1', remote: '198.51.100.2' },
    { local: '192.0.2.1', remote: '192.0.2.2' },
  ]);
  assert.deepEqual(
    other.routes.map(({ local, remote }) => ({ local: remote, remote: local })),
    one.routes,
  );
  assert.deepEqual(one.answerer, { backend: { address: '127.0.0.1', port: 8081 } });
  assert.notEqual(one.gate, other.gate);
});
