import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { later } from '../../src/engine/time.ts';
import { flagStopping, MemberState } from '../../src/wire/control/message.ts';
import {
  active,
  engineConfig,
  everySignal,
  group,
  interval,
  patience,
  Rehearsal,
  slot,
  standby,
} from './rehearsal.ts';

const takeover = (why: string, term = '6.2') => [
  `standby>acquiring ${why}`,
  `acquire ${term}`,
  'answer on',
  'announce and ask',
  `acquiring>active ${why}`,
  'announced 0',
];

describe('a standby whose active member falls silent', () => {
  test('takes over when every path has been silent for the full count, not before', () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.pass(patience - 1);
    assert.deepEqual(play.take(), []);
    play.pass(1);
    assert.deepEqual(play.take(), [
      'pathDown 1/1 silence',
      'pathDown 1/2 silence',
      'faultSeen 1 silence',
      'peerDown 1 silence',
      ...takeover('silence'),
    ]);
  });

  test('says so to everyone at once, between announcement and report', () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.pass(patience - 1);
    play.take();
    play.pass(1);
    const lines = play.take(true);
    const at = lines.indexOf('announce and ask');
    assert.deepEqual(lines.slice(at + 1, at + 3), ['beat 1/1', 'beat 1/2']);
    assert.equal(lines[at + 3], 'acquiring>active silence');
  });

  test('one silent path is a path down, not a peer down', () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.pass(2 * patience, () => play.says(1, { ...active(5, 1), paths: [2] }));
    assert.deepEqual(play.take(), ['pathDown 1/1 silence']);
  });

  test("the peer's own interval counts, not ours", () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.says(1, { ...active(5, 1), intervalUs: 10_000 });
    play.pass(29_999);
    assert.equal(play.state, 'standby');
    play.pass(1);
    assert.equal(play.state, 'active');
  });

  test('is not believed silent for our own lateness', () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.now = (play.now + 3 * patience) as typeof play.now;
    play.drained(2 * patience + 1);
    assert.equal(play.state, 'standby');
    play.pass(patience);
    assert.equal(play.state, 'active');
  });

  test('ordinary lateness adds nothing', () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.give({ kind: 'turn', lateUs: interval / 8 });
    play.pass(patience);
    assert.equal(play.state, 'active');
  });

  test('is not taken over from when silence is no signal of the policy', () => {
    const config = engineConfig(2, 2, { group: { takeOverOn: { ...everySignal, silence: false } } });
    const play = Rehearsal.standby(config);
    play.pass(10 * patience);
    assert.equal(play.state, 'standby');
  });

  test('the second standby waits for the first', () => {
    const play = Rehearsal.standby(engineConfig(3, 3));
    const word = () => play.says(2, standby(5, 1));
    play.pass(patience + slot - 1, word);
    assert.equal(play.state, 'standby');
    play.pass(1, word);
    assert.equal(play.state, 'active');
  });

  test('the second standby stays one when the first is heard active', () => {
    const play = Rehearsal.standby(engineConfig(3, 3));
    play.pass(patience + 3 * slot, (round) => play.says(2, round < 3 ? standby(5, 1) : active(6, 2)));
    assert.equal(play.state, 'standby');
    assert.equal(play.engine.snapshot().groups[0]?.active, 2);
  });
});

