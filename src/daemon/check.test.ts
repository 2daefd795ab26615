import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { proxiedText } from '../../test/daemon/example-config.ts';
import { summarizeConfig } from './check.ts';

test('a summary tells a member of its proxy, and a proxy of its members', (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'understudy-'));
  context.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'u.yaml');
  const about = (node: string): readonly string[] => {
    writeFileSync(path, proxiedText({ 2: `node: ${node}` }), { mode: 0o600 });
    const { lines, warnings } = summarizeConfig(path);
    assert.deepEqual(warnings, []);
    return lines.filter((line) => /^(group|proxy|register|waiting|stragglers) /.test(line));
  };
  assert.deepEqual(about('primary'), [
    'group      web: 192.0.2.10, 2001:db8:0:1::10 on seg0 behind proxy-a (seg0, 198.51.100.1, 2001:db8:0:a::1); primary (200), redundant (100)',
    'register   for 3000 ms, renewed after a third of that',
  ]);
  assert.deepEqual(about('proxy-b'), [
    'proxy      web: 192.0.2.10, 2001:db8:0:1::10 on lan0; for redundant (seg0, 198.51.100.6, 2001:db8:0:b::2)',
    'register   for 3000 ms, renewed after a third of that',
    'waiting    4194304 bytes at most, 2000 ms each',
    'stragglers sent on for 10000 ms after a takeover',
  ]);
});
