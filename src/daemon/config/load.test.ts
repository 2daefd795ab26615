import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { exampleKey, exampleText } from '../../../test/daemon/example-config.ts';
import { ConfigError, ConfigUnreadableError, formatProblem } from '../errors.ts';
import { loadConfig, parseConfig } from './load.ts';

type Changes = Record<number, string | null>;

function problemsOf(changes: Changes): string[] {
  try {
    parseConfig('u.yaml', exampleText(changes));
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(formatProblem);
    throw error;
  }
  return [];
}

/** What was changed; where the problem is said to be; words it must have. */
const wrong: readonly (readonly [Changes, string, RegExp])[] = [
  [{ 1: 'cluster: [lab' }, '2:1', /./],
  [{ 2: 'cluster: again' }, '2:1', /unique/],
  [{ 1: null }, '2:1', /cluster is missing: give the name/],
  [{ 1: 'cluster: 12' }, '1:10', /cluster is 12: it must be a name/],
  [{ 1: 'cluster:' }, '1:9', /cluster is empty/],
  [{ 1: 'cluster: ""' }, '1:10', /cluster is ""/],
  [{ 2: 'node: primry' }, '2:7', /did you mean primary\?/],
  [{ 2: 'node: elsewhere' }, '2:7', /the members are primary, redundant/],
  [{ 3: null }, '1:1', /no key: give key/],
  [{ 3: 'key: abc' }, '3:6', /hidden \(3 characters\).*64 hexadecimal digits/],
  [{ 3: `keys: [${exampleKey}, zz]` }, '3:74', /keys\[1\] is hidden \(2 characters\)/],
  [{ 3: `{key: ${exampleKey}}` }, '3:1', /./],
  [{ 4: `keyFile: k\nkey: ${exampleKey}`, 3: null }, '4:1', /given beside key/],
  [{ 3: 'keyFile: /nonexistent/key' }, '3:10', /it does not exist/],
  [{ 4: 'stateDir: state' }, '4:11', /must be an absolute path/],
  [{ 5: `control: /${'x'.repeat(120)}` }, '5:10', /121 bytes.*at most 107/],
  [{ 6: 'heartbeat: { intervalMs: 0.5 }' }, '6:26', /intervalMs is 0.5.*from 1 to/],
  [
    { 6: 'heartbeat: { intervallMs: 5 }' },
    '6:14',
    /heartbeat has no setting "intervallMs": did you mean intervalMs\?/,
  ],
  [{ 6: 'heartbeat: { misses: 2.5 }' }, '6:22', /whole number from 1 to 100/],
  [{ 6: 'heartbeat: 5' }, '6:12', /heartbeat is 5: it must be a mapping/],
  [{ 6: 'hartbeat: {}' }, '6:1', /the file has no setting "hartbeat": did you mean heartbeat\?/],
  [{ 6: 'zzzzzzz: {}' }, '6:1', /known here: cluster, node/],
  [
    { 7: 'lease: { leaseMs: 11, renewMs: 4 }' },
    '7:19',
    /at least 12 \(renewMs 4 \+ 4 for a kernel tick \+ 4 /,
  ],
  [{ 8: 'realtime: false' }, '7:19', /at least 48 \(renewMs 4 \+ 4 .* \+ 40 for lateness without realtime\)/],
  [{ 8: 'realtime: { fifoPriority: 100 }' }, '8:27', /from 1 to 99/],
  [{ 8: 'realtime: yes please' }, '8:11', /must be false or \{fifoPriority: 1..99\}/],
  [{ 8: 'realtime: { fifo: 10 }' }, '8:13', /realtime has no setting "fifo": /],
  [{ 9: 'announce: { scheduleMs: [50, 20] }' }, '9:25', /must rise from entry to entry/],
  [{ 10: 'switchover: { drainMs: 50, timeoutMs: 50 }' }, '10:24', /must be less than timeoutMs \(50\)/],
  [{ 10: 'damping: { firstMs: -1 }' }, '10:21', /from 0 to 3600000/],
  [
    { 10: 'damping: { firstMs: 5000, maxMs: 4000 }' },
    '10:34',
    /maxMs is 4000, must be at least firstMs \(5000\)/,
  ],
  [{ 10: 'damping: { firstMs: 400000 }' }, '10:21', /maxMs is 300000, must be at least firstMs/],
  [{ 10: 'damping: { maxMs: 1000000 }' }, '10:19', /forgetMs is 900000, must be at least maxMs \(1000000\)/],
  [{ 10: 'damping: { forgetMs: 60000 }' }, '10:22', /forgetMs is 60000, must be at least maxMs \(300000\)/],
  [{ 12: '  primary: { id: 0 }' }, '12:18', /whole number from 1 to 65535/],
  [{ 13: '  redundant: { id: 1 }' }, '13:20', /members.redundant.id is 1, which members.primary has/],
  [{ 13: '  redundant: {}' }, '13:14', /members.redundant.id is missing/],
  [{ 13: '  "red undant": { id: 2 }' }, '13:3', /must be a name/],
  [{ 17: '    kind: cabel' }, '17:11', /"cabel": it must be cable or lan/],
  [{ 18: '    port: 70000' }, '18:11', /from 1 to 65535/],
  [{ 18: '    prot: 7169' }, '18:5', /paths.cable has no setting "prot": did you mean port\?/],
  [{ 20: '      primray: { interface: cable0, address: 198.51.100.1 }' }, '20:7', /did you mean primary\?/],
  [{ 20: null }, '21:7', /has 1 \(redundant\): a cable joins exactly two/],
  [{ 27: null }, '28:7', /has only redundant: a path needs two members/],
  [{ 18: '    port: 7169\n    hops: 2' }, '19:11', /a cable has no routers/],
  [
    { 20: '      primary: { interface: averylonginterface, address: 198.51.100.1 }' },
    '20:29',
    /1 to 15 characters/,
  ],
  [
    { 20: '      primary: { interface: cable0, address: 198.51.100.1/24 }' },
    '20:46',
    /without a prefix length/,
  ],
  [{ 20: '      primary: { interface: cable0, address: nowhere }' }, '20:46', /must be an IP address/],
  [{ 20: '      primary: { interface: cable0, address: 239.1.1.1 }' }, '20:46', /a multicast address/],
  [{ 20: '      primary: { interface: cable0, address: "fe80::1" }' }, '20:46', /a link-local address/],
  [{ 20: '      primary: { interface: cable0, address: 127.0.0.1 }' }, '20:46', /a loopback address/],
  [
    { 20: '      primary: { interface: cable0, address: 255.255.255.255 }' },
    '20:46',
    /the broadcast address/,
  ],
  [{ 21: '      redundant: { interface: cable0, address: 198.51.100.1 }' }, '21:48', /which primary has/],
  [{ 21: '      redundant: { interface: cable0, address: "2001:db8::2" }' }, '21:48', /same family/],
  [{ 23: '    id: 1' }, '23:9', /paths.lan.id is 1, which paths.cable has/],
  [
    { 25: '    port: 7169', 27: '      primary: { interface: cable0, address: 192.0.2.1 }' },
    '25:11',
    /which paths.cable uses on the same interface/,
  ],
  [{ 31: null }, '33:25', /has no interface: name it in groups.web.interface/],
  [{ 32: '    addresses: []' }, '32:16', /at least one address/],
  [{ 32: '    addresses: [192.0.2.1]' }, '32:17', /is 192.0.2.1, which is primary's own address/],
  [{ 32: '    addresses: [192.0.2.10, 192.0.2.10]' }, '32:29', /which groups.web has already/],
  [{ 32: '    addresses: ["ff02::1"]' }, '32:17', /a multicast address/],
  [{ 32: '    addresses: 192.0.2.10' }, '32:16', /must be a list of IP addresses/],
  [{ 33: '    members: { primary: { priority: 256 } }' }, '33:37', /from 0 to 255/],
  [{ 33: '    members: { primary: {}, third: {} }' }, '33:29', /names a member that does not exist/],
  [
    { 13: '  redundant: { id: 2 }\n  third: { id: 3 }', 33: '    members: { primary: {}, third: {} }' },
    '34:29',
    /no path to primary/,
  ],
  [{ 33: '    members: {}' }, '33:14', /at least one member/],
  [
    { 35: '      - { name: http, kind: tpc, address: 127.0.0.1, port: 80 }' },
    '35:29',
    /"tpc": it must be one of tcp, exec/,
  ],
  [
    { 35: '      - { name: http, kind: tcp, address: localhost, port: 80 }' },
    '35:43',
    /"localhost": must be an IP address/,
  ],
  [{ 35: '\t- 7' }, '35:1', /indent with spaces/],
  [{ 35: '      - { name: http, kind: tcp, address: 127.0.0.1 }' }, '35:9', /checks\[0\].port is missing/],
  [{ 35: '      - { name: a, kind: exec, command: [] }' }, '35:41', /must name a program/],
  [
    { 35: '      - { name: a, kind: exec, command: [x], porrt: 1 }' },
    '35:46',
    /no setting "porrt": known here/,
  ],
  [
    { 35: '      - { name: a, kind: interface, interface: lan0, intervalMs: 100, timeoutMs: 200 }' },
    '35:82',
    /timeoutMs \(200\) must be at most intervalMs \(100\)/,
  ],
  [
    { 35: '      - { name: a, kind: exec, command: [x] }\n      - { name: a, kind: exec, command: [x] }' },
    '36:17',
    /give each its own name/,
  ],
];

for (const [changes, where, words] of wrong) {
  const shown =
    Object.values(changes).join(' ').replaceAll(/\s+/g, ' ').trim().slice(0, 70) ||
    `without line ${Object.keys(changes)}`;
  test(`refuses at ${where}: ${shown}`, () => {
    const problems = problemsOf(changes);
    const found = problems.find((problem) => problem.startsWith(`u.yaml:${where}: `) && words.test(problem));
    assert.ok(
      found !== undefined,
      `expected ${where} ${words}, got:\n${problems.join('\n') || 'no problem'}`,
    );
  });
}

test('reports every problem of the fields at once, in the order of the file', () => {
  const problems = problemsOf({
    6: 'heartbeat: { a: 1, b: 2, misses: 0 }',
    18: '    port: x',
    35: '      - 7',
  });
  assert.deepEqual(
    problems.map((problem) => problem.split(' ')[0]),
    ['u.yaml:6:14:', 'u.yaml:6:20:', 'u.yaml:6:34:', 'u.yaml:18:11:', 'u.yaml:35:9:'],
  );
});

test('never prints a key', () => {
  const secret = 'deadbeef'.repeat(8);
  for (const line of [
    `key: ${secret}0`,
    `keys: [${secret}, ${secret}ff]`,
    `key: { it: ${secret} }`,
    `${secret}: x`,
  ]) {
    const said = problemsOf({ 3: line }).join('\n');
    assert.notEqual(said, '');
    assert.ok(!said.includes('deadbeef'), said);
  }
});

test('keeps a key of digits only as it was written', () => {
  const digits = '1234567890'.repeat(7).slice(0, 64);
  assert.deepEqual(parseConfig('u.yaml', exampleText({ 3: `key: ${digits}` })).reactor.keys, [digits]);
  assert.deepEqual(parseConfig('u.yaml', exampleText({ 3: `keys: [${digits}]` })).reactor.keys, [digits]);
});

test('reads keys from a file beside the configuration, and minds who else can', (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'understudy-'));
  context.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'u.yaml');
  writeFileSync(path, exampleText({ 3: 'keyFile: keys' }));
  writeFileSync(join(directory, 'keys'), `${'ab'.repeat(32)}\n${exampleKey}\n`, { mode: 0o600 });
  const loaded = loadConfig(path);
  assert.deepEqual(loaded.reactor.keys, ['ab'.repeat(32), exampleKey]);
  assert.deepEqual(loaded.warnings, []);
  chmodSync(join(directory, 'keys'), 0o644);
  assert.match(loadConfig(path).warnings.join(), /others can read it; chmod 600/);
  writeFileSync(join(directory, 'keys'), 'secret');
  assert.throws(() => loadConfig(path), /3:10: keyFile is keys: its key 1 has 6 characters/);
});

test('says when the file itself cannot be read', () => {
  assert.throws(() => loadConfig('/nonexistent/u.yaml'), ConfigUnreadableError);
  assert.throws(() => loadConfig('/'), /it is a directory/);
});

test('refuses a file that is no mapping', () => {
  for (const text of ['', '- a', 'text', '# nothing']) {
    assert.throws(() => parseConfig('u.yaml', text), /must be a mapping/);
  }
});

test('an anchor expanded without end is a problem, not an endless loop', () => {
  const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]'];
  for (const [one, next] of ['ab', 'bc', 'cd', 'de', 'ef'])
    bomb.push(`${next}: &${next} [${`*${one},`.repeat(9)}]`);
  assert.throws(() => parseConfig('u.yaml', bomb.join('\n')), ConfigError);
});

test('a family that could not be forwarded in a switchover is worth a warning', () => {
  const group = '    members: { primary: { priority: 200 }, redundant: { priority: 100 } }';
  assert.match(
    parseConfig('u.yaml', exampleText({ 33: group })).warnings.join(),
    /no IPv6 address of redundant/,
  );
});