describe('signals', () => {
  test('the end of a tether on a cable is death, at once; late datagrams of that boot change nothing', () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.give({ kind: 'tether', peer: 1, path: 1, up: true, proof: true });
    play.give({ kind: 'turn', lateUs: 0 });
    play.give({ kind: 'tether', peer: 1, path: 1, up: false, proof: true });
    play.says(1, active(5, 1));
    play.give({ kind: 'drained' });
    assert.deepEqual(play.take(), [
      'faultSeen 1 processDeath',
      'pathDown 1/1 processDeath',
      'pathDown 1/2 processDeath',
      'peerDown 1 processDeath',
      ...takeover('processDeath'),
    ]);
    play.says(1, { ...active(5, 1), boot: 4711 });
    assert.ok(play.take().includes('peerUp 1 heard'));
  });

  test('a tether that ends elsewhere only shortens patience, once', () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.give({ kind: 'tether', peer: 1, path: 2, up: true, proof: false });
    play.give({ kind: 'tether', peer: 1, path: 2, up: false, proof: false });
    play.drained();
    assert.deepEqual(play.take(), ['faultSeen 1 processDeath']);
    play.pass(1.5 * interval - 1);
    assert.equal(play.state, 'standby');
    play.pass(1);
    assert.equal(play.state, 'active');
  });

  test('carrier loss on the cable shortens patience until the next heartbeat elsewhere', () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.give({ kind: 'carrier', peer: 1, path: 1, up: false });
    play.pass(interval);
    play.says(1, { ...active(5, 1), paths: [2] });
    play.pass(patience - 1);
    assert.equal(play.state, 'standby');
    play.pass(1);
    assert.equal(play.state, 'active');
  });

  test('what another path lost before the carrier went is no silence', () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.pass(interval);
    play.says(1, { ...active(5, 1), paths: [1] });
    play.pass(0.6 * interval);
    play.give({ kind: 'carrier', peer: 1, path: 1, up: false });
    play.pass(0.9 * interval - 1);
    assert.equal(play.state, 'standby');
    play.pass(1);
    assert.equal(play.state, 'active');
  });

  test('the last path that was heard loses its carrier: another one may bring the next heartbeat', () => {
    for (const heard of [false, true]) {
      const play = Rehearsal.standby(engineConfig(2));
      play.pass(patience + interval, () => play.says(1, { ...active(5, 1), paths: [1] }));
      assert.match(play.take().join(), /pathDown 1\/2 silence/);
      play.pass(0.5 * interval);
      play.give({ kind: 'carrier', peer: 1, path: 1, up: false });
      play.pass(interval - 1);
      assert.equal(play.state, 'standby');
      if (heard) play.says(1, { ...active(5, 1), paths: [2] });
      play.pass(1);
      assert.equal(play.state, heard ? 'standby' : 'active');
    }
  });

  test('and at once where none has carrier', () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.give({ kind: 'carrier', peer: 1, path: 2, up: false });
    play.says(1, { ...active(5, 1), paths: [1] });
    play.give({ kind: 'carrier', peer: 1, path: 1, up: false });
    play.pass(1);
    assert.equal(play.state, 'active');
  });

  test('carrier loss shortens nothing when it is no signal of the policy', () => {
    const config = engineConfig(2, 2, { group: { takeOverOn: { ...everySignal, carrier: false } } });
    const play = Rehearsal.standby(config);
    play.give({ kind: 'carrier', peer: 1, path: 1, up: false });
    play.pass(patience - 1);
    assert.equal(play.state, 'standby');
    play.pass(1);
    assert.equal(play.state, 'active');
  });

  test('what was queued when the carrier went does not restore patience', () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.give({ kind: 'carrier', peer: 1, path: 1, up: false });
    play.says(1, { ...active(5, 1), paths: [1] });
    play.pass(1.5 * interval);
    assert.equal(play.state, 'active');
  });

  test('who is heard after that lives, also before the kernel reports the carrier', () => {
    const play = Rehearsal.standby(engineConfig(2));
    for (const path of [1, 2]) play.give({ kind: 'carrier', peer: 1, path, up: false });
    play.give({ kind: 'health', group, healthy: false, reason: 'no carrier' });
    play.pass(patience + slot);
    assert.equal(play.engine.snapshot().peers[0]?.up, false);
    play.take(true);
    play.says(1, { ...active(5, 1), paths: [2] });
    assert.equal(play.take(true).includes('beat 1/2'), true);
    play.give({ kind: 'health', group, healthy: true, reason: 'check' });
    play.drained();
    assert.equal(play.state, 'standby');
    play.pass(patience - 1);
    assert.equal(play.state, 'standby');
  });

  test("the active member's own word is believed at once: faulted, stopping, another life", () => {
    for (const [word, why] of [
      [{ state: MemberState.faulted, term: { counter: 5, member: 1 } }, 'status'],
      [{ state: MemberState.stopped, term: { counter: 5, member: 1 }, flags: flagStopping }, 'stopping'],
      [{ state: MemberState.starting, boot: 4711 }, 'processDeath'],
    ] as const) {
      const play = Rehearsal.standby(engineConfig(2));
      play.says(1, word);
      play.drained();
      assert.deepEqual(play.take().slice(-6), takeover(why));
    }
  });

  test('the farewell of an earlier life, late on another path, is not that of the present one', () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.says(1, {
      state: MemberState.stopped,
      term: { counter: 5, member: 1 },
      flags: flagStopping,
      boot: 4711,
    });
    play.says(1, active(5, 1));
    play.drained();
    assert.deepEqual([play.state, play.take()], ['standby', []]);
  });

  test('nor does another word of it, late, take the place of who was heard just now', () => {
    const play = Rehearsal.standby(engineConfig(2));
    const late = () => play.says(1, { state: MemberState.starting, boot: 4711, paths: [2] });
    for (let round = 0; round < 3; round += 1) {
      late();
      play.says(1, active(5, 1));
    }
    play.pass(2 * interval - 1);
    late();
    play.drained();
    assert.deepEqual([play.state, play.take()], ['standby', []]);
    late();
    play.drained();
    assert.deepEqual(play.take().slice(-6), takeover('processDeath'), 'but two words with silence between');
  });

  test('one word of another life of a peer that is known for long is its next one', () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.pass(1_000_000, () => play.says(1, active(5, 1)));
    play.says(1, { state: MemberState.starting, boot: 4711, paths: [2] });
    play.drained();
    assert.deepEqual(play.take().slice(-6), takeover('processDeath'));
  });

  test('a life that was taken for a former one is believed again when it goes on and the other one does not', () => {
    const play = Rehearsal.standby(engineConfig(2, 2, { startupGraceUs: 4 * patience }));
    play.says(1, { state: MemberState.standby, term: { counter: 5, member: 1 }, boot: 4711 });
    play.says(1, active(6, 1));
    play.drained();
    assert.equal(play.engine.snapshot().groups[0]?.active, 2, 'late words of it are not believed');
    play.pass(5 * patience, () => play.says(1, active(90, 1)));
    assert.equal(play.engine.snapshot().groups[0]?.active, 1);
  });

  test('a record that is older than what we know is not believed', () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.says(1, standby(4, 2));
    play.drained();
    assert.equal(play.state, 'standby');
    assert.equal(play.engine.snapshot().groups[0]?.active, 1);
  });
});

