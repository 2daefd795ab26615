import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { EngineConfig } from '../../src/engine/config.ts';
import { ControlType, flagStopping, MemberState, RegistrationCode } from '../../src/wire/control/message.ts';
import { idle, lanMemberConfig, memberConfig, proxy, servedElsewhere, serving, waiting } from './proxied.ts';
import {
  active,
  everySignal,
  group,
  interval,
  patience,
  Rehearsal,
  slot,
  standby,
  type Word,
} from './rehearsal.ts';

const lifetime = 300_000;
const accepted = RegistrationCode.accepted;

/** The proxy's answer to the last request. */
function answers(play: Rehearsal, word: Word & { code?: RegistrationCode } = {}): void {
  const identification = requests.get(play) ?? 0;
  play.tells(play.config.groups[0]?.proxy || 0, ControlType.registered, {
    ...word,
    registration: { identification, code: word.code ?? accepted },
  });
}

/** How many requests each member has put, its number is the last one's identification. */
const requests = new WeakMap<Rehearsal, number>();
const isRequest = (line: string): boolean => line.startsWith('send register');

/** Reads what was said, and answers for the proxy when something was to be registered. */
function heard(play: Rehearsal): string[] {
  const lines = play.take();
  let previous = '';
  for (const line of lines) {
    // The same request said again keeps its number.
    if (isRequest(line) && line !== previous) requests.set(play, (requests.get(play) ?? 0) + 1);
    if (isRequest(line)) previous = line;
  }
  return lines;
}

/** Member 2 standing by under member 1's term 5, registered with proxy 12; nothing pending. */
function standingBy(config: EngineConfig = memberConfig(2)): Rehearsal {
  const play = new Rehearsal(config);
  play.says(1, active(5, 1));
  play.says(12, idle(5, 1));
  play.drained();
  heard(play);
  answers(play);
  play.drained();
  heard(play);
  answers(play);
  play.take();
  return play;
}

/** Member 1 active with term 1 and registered so with proxy 11, which serves it; member 2 stands by. */
function serving1(config: EngineConfig = memberConfig(1)): Rehearsal {
  const play = new Rehearsal(config);
  play.says(2, { state: MemberState.starting });
  play.says(11, idle());
  play.drained();
  heard(play);
  answers(play);
  play.drained();
  heard(play);
  answers(play);
  round(play)();
  play.drained();
  play.take();
  return play;
}

const round =
  (play: Rehearsal, others: Readonly<Record<number, Word>> = {}): (() => void) =>
  () => {
    for (const [id, word] of Object.entries({ 2: standby(1, 1), 11: serving(1, 1), ...others }))
      if (word.state !== undefined) play.says(Number(id), word);
  };
const silent: Word = {};

