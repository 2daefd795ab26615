import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { flagElsewhere, flagProxy, MemberState } from '../../src/wire/control/message.ts';
import {
  ready,
  recordTo,
  register,
  servingOne,
  settle,
  stateOf,
  stragglers,
  waitingRoom,
} from './at-proxy.ts';
import { idle, oneSidedConfig, proxy, proxyConfig, serving, waiting } from './proxied.ts';
import { active, patience, slot, standby } from './rehearsal.ts';

describe('a proxy that is succeeded falls silent at once and sends on what still comes', () => {
  const silent = [
    'yield',
    'answer off',
    'serving>relaying a higher term was heard',
    'forward 12',
    'route 12',
  ];

  test("by the other proxy's heartbeat", () => {
    const play = servingOne();
    play.says(12, serving(6, 2));
    assert.deepEqual(play.take(), silent);
  });

  test("by its own member's word", () => {
    const play = servingOne();
    play.says(1, standby(6, 2));
    assert.deepEqual(play.take(), silent);
    const registering = servingOne();
    register(registering, 1, standby(6, 2), 3);
    assert.deepEqual(registering.take().slice(0, 6), ['registered 1 standby 6.2', ...silent]);
  });

  test('by the announcement it hears: silent for a slot, and then on, if it was not true', () => {
    const play = servingOne();
    play.pass(slot, settle(play));
    play.claim(12);
    assert.deepEqual(play.take(), ['claimed 12', 'answer off']);
    play.pass(slot - 1, settle(play));
    assert.deepEqual(play.take(), []);
    play.pass(1, settle(play));
    assert.deepEqual(play.take(), ['answer on', 'announce and ask', 'announced 0']);
    play.claim(12);
    play.take();
    play.says(12, serving(6, 2));
    assert.deepEqual(
      play.take(),
      silent.filter((line) => line !== 'answer off'),
    );
    play.pass(2 * slot, settle(play, { 1: standby(6, 2), 12: serving(6, 2) }));
    assert.deepEqual(play.take(), []);
  });

  test('by the end of the registration: nothing is answered for a member that does not renew it', () => {
    const play = servingOne();
    play.pass(waitingRoom - 1, settle(play));
    play.take();
    play.pass(1, settle(play));
    assert.deepEqual(play.take(), [
      'registrationEnded 1 expired',
      'yield',
      'answer off',
      'serving>idle the registration ran out',
      'route 0',
    ]);
    // Whoever takes over then gets what hosts still send here.
    play.says(12, serving(6, 2));
    play.drained();
    assert.deepEqual(play.take(), ['idle>relaying a higher term was heard', 'forward 12', 'route 12']);
  });

  test('until the hosts have moved', () => {
    const play = servingOne();
    const others = { 1: standby(6, 2), 12: serving(6, 2) };
    settle(play, others)();
    play.take();
    play.pass(stragglers - 1, settle(play, others));
    assert.equal(stateOf(play), 'relaying');
    play.take();
    play.pass(1, settle(play, others));
    assert.deepEqual(play.take(), ['forward 0', 'relaying>idle the hosts have moved', 'route 1']);
  });

  test('but not by hearsay of a term that nobody is heard to hold: packets wait, its member is told', () => {
    const play = servingOne();
    play.says(12, idle(6, 2));
    play.drained();
    assert.deepEqual(play.take(), [
      'registrationRefused 1 by 11 lowerTerm 6.2',
      'send registered to 1 #2 lowerTerm term 6.2',
      'hold begin',
      'serving>waiting no member is active',
    ]);
    play.pass(slot, settle(play, { 12: idle(6, 2) }));
    assert.deepEqual(play.take(), [], 'told once');
    register(play, 1, standby(6, 2), 3);
    play.drained();
    assert.equal(stateOf(play), 'waiting');
    register(play, 1, active(7, 1), 4);
    assert.ok(play.take().includes('waiting>serving another member registered'));
  });

  test('to a member on the hosts’ LAN as well', () => {
    const play = servingOne(oneSidedConfig());
    play.says(2, active(6, 2));
    assert.deepEqual(play.take().slice(-2), ['forward 2', 'route 2']);
  });

  test('and serves again when its member is active by a still higher term', () => {
    const play = servingOne();
    play.says(12, serving(6, 2));
    play.drained();
    play.take();
    register(play, 1, active(7, 1), 3);
    assert.deepEqual(play.take().slice(0, 8), [
      'registered 1 active 7.1',
      'acquire 7.1',
      'forward 0',
      'route 1',
      'answer on',
      'announce and ask',
      'relaying>serving registered',
      'announced 0',
    ]);
  });

  test('and follows the role to a third place', () => {
    const config = proxyConfig();
    const third = { id: 3, paths: [{ id: 4, cable: false }] };
    const [part] = config.proxied;
    assert.ok(part !== undefined);
    const elsewhere = [...part.elsewhere, { member: 3, place: 3 }];
    const play = servingOne({
      ...config,
      peers: [...config.peers, third],
      proxied: [{ ...part, elsewhere }],
    });
    play.says(12, serving(6, 2));
    play.says(1, standby(6, 2));
    play.drained();
    play.take();
    play.says(12, idle(7, 3));
    play.says(3, active(7, 3));
    play.drained();
    assert.deepEqual(play.take(), ['forward 3', 'route 3']);
  });

  test('one whose predecessor still answered when it was heard last announces again when that one is silent', () => {
    const play = ready(proxyConfig(), 4);
    play.says(12, waiting(4, 2));
    register(play, 1, active(5, 1), 2);
    play.says(1, active(5, 1));
    play.drained();
    assert.equal(stateOf(play), 'serving');
    play.take();
    play.says(12, idle(5, 1));
    play.pass(slot, settle(play));
    assert.deepEqual(play.take(), ['announce and ask', 'announced 0']);
  });

  test('one that hears a lower term served announces again: hosts may have heard it last', () => {
    const play = servingOne();
    play.pass(200_000, settle(play));
    play.take();
    play.says(12, serving(4, 2));
    assert.deepEqual(play.take(), []);
    play.hush();
    play.says(12, { ...serving(4, 2), boot: 4711 });
    assert.deepEqual(play.take(), ['announce and ask', 'announced 0']);
    assert.equal(stateOf(play), 'serving');
  });
});

describe('what a proxy says of other places', () => {
  test('served elsewhere, as long as somebody there says so and lives', () => {
    const play = ready(proxyConfig(), 4);
    play.says(12, serving(5, 2));
    play.drained();
    assert.ok(play.take(true).includes('beat 1/3'), 'members hear of it at once');
    assert.equal(recordTo(play, 1)?.flags, flagProxy | flagElsewhere);
    play.says(12, waiting(5, 2));
    play.drained();
    assert.equal(recordTo(play, 1)?.flags, flagProxy);
    play.says(12, serving(6, 2));
    play.pass(patience);
    assert.equal(recordTo(play, 1)?.flags, flagProxy);
  });

  test('a proxy that stops does not count, a member heard itself does', () => {
    const play = ready(proxyConfig(), 4);
    play.says(12, proxy(MemberState.draining, 5, 2));
    assert.equal(recordTo(play, 1)?.flags, flagProxy);
    const lan = ready(oneSidedConfig(), 4);
    lan.says(2, { state: MemberState.draining, term: { counter: 5, member: 2 } });
    assert.equal(recordTo(lan, 1)?.flags, flagProxy | flagElsewhere);
  });
});