describe('terms', () => {
  test('an active member that hears a higher one yields at once, before anything is drained', () => {
    const play = Rehearsal.active(engineConfig(1));
    assert.equal(play.state, 'active');
    play.says(2, active(9, 2));
    assert.deepEqual(play.take(), ['yield', 'answer off', 'active>standby higherTerm']);
    play.pass(300_000, () => play.says(2, active(9, 2)));
    assert.deepEqual(play.take(), [], 'nothing is announced any more');
  });

  test('a term that another overtook while the kernel was busy is given up, and one above is taken', () => {
    const play = Rehearsal.standby(engineConfig(2, 3));
    play.grants = undefined;
    play.pass(patience, () => play.says(3, standby(5, 1)));
    assert.deepEqual([play.state, play.take().at(-1)], ['acquiring', 'acquire 6.2']);
    // It acted, and gave it up again.
    play.says(3, standby(8, 3));
    play.give({ kind: 'acquired', group, ok: true });
    assert.deepEqual(play.take(), ['yield', 'answer off', 'acquiring>standby higherTerm']);
    play.grants = true;
    play.pass(slot, () => play.says(3, standby(8, 3)));
    assert.deepEqual(play.take().slice(0, 2), ['standby>acquiring again', 'acquire 9.2']);
  });

  test('equal counters: the member decides; the higher one announces again', () => {
    const play = Rehearsal.active(engineConfig(2));
    const { term } = play.engine.snapshot().groups[0] ?? { term: { counter: 0 } };
    play.pass(200_000, () => play.says(1, play.stood));
    play.take();
    const boot = 4711;
    play.says(1, { ...active(term.counter, 1), boot });
    assert.deepEqual(
      play.take(),
      ['announce and ask', 'announced 0'],
      'the first of three: one alone may be lost',
    );
    play.says(1, { ...active(term.counter, 3), boot });
    assert.equal(play.state, 'standby');
  });

  test('every activation is above everything seen and above the floor', () => {
    const play = new Rehearsal(engineConfig(2), { termFloor: 500, termCeiling: 1500 });
    play.says(1, active(40, 1));
    play.drained();
    play.pass(patience);
    assert.ok(play.take().includes('acquire 501.2'));
  });

  test('counters are reserved ahead, once', () => {
    const play = new Rehearsal(engineConfig(2), { termFloor: 0, termCeiling: 0 });
    assert.deepEqual(play.take(), ['reserve 1000']);
    play.give({ kind: 'termsReserved', ceiling: 1000 });
    play.says(1, active(499, 1));
    assert.ok(!play.take().some((line) => line.startsWith('reserve')));
    play.says(1, active(501, 1));
    assert.ok(play.take().includes('reserve 1501'));
  });

  test('without a reservation it activates and says so', () => {
    const play = new Rehearsal(engineConfig(2), { termCeiling: 0 });
    play.says(1, active(5, 1));
    play.drained();
    play.pass(patience);
    assert.ok(play.take().includes('unreserved 6'));
    assert.equal(play.engine.records(1)[0]?.flags, 1);
  });
});

