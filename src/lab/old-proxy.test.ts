import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FaultName, faultByName } from './fault.ts';
import { type Handover, hearOldProxy, judgeOldProxy, type OldProxy } from './old-proxy.ts';
import { planFig1b } from './plan-fig1b.ts';
import type { Span } from './switchboard.ts';
import type { Witnessed } from './timeline.ts';
import type { Voice } from './voice.ts';

const plan = planFig1b({ topology: 'both', link: true });
const [primary, redundant] = plan.members;

/** What proxy-a says at the switch: when, and how. */
type Spoken = readonly { readonly atUs: number; readonly voice: Voice }[];

function board(spoken: Spoken) {
  return {
    voices: async (_node: unknown, { sinceUs, untilUs }: Span, voice?: Voice): Promise<number> =>
      spoken.filter((s) => s.atUs > sinceUs && s.atUs < untilUs && (voice === undefined || s.voice === voice))
        .length,
  };
}

function transition(atUs: number, from: string, to: string): Witnessed {
  const detail = { from, to };
  const occurrence = {
    sequence: 1,
    atUs,
    code: 'proxyTransition',
    level: 'info',
    message: '',
    detail,
  } as const;
  return { member: 'proxy-a', occurrence };
}

function handover(fault: FaultName): Handover {
  assert.ok(primary);
  const times = { faultAt: 0, fencedUs: 24_000, mendedUs: 500_000, firstAnswer: 20_000, announcedUs: 19_000 };
  return { fault: faultByName(fault), victim: primary, successor: redundant, ...times };
}

async function heard(fault: FaultName, spoken: Spoken, said: readonly Witnessed[]): Promise<OldProxy> {
  const found = await hearOldProxy(handover(fault), plan, board(spoken), said, 5_000);
  assert.ok(found);
  return found;
}

const yields = [transition(1000, 'serving', 'waiting'), transition(21_000, 'waiting', 'relaying')];

test('it may speak until it says that it yielded, and claim until the announcement has reached it', async () => {
  const spoken: Spoken = [
    { atUs: 20_500, voice: 'claim' },
    { atUs: 20_900, voice: 'data' },
  ];
  const found = await heard('kill', spoken, yields);
  assert.deepEqual(found, { name: 'proxy-a', yieldedUs: 21_000, overtimeUs: 0, frames: 0, claims: 0 });
  assert.deepEqual(judgeOldProxy(found, faultByName('kill')), []);
});

test('what it says later is counted, until it serves again', async () => {
  const spoken: Spoken = [
    { atUs: 30_000, voice: 'data' },
    { atUs: 40_000, voice: 'claim' },
    { atUs: 90_000, voice: 'claim' },
  ];
  const found = await heard('kill', spoken, [...yields, transition(80_000, 'idle', 'serving')]);
  assert.deepEqual([found.frames, found.claims], [2, 1]);
  assert.match(judgeOldProxy(found, faultByName('kill')).join(), /2 frames.*1 times proxy-a claimed/);
});

test('a living one that yields late, or never, is a fault of its own', async () => {
  const late = await heard('kill', [], [transition(40_000, 'serving', 'relaying')]);
  assert.match(judgeOldProxy(late, faultByName('kill')).join(), /15000 µs too late/);
  assert.deepEqual(judgeOldProxy(late, faultByName('proxy-stop')), []);
  const found = await heard('kill', [], []);
  assert.match(judgeOldProxy(found, faultByName('kill')).join(), /never said/);
});

test('a struck one is silent when its lease is over; a muted one when it hears again', async () => {
  const spoken: Spoken = [{ atUs: 100_000, voice: 'data' }];
  assert.equal((await heard('proxy-freeze', spoken, [])).frames, 1);
  assert.equal((await heard('proxy-silent', spoken, [])).frames, 0);
});

test('one proxy for both has nothing to yield', async () => {
  const shared = planFig1b({ topology: 'shared', link: true });
  const [victim, successor] = shared.members;
  assert.ok(victim && successor);
  assert.equal(
    await hearOldProxy({ ...handover('kill'), victim, successor }, shared, board([]), [], 5_000),
    null,
  );
});