describe('a member behind a proxy registers', () => {
  test('when the proxy is heard, and again whenever its state or term changes', () => {
    const play = new Rehearsal(memberConfig(2));
    play.drained();
    assert.deepEqual(play.take(), []);
    play.says(12, idle());
    play.drained();
    assert.ok(heard(play).includes('send register to 12 term 0.0 as starting'));
    answers(play);
    assert.deepEqual(heard(play), ['resolve 12', 'proxyFound 12 registered']);
    play.says(1, active(5, 1));
    play.drained();
    assert.deepEqual(heard(play).slice(-2), [
      'starting>standby heard',
      'send register to 12 term 5.1 as standby',
    ]);
    answers(play);
    play.says(1, active(6, 1));
    play.drained();
    assert.ok(heard(play).includes('send register to 12 term 6.1 as standby'));
  });

  test('as active in the same breath as it begins to answer, with one datagram', () => {
    const play = standingBy();
    const word = () => play.says(12, waiting(5, 1));
    play.pass(patience - 1, word);
    play.take();
    play.pass(1);
    const lines = play.take(true);
    const at = lines.indexOf('answer on');
    assert.deepEqual(lines.slice(at, at + 5), [
      'answer on',
      'send register to 12 term 6.2 as active',
      'announce and ask',
      'beat 1/1',
      'beat 12/3',
    ]);
    assert.equal(lines.filter(isRequest).length, 1);
  });

  test('anew after a third of the lifetime', () => {
    const play = serving1();
    play.pass(lifetime / 3 - 2 * interval, round(play));
    assert.deepEqual(heard(play).filter(isRequest), []);
    play.pass(2 * interval, round(play));
    assert.deepEqual(heard(play).filter(isRequest), ['send register to 11 term 1.1 as active']);
    answers(play);
    play.pass(lifetime / 3 - 2 * interval, round(play));
    assert.deepEqual(heard(play).filter(isRequest), []);
  });

  test('with growing patience while nothing answers, at least every 64 intervals', () => {
    const play = new Rehearsal(memberConfig(1));
    play.says(11, idle());
    play.drained();
    const at: number[] = [];
    const start = play.now;
    play.pass(300 * interval, () => {
      play.says(11, idle());
      if (play.take().some(isRequest)) at.push((play.now - start) / interval);
    });
    assert.deepEqual(
      at,
      [0, 1, 3, 7, 15, 31, 63, 127, 191, 255].map((turn) => turn + 1),
    );
  });

  test('anew with another life of the proxy, and is not registered meanwhile', () => {
    const play = standingBy();
    play.says(12, { ...idle(5, 1), boot: 4711 });
    play.drained();
    assert.deepEqual(heard(play), [
      'proxyLost 12 the proxy was started again',
      'standby>faulted the proxy has not accepted the registration yet',
      'send register to 12 term 5.1 as faulted',
    ]);
    answers(play, { boot: 4711 });
    play.drained();
    assert.deepEqual(heard(play).slice(-2), [
      'faulted>standby the proxy serves this member',
      'send register to 12 term 5.1 as standby',
    ]);
  });

  test('for the last time when it leaves, and then no more, whatever is answered', () => {
    const play = standingBy();
    play.give({ kind: 'stop' });
    play.drained();
    assert.deepEqual(heard(play), [
      'standby>stopped stop',
      'send register to 12 term 5.1 as stopped, for the last time',
    ]);
    answers(play);
    play.pass(interval, () => play.says(12, idle(5, 1)));
    assert.deepEqual(play.take(), []);
  });

  test('for the last time also when it was active and nobody can succeed', () => {
    const play = serving1();
    play.says(2, { state: MemberState.faulted, term: { counter: 1, member: 1 } });
    play.give({ kind: 'stop' });
    play.drained();
    assert.deepEqual(heard(play), [
      'yield',
      'answer off',
      'active>stopped stop',
      'send register to 11 term 1.1 as stopped, for the last time',
    ]);
  });

  test('an answer to an earlier request says nothing', () => {
    const play = standingBy();
    play.tells(12, ControlType.registered, {
      registration: { identification: 1, code: RegistrationCode.unable },
    });
    play.drained();
    assert.equal(play.state, 'standby');
    assert.deepEqual(play.take(), []);
  });

  test('an answer of another proxy says nothing', () => {
    const config = memberConfig(2);
    const other = { id: 11, paths: [{ id: 4, cable: false }] };
    const play = standingBy({ ...config, peers: [...config.peers, other] });
    play.tells(11, ControlType.registered, {
      registration: { identification: requests.get(play) ?? 0, code: RegistrationCode.unable },
    });
    play.drained();
    assert.equal(play.state, 'standby');
  });
});

describe('a member whose proxy refuses it', () => {
  test('for a lower term gives the role up at once and, still entitled, goes above it', () => {
    const play = serving1();
    answers(play, { code: RegistrationCode.lowerTerm, term: { counter: 7, member: 2 } });
    assert.deepEqual(heard(play), [
      'registrationRefused 1 by 11 lowerTerm 7.2',
      'yield',
      'answer off',
      'active>standby higherTerm',
    ]);
    const word = round(play, { 2: standby(7, 2), 11: waiting(1, 1) });
    play.drained();
    assert.deepEqual(heard(play), ['send register to 11 term 7.2 as standby']);
    answers(play);
    play.pass(slot - 1, word);
    assert.equal(play.state, 'standby');
    play.pass(1, word);
    assert.ok(play.take().includes('acquire 8.1'));
  });

  test('for another reason hands the role over', () => {
    const play = serving1();
    answers(play, { code: RegistrationCode.unable });
    play.drained();
    assert.deepEqual(play.take(), [
      'registrationRefused 1 by 11 unable 0.0',
      'active>draining health',
      'send prepare to 2 term 1.1',
      'send register to 11 term 1.1 as draining',
    ]);
  });

  test('asks again 64 intervals later, and says a repeated refusal once', () => {
    const play = serving1();
    const word = round(play, { 2: { state: MemberState.faulted, term: { counter: 1, member: 1 } } });
    word();
    answers(play, { code: RegistrationCode.unable });
    play.pass(64 * interval - 1, word);
    assert.equal(heard(play).filter(isRequest).length, 0);
    play.pass(1, word);
    assert.deepEqual(heard(play), ['send register to 11 term 1.1 as active']);
    answers(play, { code: RegistrationCode.unable });
    play.pass(interval, word);
    assert.deepEqual(play.take(), []);
    assert.equal(play.state, 'active');
  });
});