describe('start-up', () => {
  test('ends early when every path passed traffic and the states are known; the first takes the role', () => {
    const play = new Rehearsal(engineConfig(1));
    play.says(2, { state: MemberState.starting });
    play.drained();
    assert.equal(play.state, 'active');
  });

  test('the second waits for the first', () => {
    const play = new Rehearsal(engineConfig(2));
    play.says(1, { state: MemberState.starting });
    play.drained();
    play.pass(slot, () => play.says(1, { state: MemberState.starting }));
    assert.equal(play.state, 'starting');
    play.says(1, active(1, 1));
    play.drained();
    assert.equal(play.state, 'standby');
  });

  test('alone, it waits for the grace', () => {
    const play = new Rehearsal(engineConfig(2));
    play.pass(999_999);
    assert.equal(play.state, 'starting');
    play.pass(1);
    assert.equal(play.state, 'active');
  });

  test('a returning primary stays standby', () => {
    const play = new Rehearsal(engineConfig(1));
    play.says(2, active(6, 2));
    play.drained();
    play.pass(2_000_000, () => play.says(2, active(6, 2)));
    assert.equal(play.state, 'standby');
  });

  test('with preempt it asks for the role after a while', () => {
    const play = new Rehearsal(engineConfig(1, 2, { group: { preempt: true } }));
    play.says(2, active(6, 2));
    play.drained();
    play.take();
    play.pass(10 * patience - 1, () => play.says(2, active(6, 2)));
    assert.deepEqual(play.take(), []);
    play.pass(3 * interval, () => play.says(2, active(6, 2)));
    assert.deepEqual(play.take(), Array(3).fill('send switchoverRequest to 2 term 6.2'));
  });

  test('not of somebody better, who became active in the turn in which it would ask', () => {
    const play = new Rehearsal(engineConfig(2, 3, { group: { preempt: true } }));
    const hear = (): void => {
      play.says(1, standby(6, 3));
      play.says(3, active(6, 3));
    };
    hear();
    play.drained();
    play.pass(10 * patience - 1, hear);
    play.take();
    play.now = later(play.now, 1);
    play.says(1, active(7, 1));
    play.says(3, standby(7, 1));
    play.drained();
    assert.deepEqual(
      play.take().filter((line) => line.includes('Request')),
      [],
    );
  });
});

describe('the lease', () => {
  test('lost: silent at once, and only after listening active again, with a new term', () => {
    const play = Rehearsal.active(engineConfig(1));
    play.give({ kind: 'leaseLost' });
    assert.deepEqual(play.take(), ['leaseLost', 'yield', 'answer off', 'active>standby leaseLost']);
    play.pass(slot - 1);
    assert.equal(play.state, 'standby');
    play.pass(1);
    assert.ok(play.take().includes('acquire 2.1'));
  });

  test('lost: whoever stands by goes first, by our own word', () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.says(1, standby(5, 1));
    play.drained();
    assert.equal(play.state, 'active');
  });

  test('lost on the way out: gone, and not a standby that never leaves', () => {
    const play = Rehearsal.active(engineConfig(1));
    play.give({ kind: 'stop' });
    play.drained();
    assert.equal(play.state, 'draining');
    play.give({ kind: 'leaseLost' });
    assert.equal(play.state, 'stopped');
    play.drained();
    play.pass(5 * interval);
    assert.ok(play.take().includes('stopped'));
  });

  test('a fence that was asked for uses its term, whatever becomes of it', () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.grants = undefined;
    play.pass(patience + slot);
    assert.equal(play.state, 'acquiring');
    play.give({ kind: 'leaseLost' });
    play.pass(2 * slot);
    const asked = play.take().filter((line) => line.startsWith('acquire '));
    assert.deepEqual(asked, ['acquire 6.2', 'acquire 7.2']);
  });

  test('a refusing fence leaves us standby, and we do not hammer it', () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.grants = false;
    play.pass(patience + 500_000);
    assert.equal(play.take().filter((line) => line.startsWith('acquire ')).length, 1);
    assert.equal(play.state, 'standby');
  });
});

