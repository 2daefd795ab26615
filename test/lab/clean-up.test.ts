import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { until } from '../../src/lab/until.ts';
import { labCommand, namespacesMissing } from './lab.ts';

/** Processes (id as here outside) whose ancestor is `ancestor`. */
function descendants(ancestor: number): number[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      parents.set(Number(entry), Number(stat.slice(stat.lastIndexOf(')') + 4).split(' ')[0]));
    } catch {
      // It ended meanwhile.
    }
  }
  const found = [ancestor];
  for (const pid of found) for (const [child, parent] of parents) if (parent === pid) found.push(child);
  return found.slice(1);
}

function alive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !stat.slice(stat.lastIndexOf(')')).startsWith(') Z');
  } catch {
    return false;
  }
}

for (const signal of ['SIGINT', 'SIGKILL'] as const) {
  test(`a lab that gets ${signal} leaves no process and no namespace`, async (context) => {
    if (namespacesMissing(context)) return;
    const [command = '', ...args] = labCommand('fig1a');
    const child = spawn(command, [...args, '--trials', '1000'], { stdio: ['ignore', 'ignore', 'pipe'] });
    const { pid } = child;
    assert.ok(pid !== undefined);
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    try {
      await until(
        'the first trial begins',
        () => said.includes('trial 1'),
        30_000,
        () => said,
      );
      const inside = descendants(pid);
      const own = readlinkSync('/proc/self/ns/net');
      assert.ok(inside.length > 5, `only ${inside.length} processes run`);
      child.kill(signal);
      await ended;
      await until('every process inside has ended', () => !inside.some(alive), 10_000);
      assert.equal(readlinkSync('/proc/self/ns/net'), own);
    } finally {
      child.kill('SIGKILL');
    }
  });
}