describe('a member whose proxy is gone', () => {
  test('and that is active hands the role over at once, without preparing', () => {
    const play = serving1();
    play.give({ kind: 'carrier', peer: 11, path: 3, up: false });
    play.drained();
    assert.deepEqual(heard(play), [
      'faultSeen 11 carrier',
      'pathDown 11/3 carrier',
      'peerDown 11 carrier',
      'proxyLost 11 the proxy is gone',
      'active>draining the proxy is gone',
      'yield',
      'answer off',
      'draining>faulted the proxy is gone',
    ]);
    assert.equal(play.engine.records(2)[0]?.state, MemberState.faulted);
  });

  test('keeps the role when nobody else is able', () => {
    const play = serving1();
    play.says(2, { state: MemberState.faulted, term: { counter: 1, member: 1 } });
    play.give({ kind: 'carrier', peer: 11, path: 3, up: false });
    play.drained();
    assert.equal(play.state, 'active');
    assert.ok(play.take().includes('failed: our checks fail, but no standby is able'));
  });

  test('keeps the role when status is no signal of the policy', () => {
    const play = serving1(memberConfig(1, { group: { takeOverOn: { ...everySignal, status: false } } }));
    play.give({ kind: 'carrier', peer: 11, path: 3, up: false });
    play.drained();
    assert.equal(play.state, 'active');
  });

  test('and that stands by is faulted, and no successor', () => {
    const play = standingBy();
    play.pass(patience, () => play.says(1, active(5, 1)));
    assert.deepEqual(play.take().slice(-2), [
      'proxyLost 12 the proxy is gone',
      'standby>faulted the proxy is gone',
    ]);
    play.pass(2 * patience);
    assert.equal(play.state, 'faulted');
  });

  test('stands by again when another life of the proxy accepts it', () => {
    const play = standingBy();
    play.pass(patience, () => play.says(1, active(5, 1)));
    assert.equal(play.state, 'faulted');
    play.says(12, { ...idle(), boot: 4711 });
    play.drained();
    heard(play);
    assert.equal(play.state, 'faulted');
    answers(play, { boot: 4711 });
    play.drained();
    assert.equal(play.state, 'standby');
  });

  test('is left in order when the proxy says it stops while it still serves', () => {
    const play = serving1();
    play.says(11, proxy(MemberState.draining, 1, 1));
    play.drained();
    assert.deepEqual(play.take(), [
      'active>draining health',
      'send prepare to 2 term 1.1',
      'send register to 11 term 1.1 as draining',
    ]);
  });

  test('counts it as gone when it has said goodbye', () => {
    const play = standingBy();
    play.says(12, { ...proxy(MemberState.stopped, 5, 1), flags: flagStopping });
    play.drained();
    assert.equal(play.state, 'faulted');
  });
});

describe('a member that starts', () => {
  test('waits for its proxy within the grace', () => {
    const play = new Rehearsal(memberConfig(1));
    const word = () => play.says(2, { state: MemberState.starting });
    play.pass(999_999, word);
    assert.equal(play.state, 'starting');
    play.pass(1, word);
    assert.equal(play.state, 'faulted');
  });

  test('is ready as soon as its proxy has accepted it and all others were heard', () => {
    const play = new Rehearsal(memberConfig(1));
    play.says(2, { state: MemberState.starting });
    play.says(11, idle());
    play.drained();
    assert.equal(play.state, 'starting');
    heard(play);
    answers(play);
    play.drained();
    assert.equal(play.state, 'active');
  });
});