describe('announcements', () => {
  test('are repeated on schedule while active', () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.pass(patience + 49_999);
    play.take();
    play.pass(1);
    assert.deepEqual(play.take(), ['announce and ask', 'announced 1']);
    play.pass(150_000);
    assert.deepEqual(play.take(), ['announce and ask', 'announced 2']);
    play.pass(3_000_000);
    assert.deepEqual(play.take(), []);
  });

  test('claims are defended at most once per interval, and the last word is ours', () => {
    const play = Rehearsal.standby(engineConfig(2, 2, { announceScheduleUs: [] }));
    play.pass(patience + 100_000);
    play.take();
    for (let count = 0; count < 5; count++) play.claim(0);
    assert.deepEqual(play.take(), ['announce', 'announced 0']);
    play.pass(1_000_000);
    assert.deepEqual(play.take(), ['announce', 'announced 0']);
  });

  test('a partition that heals: hosts hear the higher term when the two meet, and again when the lower one is silent', () => {
    // Active for less than the interval of a defence: that must not keep hosts in the dark.
    const play = Rehearsal.standby(
      engineConfig(2, 2, { announceScheduleUs: [], defendIntervalUs: 1_000_000 }),
    );
    play.pass(patience + 20_000);
    play.take();
    play.says(1, active(5, 1));
    assert.deepEqual(play.take(), [
      'pathUp 1/1 heard',
      'peerUp 1 heard',
      'announce and ask',
      'announced 0',
      'pathUp 1/2 heard',
    ]);
    // It goes on for a moment, and may be heard by hosts last.
    play.pass(interval, () => play.says(1, active(5, 1)));
    play.says(1, standby(6, 2));
    play.pass(slot, () => play.says(1, standby(6, 2)));
    assert.deepEqual(play.take(), ['announce and ask', 'announced 0']);
    // What was to answer the second word of the rival comes when the interval is over; then nothing more.
    play.pass(1_000_000, () => play.says(1, standby(6, 2)));
    assert.deepEqual(play.take(), ['announce and ask', 'announced 0']);
    play.pass(2_000_000, () => play.says(1, standby(6, 2)));
    assert.deepEqual(play.take(), []);
  });

  test('one that was active where it was not heard, and says it is no more: hosts hear of us at once', () => {
    const play = Rehearsal.standby(
      engineConfig(2, 2, { announceScheduleUs: [], defendIntervalUs: 1_000_000 }),
    );
    play.pass(patience + 20_000);
    play.take();
    play.says(1, standby(6, 2));
    play.drained();
    assert.deepEqual(play.take().slice(-2), ['announce and ask', 'announced 0']);
  });

  test('a peer that had left in order is heard again: hosts beyond a parted LAN are told, with all repetitions', () => {
    const play = Rehearsal.standby(engineConfig(2, 2, { announceScheduleUs: [50_000] }));
    play.says(1, { state: MemberState.stopped, term: { counter: 5, member: 1 }, flags: flagStopping });
    play.drained();
    assert.equal(play.state, 'active');
    play.pass(1_000_000);
    play.take();
    play.says(1, { state: MemberState.starting, boot: 4711 });
    play.drained();
    assert.deepEqual(play.take().slice(-2), ['announce and ask', 'announced 0']);
    play.pass(100_000, () => play.says(1, { ...standby(6, 2), boot: 4711 }));
    assert.deepEqual(play.take(), ['announce and ask', 'announced 1']);
  });

  test('a path of the LAN passes again, and hosts near the peer are told; a cable has none', () => {
    for (const [path, told] of [
      [2, ['announce and ask', 'announced 0']],
      [1, []],
    ] as const) {
      const play = Rehearsal.active(engineConfig(2, 2, { announceScheduleUs: [] }));
      const hear = (...paths: readonly number[]): void => play.says(1, { ...play.stood, paths });
      play.pass(2 * patience, () => hear(3 - path));
      play.take();
      hear(path);
      play.drained();
      assert.deepEqual(play.take(), [`pathUp 1/${path} heard`, ...told]);
    }
  });

  test('the first frame on our port: what was said into the silence is said again, with all repetitions', () => {
    const play = Rehearsal.standby(engineConfig(2, 2, { announceScheduleUs: [50_000] }));
    const port = (passes: boolean): void => play.give({ kind: 'port', group, passes });
    port(true);
    play.drained();
    assert.deepEqual(play.take(), [], 'a standby says nothing');
    play.pass(patience + 100_000);
    play.take();
    port(false);
    play.drained();
    assert.deepEqual(play.take(), []);
    port(true);
    assert.deepEqual(play.take(), ['announce and ask', 'announced 0']);
    play.pass(100_000);
    assert.deepEqual(play.take(), ['announce and ask', 'announced 1']);
  });

  test('a tether on the LAN is back, of a peer that was heard all the while: hosts near it are told; a cable has none', () => {
    for (const [path, told] of [
      [2, ['announce and ask', 'announced 0']],
      [1, []],
    ] as const) {
      const play = Rehearsal.active(engineConfig(2, 2, { announceScheduleUs: [] }));
      const tether = (up: boolean): void => {
        play.give({ kind: 'tether', peer: 1, path, up, proof: false });
        play.says(1, play.stood);
        play.drained();
      };
      tether(true);
      assert.deepEqual(
        play.take(),
        told,
        'the first one too: the LAN may have passed one way only before it',
      );
      play.pass(200_000, () => play.says(1, play.stood));
      play.take();
      tether(false);
      assert.deepEqual(play.take(), ['faultSeen 1 processDeath']);
      tether(true);
      assert.deepEqual(play.take(), told);
    }
  });

  test('one that never hears of the higher term is answered no more often than any claimant', () => {
    const play = Rehearsal.standby(
      engineConfig(2, 2, { announceScheduleUs: [], defendIntervalUs: 1_000_000 }),
    );
    play.pass(patience + 20_000);
    play.pass(3_000_000, () => play.says(1, active(5, 1)));
    const announced = play.take().filter((line) => line.startsWith('announce '));
    assert.ok(announced.length >= 3 && announced.length <= 6, announced.join());
  });

  test('a claim of a member is answered only when it was not heard to have a higher term', () => {
    const play = Rehearsal.standby(engineConfig(2, 2, { announceScheduleUs: [] }));
    play.pass(patience + 100_000);
    play.take();
    play.claim(1);
    play.pass(slot - 1);
    assert.deepEqual(play.take(), ['claimed 1']);
    play.pass(1);
    assert.deepEqual(play.take(), ['announce', 'announced 0']);
    play.pass(100_000);
    play.claim(1);
    play.says(1, active(8, 1));
    play.pass(100_000, () => play.says(1, active(8, 1)));
    assert.ok(!play.take().some((line) => line.startsWith('announce')));
  });

  test('a standby defends nothing', () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.claim(1);
    play.give({ kind: 'evidence', group, reason: 'clockGap' });
    assert.deepEqual(play.take(), []);
  });
});

