/** Maintenance and flap damping with real daemons, seen and asked for through the command line. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { GroupStatus } from '../../src/api/types.ts';
import { runCommandLine } from '../../src/cli/program.ts';
import { type NodePlan, planFig1a } from '../../src/lab/plan.ts';
import { monotonicUs } from '../../src/linux/clock.ts';
import { enclosed } from '../claims/enclosed.ts';
import { Stage } from '../claims/stage.ts';

await enclosed(import.meta.filename);
const stage = new Stage(planFig1a(2));
after(() => stage.close());

interface Said {
  readonly status: number;
  readonly text: string;
}

/** Runs `understudy` against the daemon of a machine. */
async function understudy(node: NodePlan, ...argv: string[]): Promise<Said> {
  let text = '';
  const say = (more: string): void => {
    text += more;
  };
  const command = [...argv, '--socket', stage.system.controlSocket(node)];
  return { status: await runCommandLine(command, { out: say, err: say }), text };
}

async function groupAt(node: NodePlan): Promise<GroupStatus> {
  const [group] = (await stage.status(node)).groups;
  assert.ok(group !== undefined);
  return group;
}

test('a standby in maintenance takes nothing over, also after a restart, until it is ended', () =>
  stage.steadily(async () => {
    const { primary, redundant } = await stage.settle();
    assert.equal((await understudy(redundant, 'maintenance', 'web', 'on')).status, 0);
    stage.kill(redundant);
    await stage.start(redundant);
    await stage.until('the active member sees it', async () => {
      const { others, warnings } = await groupAt(primary);
      return others[0]?.maintenance === true && warnings.length === 1;
    });
    const refused = await understudy(primary, 'switchover', 'web', '--to', redundant.name);
    assert.equal(refused.status, 75);
    assert.match(refused.text, new RegExp(`on ${redundant.name}: understudy maintenance web off`));
    await stage.until('it stands by', async () => (await groupAt(redundant)).role === 'standby');

    const struckUs = stage.kill(primary);

    await stage.reported(redundant, struckUs, 'peerDown');
    await stage.turn(redundant);
    assert.equal((await groupAt(redundant)).role, 'standby');
    assert.match(
      (await understudy(redundant, 'status')).text,
      /WARNING {2}web: nobody is active: this member/,
    );
    const endedUs = monotonicUs();
    const ended = await understudy(redundant, 'maintenance', 'web', 'off');
    assert.equal(ended.text, 'web: not in maintenance\n');
    await stage.reported(redundant, endedUs, 'transition', { to: 'active' });
    await stage.talk(redundant);
  }));

test('an active member in maintenance refuses a switchover, and hands over when it is stopped', () =>
  stage.steadily(async () => {
    const { primary, redundant } = await stage.settle();
    assert.match((await understudy(primary, 'maintenance', 'web', 'on')).text, /keeps the role/);
    await stage.until(
      'the other one sees it',
      async () => (await groupAt(redundant)).others[0]?.maintenance === true,
    );
    for (const node of [primary, redundant]) {
      assert.equal((await understudy(node, 'switchover', 'web')).status, 75);
    }
    await stage.talk(primary);
    const stoppedUs = monotonicUs();
    process.kill(stage.system.target(primary), 'SIGTERM');
    await stage.reported(redundant, stoppedUs, 'transition', { to: 'active', why: 'switchover' });
    await stage.until('it has ended', () => !stage.runs(primary));
    await stage.start(primary);
    await stage.until('it is pinned as the standby it is now', async () => {
      const { role, maintenance } = await groupAt(primary);
      return role === 'standby' && maintenance === 'standby';
    });
    assert.equal((await understudy(primary, 'maintenance', 'web', 'off')).status, 0);
  }));

test('a member that died twice while it was active is told so, and says that it is held back', () =>
  stage.steadily(async () => {
    const { primary, redundant } = await stage.settle();
    for (let fall = 1; fall <= 2; fall++) {
      await stage.settle({ active: primary.name });
      const struckUs = stage.kill(primary);
      await stage.reported(redundant, struckUs, 'transition', { to: 'active' });
      await stage.start(primary);
    }
    await stage.until('it is held back', async () => (await groupAt(primary)).damping.heldBackMs > 0);
    assert.match((await understudy(primary, 'status')).text, /\nweb: held back \d+ s \(\d+ falls\)\n/);
    await stage.until(
      'the other one hears it',
      async () => (await groupAt(redundant)).others[0]?.heldBack === true,
    );

    stage.kill(redundant);

    await stage.talk(primary);
  }));