describe('what proxies say of whoever serves', () => {
  const blind = (word: Word) => {
    const play = standingBy();
    // The link is cut: the active member is heard no more, but served all the same.
    play.pass(10 * patience, () => play.says(12, word));
    return play;
  };

  test('a member that cannot hear the active one leaves it the role while its proxy knows it served', () => {
    const play = blind(servedElsewhere(5, 1));
    assert.equal(play.state, 'standby');
    assert.equal(play.engine.snapshot().groups[0]?.active, 1);
    play.pass(interval, () => play.says(12, idle(5, 1)));
    assert.equal(play.state, 'active');
  });

  test('or serves it itself: two members behind one proxy', () => {
    const play = blind(serving(5, 1));
    assert.equal(play.state, 'standby');
    play.pass(interval, () => play.says(12, waiting(5, 1)));
    assert.equal(play.state, 'active');
  });

  test('a member on the hosts’ LAN believes the proxy of the other side', () => {
    const play = new Rehearsal(lanMemberConfig());
    play.says(1, active(5, 1));
    play.says(11, serving(5, 1));
    play.drained();
    play.pass(10 * patience, () => play.says(11, serving(5, 1)));
    assert.equal(play.state, 'standby');
    play.pass(interval, () => play.says(11, waiting(5, 1)));
    assert.equal(play.state, 'active');
    play.take();
    play.says(11, serving(9, 1));
    assert.deepEqual(play.take(), ['yield', 'answer off', 'active>standby higherTerm']);
  });

  test('one on the hosts’ LAN goes above the term of a proxy that answers with nobody active', () => {
    const play = new Rehearsal(lanMemberConfig());
    play.pass(1_000_000);
    assert.equal(play.state, 'active');
    play.take();
    play.says(11, waiting(5, 1));
    assert.deepEqual(play.take().slice(-3), ['yield', 'answer off', 'active>standby higherTerm']);
    play.pass(slot, () => play.says(11, waiting(5, 1)));
    assert.ok(play.take().includes('acquire 6.2'));
  });

  test("the member's own word, or the proof of its death, is not waited for", () => {
    const faulted = standingBy();
    faulted.says(1, { state: MemberState.faulted, term: { counter: 5, member: 1 } });
    faulted.says(12, servedElsewhere(5, 1));
    faulted.drained();
    assert.equal(faulted.state, 'active');
    const dead = standingBy();
    dead.says(12, servedElsewhere(5, 1));
    dead.give({ kind: 'tether', peer: 1, path: 1, up: true, proof: true });
    dead.give({ kind: 'tether', peer: 1, path: 1, up: false, proof: true });
    dead.drained();
    assert.equal(dead.state, 'active');
  });

  test('an active member whose proxy knows another one served by a higher term yields', () => {
    const play = serving1();
    play.says(11, servedElsewhere(7, 2));
    assert.deepEqual(play.take(), ['yield', 'answer off', 'active>standby higherTerm']);
  });

  test('of its own former activation an old word does not count', () => {
    const play = serving1();
    play.give({ kind: 'leaseLost' });
    play.pass(slot + interval, round(play, { 2: silent }));
    assert.equal(play.state, 'active');
  });
});

describe('in a planned switchover nothing is given away before the proxies keep what arrives', () => {
  test('the active member drains when its proxy has confirmed it', () => {
    const play = serving1();
    play.give({ kind: 'switchover', group, target: 2 });
    play.drained();
    assert.ok(heard(play).includes('send register to 11 term 1.1 as draining'));
    const holding: Word = { state: MemberState.holding, term: { counter: 1, member: 1 } };
    play.tells(2, ControlType.prepared, holding);
    play.says(2, holding);
    play.drained();
    assert.deepEqual(play.take(), []);
    answers(play);
    play.drained();
    assert.ok(play.take().includes('forward 2'));
  });

  test('the successor promises to hold when its proxy does', () => {
    const play = standingBy();
    play.tells(1, ControlType.prepare, active(5, 1));
    play.drained();
    assert.deepEqual(heard(play), [
      'hold begin',
      'standby>holding prepare',
      'send register to 12 term 5.1 as holding',
    ]);
    answers(play);
    play.drained();
    assert.ok(play.take().includes('send prepared to 1 term 5.1'));
  });

  test('a member whose proxy is gone waits for nobody', () => {
    const play = serving1();
    play.give({ kind: 'switchover', group, target: 2 });
    play.drained();
    play.take();
    play.pass(patience, round(play, { 2: standby(1, 1), 11: silent }));
    play.take();
    play.tells(2, ControlType.prepared, { state: MemberState.holding, term: { counter: 1, member: 1 } });
    assert.ok(play.take().includes('forward 2'));
  });
});

test('the operator sees whether the proxy has accepted the member', () => {
  const play = serving1();
  assert.deepEqual(play.engine.snapshot().groups[0]?.proxy, { id: 11, registered: true });
  play.give({ kind: 'health', group, healthy: true, reason: '' });
  play.pass(lifetime, round(play));
  assert.deepEqual(play.engine.snapshot().groups[0]?.proxy, { id: 11, registered: false });
});