describe('heartbeats', () => {
  test('keep to the grid, and a stall is not made up for', () => {
    const play = Rehearsal.standby(engineConfig(2));
    const at: number[] = [];
    const start = play.now;
    for (const us of [300, 2001, 3999, 4100, 11_234, 12_000]) {
      play.now = (start + us) as typeof play.now;
      play.drained(us);
      if (play.take(true).includes('beat 1/1')) at.push(us);
    }
    assert.deepEqual(at, [2001, 4100, 11_234, 12_000]);
  });

  test('a path on which the peer is heard again is answered on, at once', () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.pass(2 * patience, () => play.says(1, { ...active(5, 1), paths: [2] }));
    play.take(true);
    play.says(1, { ...active(5, 1), paths: [1] });
    assert.deepEqual(play.take(true), ['pathUp 1/1 heard', 'beat 1/1']);
    play.says(1, { ...active(5, 1), paths: [1] });
    assert.deepEqual(play.take(true), []);
  });

  test('none goes to a path without carrier; a lone path carries each twice', () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.give({ kind: 'carrier', peer: 1, path: 1, up: false });
    play.take();
    play.pass(interval);
    assert.deepEqual(play.take(true), ['beat 1/2', 'beat 1/2']);
  });
});

test('a member that has just started grants ten intervals more before it believes silence, once', () => {
  const play = Rehearsal.standby(engineConfig(2, 2, { settleUs: 30_000 }));
  play.pass(patience + 9 * interval);
  assert.equal(play.state, 'standby');
  play.pass(interval);
  assert.equal(play.state, 'active');
  const settled = Rehearsal.standby(engineConfig(2, 2, { settleUs: interval }));
  settled.pass(2 * interval, () => settled.says(1, active(1, 1)));
  settled.pass(patience);
  assert.equal(settled.state, 'active');
});
