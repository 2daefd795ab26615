import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLabArguments, UsageError } from './arguments.ts';

test('a scenario alone means one power loss, two members, our own daemons', () => {
  assert.deepEqual(parseLabArguments(['fig1a']), {
    scenario: 'fig1a',
    faults: ['power'],
    trials: 1,
    json: false,
    keep: false,
    members: 2,
    policy: 'available',
    topology: 'both',
    link: true,
    mirrored: true,
    system: 'understudy',
    stream: false,
  });
});

test('several faults are played in their order', () => {
  const { faults } = parseLabArguments(['fig1b', '--fault', 'power,power,proxy-kill']) ?? {};
  assert.deepEqual(faults, ['power', 'power', 'proxy-kill']);
});

test('a rate for the TCP stream asks for the stream, too', () => {
  const { stream, streamRate } = parseLabArguments(['fig1a', '--stream-rate', '200M']) ?? {};
  assert.deepEqual({ stream, streamRate }, { stream: true, streamRate: '200M' });
});

test('help asks for no scenario', () => {
  assert.equal(parseLabArguments(['--help']), undefined);
});

test('what cannot be is refused with what can', () => {
  const refused = (argv: readonly string[], why: RegExp): void => {
    assert.throws(
      () => parseLabArguments(argv),
      (error) => error instanceof UsageError && why.test(error.message),
    );
  };
  refused(['fig1a', '--fault', 'fire'], /there are power, silent/);
  refused(['fig1a', '--fault', 'power,fire'], /there are power, silent/);
  refused(['fig1a', '--fault', ''], /there are power, silent/);
  refused(['fig1a', '--fault', 'power,proxy'], /fig1b has/);
  refused(['pbx', '--fault', 'check,exchange'], /one check/);
  refused(['fig9'], /fig1a/);
  refused([], /fig1a/);
  refused(['fig1a', '--trials', '0'], /whole number/);
  refused(['fig1a', '--system', 'carp'], /keepalived/);
  refused(['fig1a', '--system', 'keepalived', '--fault', 'cable'], /counterpart/);
  refused(['fig1a', '--fault', 'proxy'], /fig1b has/);
  refused(['fig1a', '--no-link'], /belong to fig1b/);
  refused(['fig1b', '--topology', 'ring'], /both, one, shared/);
  refused(['fig1b', '--topology', 'shared', '--fault', 'proxy-kill'], /nobody else would answer/);
  refused(['fig1b', '--no-link', '--fault', 'cable'], /there is none/);
  refused(['fig1b', '--no-link', '--fault', 'lan'], /hear each other/);
  refused(['fig1b', '--members', '3'], /has two/);
  refused(['fig1b', '--system', 'keepalived'], /no proxies/);
  refused(['fig1b', '--fault', 'exchange'], /only pbx/);
  refused(['fig1b', '--unmirrored'], /only pbx/);
  refused(['pbx', '--members', '3'], /pbx has two/);
  refused(['pbx', '--system', 'keepalived'], /no proxies/);
  refused(['fig1a', '--pcap', '/run/x.pcapng'], /outside/);
  refused(['fig1a', '--stream-rate', 'fast'], /200M/);
  refused(['fig1a', '--nonsense'], /nonsense/);
});
