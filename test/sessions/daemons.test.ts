/**
 * A mirrored group between two real daemons: plain clients work, the machine that serves is hurt in one way or another, or
 * the role is moved, and no client notices more than a pause.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { inNamespace } from '../namespace.ts';
import { Pair, type Settings } from './pair.ts';
import { build, type Load, mute, type Seen } from './trial.ts';

inNamespace(import.meta.filename);
build();

const load: Load = { echo: 6, get: 2, put: 2, idle: 6, bytes: 1_000_000 };
const longLived = load.echo + load.idle;

function requireUntouched(seen: Seen, pair: Pair): void {
  const told = (): string =>
    Object.values(pair.machines)
      .map((machine) => machine.told())
      .join('\n');
  assert.deepEqual([seen.lost, seen.wrong], [[], []], told());
  assert.equal(seen.finished, seen.opened);
  assert.ok(seen.echoes > load.echo && seen.bulkBytes > 0, 'the clients worked');
}

/** Both machines serve, clients work, `harm` is done to the active, and the clients end in order. */
async function play(
  context: TestContext,
  settings: Settings,
  harm: (pair: Pair) => Promise<void>,
): Promise<Pair> {
  const pair = new Pair(settings);
  context.after(() => pair.close());
  await pair.start();
  await pair.load('ipv4', load);
  await harm(pair);
  await sleep(500);
  const seen = await pair.finish();
  requireUntouched(seen, pair);
  context.diagnostic(
    JSON.stringify({ stallsMs: seen.stallsMs.toSorted((a, b) => a - b), opened: seen.opened }),
  );
  for (const { name, events } of Object.values(pair.machines))
    for (const { code, message } of events)
      if (/^sessions|^relay/.test(code)) context.diagnostic(`${name}: ${message}`);
  return pair;
}

async function activeOf(pair: Pair): Promise<'active' | 'standby'> {
  const name = await pair.active();
  assert.ok(name !== undefined);
  return name;
}

/** The other one has the role. */
async function moved(pair: Pair, from: 'active' | 'standby'): Promise<void> {
  await pair.until('the role has moved', async () => (await pair.active()) === pair.other(from));
}

test('power loss', async (context) => {
  await play(context, {}, async (pair) => {
    const first = await activeOf(pair);
    await pair.cut(first);
    await moved(pair, first);
  });
});

test('the machine is mute: nothing of it passes, while it lives', async (context) => {
  await play(context, {}, async (pair) => {
    const first = await activeOf(pair);
    mute(true, first);
    const { events } = pair.machines[pair.other(first)];
    await pair.until('the other one has its connections', async () => {
      return events.some(({ code, detail }) => code === 'sessionsTaken' && detail['reset'] === 0);
    });
    assert.equal((await pair.machines[first].group()).role, 'active', 'it knows nothing of it');
  });
});

test('the server behind the relay is killed: the role goes to the other machine’s', async (context) => {
  await play(context, { server: true }, async (pair) => {
    const first = await activeOf(pair);
    await pair.machines[first].kill('server');
    await moved(pair, first);
    await pair.mend(first);
    await pair.until('its relay is the standby', async () => {
      const { sessions } = await pair.machines[pair.other(first)].group();
      return sessions?.partner === 'standby' && sessions.mirroring === 'mirrored';
    });
  });
});

test('the daemon is killed', async (context) => {
  await play(context, { encrypt: true }, async (pair) => {
    const first = await activeOf(pair);
    await pair.machines[first].kill('daemon');
    await moved(pair, first);
  });
});

test('the relay is killed: its daemon hands the group over, and the next relay is a standby', async (context) => {
  await play(context, {}, async (pair) => {
    const first = await activeOf(pair);
    await pair.machines[first].kill('relay');
    await moved(pair, first);
    await pair.until('there is a standby again', async () => {
      const { sessions } = await pair.machines[pair.other(first)].group();
      return sessions?.partner === 'standby' && sessions.mirroring === 'mirrored';
    });
  });
});

test('planned switchovers, there and back', async (context) => {
  await play(context, {}, async (pair) => {
    for (let turn = 0; turn < 2; turn++) {
      const from = await activeOf(pair);
      await pair.machines[from].switchover();
      await moved(pair, from);
      await pair.mirrored(longLived);
    }
  });
});

test('what only the active has is reset when the role moves, and its client need not wait', async (context) => {
  const pair = new Pair();
  context.after(() => pair.close());
  await pair.start();
  await pair.load('ipv4', { ...load, get: 0, put: 0, idle: 0 });
  const first = await activeOf(pair);
  await pair.machines[pair.other(first)].kill('relay');
  await pair.until('the standby has none of them', async () => {
    const { sessions } = await pair.machines[first].group();
    return sessions?.partner === 'standby' && sessions.mirroring === 'mirrored' && sessions.survivable === 0;
  });
  await pair.machines[first].switchover();
  await moved(pair, first);
  await sleep(500);
  const seen = await pair.finish();
  assert.equal(seen.lost.length, load.echo);
  for (const { why } of seen.lost) assert.match(why, /ECONNRESET/);
});
