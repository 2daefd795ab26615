import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { EngineConfig } from '../../src/engine/config.ts';
import { ControlType, flagElsewhere, flagProxy, MemberState } from '../../src/wire/control/message.ts';
import { idle, oneSidedConfig, proxy, proxyConfig, serving, sharedConfig, waiting } from './proxied.ts';
import { active, group, interval, patience, Rehearsal, slot, standby, type Word } from './rehearsal.ts';

const waitingRoom = 300_000;
const stragglers = 200_000;

const stateOf = (play: Rehearsal) => play.engine.snapshot().proxied[0]?.state;
const recordTo = (play: Rehearsal, peer: number) => play.engine.records(peer)[0];

function register(
  play: Rehearsal,
  member: number,
  word: Word,
  identification: number,
  lifetimeMs = 300,
): void {
  play.tells(member, ControlType.register, { ...word, registration: { identification, lifetimeMs } });
}

/** A proxy that has heard everybody, with its members registered as standing by under term `counter`.1. */
function ready(config: EngineConfig, counter = 0): Rehearsal {
  const play = new Rehearsal(config);
  const members = config.proxied[0]?.members ?? [];
  for (const { id } of config.peers) {
    const isMember = members.includes(id) || id < 10;
    play.says(id, isMember ? standby(counter, 1) : idle(counter, 1));
  }
  for (const id of members) register(play, id, standby(counter, 1), 1);
  play.drained();
  play.take();
  return play;
}

/** Serves member 1 by term 5.1; the other one stands by. */
function servingOne(config: EngineConfig = proxyConfig()): Rehearsal {
  const play = ready(config, 4);
  register(play, 1, active(5, 1), 2);
  settle(play)();
  play.drained();
  play.take();
  return play;
}

/** Everybody says what it last said, or what is given here. */
function settle(play: Rehearsal, others: Readonly<Record<number, Word | undefined>> = {}): () => void {
  return () => {
    for (const { id } of play.config.peers) {
      const usual = id === 1 ? active(5, 1) : id > 10 ? idle(5, 1) : standby(5, 1);
      const word = id in others ? others[id] : usual;
      if (word !== undefined) play.says(id, word);
    }
  };
}

describe('a proxy whose member becomes active', () => {
  test('acquires, routes, answers, announces, tells everybody, and only then replies', () => {
    const play = ready(proxyConfig(), 4);
    assert.equal(stateOf(play), 'idle');
    register(play, 1, active(5, 1), 2);
    const lines = play.take(true);
    assert.deepEqual(lines, [
      'registered 1 active 5.1',
      'acquire 5.1',
      'answer on',
      'announce and ask',
      'beat 1/3',
      'beat 12/4',
      'idle>serving registered',
      'announced 0',
      'resolve 1',
      'send registered to 1 #2 accepted term 5.1',
    ]);
    assert.equal(play.engine.snapshot().proxied[0]?.routesTo, 1, 'routed in advance');
    assert.deepEqual(recordTo(play, 12), {
      group,
      state: MemberState.active,
      priority: 0,
      flags: flagProxy,
      term: { counter: 5, member: 1 },
    });
  });

  test('routes to it in this order when another one was routed to before', () => {
    const play = ready(sharedConfig(), 4);
    assert.equal(play.engine.snapshot().proxied[0]?.routesTo, 1);
    register(play, 2, active(5, 2), 2);
    assert.deepEqual(play.take().slice(1, 5), ['acquire 5.2', 'route 2', 'answer on', 'announce and ask']);
  });

  test('announces again on schedule, on evidence, and against claims', () => {
    const play = servingOne(proxyConfig({ announceScheduleUs: [50_000] }));
    play.pass(50_000, settle(play));
    assert.deepEqual(play.take(), ['announce and ask', 'announced 1']);
    play.pass(100_000, settle(play));
    play.give({ kind: 'evidence', group, reason: 'carrierReturned' });
    assert.deepEqual(play.take(), ['announce and ask', 'announced 1']);
    play.pass(100_000, settle(play));
    play.give({ kind: 'claim', group, member: 0 });
    assert.deepEqual(play.take(), ['claimed 0', 'announce', 'announced 1']);
  });

  test('serves by what its heartbeats say, too, once it is registered', () => {
    const play = ready(proxyConfig(), 4);
    play.says(1, active(5, 1));
    play.drained();
    assert.equal(stateOf(play), 'serving');
  });

  test('does not serve one that is not registered', () => {
    const play = new Rehearsal(proxyConfig());
    play.says(12, idle());
    play.pass(2_000_000, () => {
      play.says(1, active(5, 1));
      play.says(12, idle());
    });
    assert.equal(stateOf(play), 'idle');
  });

  test('whose fence the kernel refuses, refuses it in turn, and asks the kernel less and less often', () => {
    const play = ready(proxyConfig(), 4);
    play.grants = false;
    register(play, 1, active(5, 1), 2);
    assert.deepEqual(play.take(), [
      'registered 1 active 5.1',
      'acquire 5.1',
      'registrationRefused 1 by 11 unable 5.1',
      'send registered to 1 #2 unable term 5.1',
    ]);
    register(play, 1, active(5, 1), 3);
    assert.deepEqual(play.take(), ['send registered to 1 #3 unable term 5.1']);
    play.pass(slot, settle(play));
    register(play, 1, active(5, 1), 4);
    assert.ok(play.take().includes('acquire 5.1'));
    play.pass(slot, settle(play));
    register(play, 1, active(5, 1), 5);
    assert.ok(!play.take().includes('acquire 5.1'));
    play.pass(slot, settle(play));
    play.grants = true;
    register(play, 1, active(5, 1), 6);
    assert.equal(stateOf(play), 'serving');
  });
});

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
    play.give({ kind: 'claim', group, member: 12 });
    assert.deepEqual(play.take(), ['claimed 12', 'answer off']);
    play.pass(slot - 1, settle(play));
    assert.deepEqual(play.take(), []);
    play.pass(1, settle(play));
    assert.deepEqual(play.take(), ['answer on', 'announce and ask', 'announced 0']);
    play.give({ kind: 'claim', group, member: 12 });
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

  test('one that hears a lower term served announces again: hosts may have heard it last', () => {
    const play = servingOne();
    play.pass(200_000, settle(play));
    play.take();
    play.says(12, serving(4, 2));
    assert.deepEqual(play.take(), []);
    play.says(12, { ...serving(4, 2), boot: 4711 });
    assert.deepEqual(play.take(), ['announce and ask', 'announced 2']);
    assert.equal(stateOf(play), 'serving');
  });
});

describe('requests', () => {
  test('of a lower term are refused with the highest one seen, and reported once', () => {
    const play = ready(proxyConfig(), 6);
    register(play, 1, active(5, 1), 2);
    assert.deepEqual(play.take(), [
      'registrationRefused 1 by 11 lowerTerm 6.1',
      'send registered to 1 #2 lowerTerm term 6.1',
    ]);
    register(play, 1, active(5, 1), 3);
    assert.deepEqual(play.take(), ['send registered to 1 #3 lowerTerm term 6.1']);
    assert.equal(stateOf(play), 'idle');
  });

  test('that were answered are answered again, old copies are not', () => {
    const play = servingOne();
    register(play, 1, active(5, 1), 2);
    assert.deepEqual(play.take(), ['send registered to 1 #2 accepted term 5.1']);
    register(play, 1, standby(9, 1), 1);
    assert.deepEqual(play.take(), []);
    assert.equal(stateOf(play), 'serving');
  });

  test('that are old copies do not bring back what was withdrawn', () => {
    const play = ready(proxyConfig(), 4);
    register(play, 1, { state: MemberState.stopped, term: { counter: 4, member: 1 } }, 2, 0);
    assert.deepEqual(play.take(), [
      'registrationEnded 1 withdrawn',
      'resolve 1',
      'send registered to 1 #2 accepted term 4.1',
    ]);
    register(play, 1, standby(4, 1), 1);
    assert.deepEqual(play.take(), []);
    assert.deepEqual(play.engine.snapshot().proxied[0]?.registrations, []);
  });

  test('of a new life of the member count from one again', () => {
    const play = servingOne();
    register(play, 1, { state: MemberState.starting, boot: 4711 }, 1);
    play.drained();
    assert.deepEqual(play.take(), [
      'registered 1 starting 0.0',
      'resolve 1',
      'send registered to 1 #1 accepted term 5.1',
      'hold begin',
      'serving>waiting no member is active',
    ]);
  });

  test('of a member that is not ours are refused', () => {
    const play = ready(oneSidedConfig(), 4);
    register(play, 2, standby(4, 1), 1);
    assert.deepEqual(play.take(), [
      'registrationRefused 2 by 11 notYourProxy 4.1',
      'send registered to 2 #1 notYourProxy term 4.1',
    ]);
  });

  test('are granted at most the lifetime of our own configuration', () => {
    const play = ready(proxyConfig(), 4);
    register(play, 1, standby(4, 1), 2, 900_000);
    assert.equal(play.engine.snapshot().proxied[0]?.registrations[0]?.remainingUs, 300_000);
  });
});

describe('one proxy for both members', () => {
  test('moves the route and tells nobody', () => {
    const play = servingOne(sharedConfig());
    play.says(1, standby(5, 1));
    play.drained();
    play.take();
    register(play, 2, active(6, 2), 2);
    assert.deepEqual(play.take(), [
      'registered 2 active 6.2',
      'route 2',
      'hold deliver',
      'waiting>serving another member registered',
      'resolve 2',
      'send registered to 2 #2 accepted term 6.2',
    ]);
  });

  test('does not fall silent when the old one knows of the new term first', () => {
    const play = servingOne(sharedConfig());
    play.says(1, standby(6, 2));
    play.drained();
    assert.deepEqual(play.take(), ['hold begin', 'serving>waiting no member is active']);
    play.says(2, active(6, 2));
    play.drained();
    assert.deepEqual(play.take(), ['route 2', 'hold deliver', 'waiting>serving another member registered']);
  });

  test('takes the new one also while the old one still speaks', () => {
    const play = servingOne(sharedConfig());
    register(play, 2, active(6, 2), 2);
    assert.ok(play.take().includes('serving>serving another member registered'));
    play.drained();
    assert.deepEqual(play.take(), [
      'registrationRefused 1 by 11 lowerTerm 6.2',
      'send registered to 1 #2 lowerTerm term 6.2',
    ]);
  });
});

describe('while no member is active, packets wait', () => {
  test('when the member falls silent; they go to our next one after the route', () => {
    const play = servingOne(sharedConfig());
    play.pass(patience + interval, settle(play, { 1: undefined }));
    assert.deepEqual(play.take().slice(-3), [
      'peerDown 1 silence',
      'hold begin',
      'serving>waiting the member is gone',
    ]);
    assert.equal(play.engine.snapshot().proxied[0]?.answering, true);
    register(play, 2, active(6, 2), 2);
    assert.deepEqual(play.take().slice(1, 3), ['route 2', 'hold deliver']);
  });

  test('or to the other place, after our own silence', () => {
    const play = servingOne();
    play.pass(patience + interval, settle(play, { 1: undefined }));
    play.take();
    assert.equal(recordTo(play, 12)?.state, MemberState.holding);
    play.says(12, serving(6, 2));
    assert.deepEqual(play.take(), [
      'yield',
      'answer off',
      'waiting>relaying a higher term was heard',
      'forward 12',
      'route 12',
      'hold deliver',
    ]);
  });

  test('while it hands over in order, or until it calls that off', () => {
    const play = servingOne();
    register(play, 1, { state: MemberState.draining, term: { counter: 5, member: 1 } }, 3);
    // The member gives nothing away before it has the answer.
    assert.deepEqual(play.take(), [
      'registered 1 draining 5.1',
      'hold begin',
      'serving>waiting the member hands over',
      'resolve 1',
      'send registered to 1 #3 accepted term 5.1',
    ]);
    register(play, 1, active(5, 1), 4);
    assert.deepEqual(play.take().slice(1, 3), ['hold deliver', 'waiting>serving the member is active again']);
  });

  test('no longer than a registration lasts', () => {
    const play = servingOne();
    play.says(1, { state: MemberState.faulted, term: { counter: 5, member: 1 } });
    play.drained();
    assert.equal(stateOf(play), 'waiting');
    const word = settle(play, { 1: { state: MemberState.faulted, term: { counter: 5, member: 1 } } });
    play.pass(waitingRoom - 1, word);
    assert.equal(stateOf(play), 'waiting');
    play.take();
    play.pass(1, word);
    assert.deepEqual(play.take().slice(0, 4), [
      'yield',
      'answer off',
      'hold discard',
      'waiting>idle nobody became active in time',
    ]);
  });

  test('at the successor, in a planned switchover, and are forgotten when it is called off', () => {
    const play = ready(proxyConfig(), 4);
    play.says(1, { state: MemberState.holding, term: { counter: 4, member: 1 } });
    play.drained();
    assert.deepEqual(play.take(), ['hold begin']);
    play.says(1, standby(4, 1));
    play.drained();
    assert.deepEqual(play.take(), ['hold discard']);
  });

  test('also where stragglers were sent on just now; called off, they are sent on again', () => {
    const play = servingOne();
    play.says(12, serving(6, 2));
    play.drained();
    play.take();
    play.says(1, { state: MemberState.holding, term: { counter: 6, member: 2 } });
    play.drained();
    assert.deepEqual(play.take(), ['forward 0', 'hold begin', 'route 1']);
    play.says(1, standby(6, 2));
    play.drained();
    assert.deepEqual(play.take(), ['forward 12', 'route 12', 'hold deliver']);
  });
});

describe('the lease of a proxy', () => {
  test('lost: silent; it listens for a slot, and serves again if its member still is active', () => {
    const play = servingOne();
    play.give({ kind: 'leaseLost' });
    play.drained();
    assert.deepEqual(play.take(), ['leaseLost', 'yield', 'answer off', 'serving>idle leaseLost']);
    play.pass(slot - 1, settle(play));
    assert.equal(stateOf(play), 'idle');
    play.pass(1, settle(play));
    assert.ok(play.take().includes('acquire 5.1'));
    assert.equal(stateOf(play), 'serving');
  });

  test('lost: it sends on, if another place took over meanwhile', () => {
    const play = servingOne();
    play.give({ kind: 'leaseLost' });
    play.says(12, serving(6, 2));
    play.drained();
    assert.deepEqual(play.take(), [
      'leaseLost',
      'yield',
      'answer off',
      'serving>idle leaseLost',
      'registrationRefused 1 by 11 lowerTerm 6.2',
      'send registered to 1 #2 lowerTerm term 6.2',
      'idle>relaying a higher term was heard',
      'forward 12',
      'route 12',
    ]);
    play.pass(2 * slot, settle(play, { 12: serving(6, 2) }));
    assert.equal(stateOf(play), 'relaying');
  });
});

describe('a proxy that stops', () => {
  test('asks to be relieved while it serves, then relays for at most 100 ms', () => {
    const play = servingOne();
    play.give({ kind: 'stop' });
    play.drained();
    assert.equal(recordTo(play, 1)?.state, MemberState.draining);
    assert.equal(play.engine.flags, 0);
    play.says(12, serving(6, 2));
    play.drained();
    assert.equal(stateOf(play), 'relaying');
    const word = settle(play, { 1: standby(6, 2), 12: serving(6, 2) });
    play.pass(100_000 - 1, word);
    assert.equal(stateOf(play), 'relaying');
    play.take();
    play.pass(1, word);
    assert.deepEqual(play.take(), [
      'forward 0',
      'relaying>idle the hosts have moved',
      'route 1',
      'route 0',
      'idle>stopped stop',
    ]);
    play.pass(4 * interval, word);
    assert.deepEqual(play.take(), ['stopped']);
  });

  test('and that nobody relieves ends when its time is over', () => {
    const play = servingOne();
    play.give({ kind: 'stop' });
    play.pass(1_000_000, () => {
      settle(play)();
      register(play, 1, active(5, 1), 3);
    });
    assert.deepEqual(
      play
        .take()
        .filter((line) => !line.startsWith('send') && !line.startsWith('announce'))
        .slice(-4),
      ['yield', 'answer off', 'route 0', 'serving>stopped stop'],
    );
  });

  test('ends at once when it serves nobody, and accepts nobody any more', () => {
    const play = ready(proxyConfig(), 4);
    play.give({ kind: 'stop' });
    register(play, 1, active(5, 1), 2);
    play.drained();
    assert.deepEqual(play.take(), [
      'registrationRefused 1 by 11 stopping 4.1',
      'send registered to 1 #2 stopping term 4.1',
      'route 0',
      'idle>stopped stop',
    ]);
  });

  test('while it relays has only 100 ms left', () => {
    const play = servingOne();
    play.says(12, serving(6, 2));
    play.give({ kind: 'stop' });
    play.pass(100_000, settle(play, { 1: standby(6, 2), 12: serving(6, 2) }));
    assert.equal(stateOf(play), 'stopped');
  });
});

describe('a proxy that starts', () => {
  test('serves nobody before it has heard everybody, or the grace is over', () => {
    const play = new Rehearsal(proxyConfig());
    const request = () => register(play, 1, active(5, 1), 1);
    play.says(1, active(5, 1));
    request();
    play.drained();
    assert.deepEqual(
      play.take().filter((line) => !/Up/.test(line)),
      ['registered 1 active 5.1', 'route 1'],
    );
    const word = () => {
      play.says(1, active(5, 1));
      request();
    };
    play.pass(1_000_000 - 1, word);
    assert.equal(stateOf(play), 'idle');
    assert.deepEqual(play.take(), []);
    play.pass(1);
    assert.deepEqual(play.take(), [
      'acquire 5.1',
      'answer on',
      'announce and ask',
      'idle>serving registered',
      'announced 0',
      'resolve 1',
      'send registered to 1 #1 accepted term 5.1',
    ]);
  });

  test('refuses an early request that another one has overtaken', () => {
    const play = new Rehearsal(proxyConfig());
    register(play, 1, active(5, 1), 1);
    play.drained();
    play.take();
    play.says(12, serving(6, 2));
    play.drained();
    play.drained();
    assert.deepEqual(
      play.take().filter((line) => !/Up/.test(line)),
      ['registrationRefused 1 by 11 lowerTerm 6.2', 'send registered to 1 #1 lowerTerm term 6.2'],
    );
  });

  test('serves as soon as everybody has told; refuses what the other place has succeeded', () => {
    const play = new Rehearsal(proxyConfig());
    play.says(1, active(5, 1));
    play.says(12, serving(6, 2));
    play.drained();
    play.take();
    register(play, 1, active(5, 1), 1);
    assert.equal(play.take().at(-1), 'send registered to 1 #1 lowerTerm term 6.2');
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

test('the operator sees what a proxy does', () => {
  const play = servingOne();
  assert.deepEqual(play.engine.snapshot().proxied, [
    {
      id: group,
      state: 'serving',
      answering: true,
      routesTo: 1,
      term: { counter: 5, member: 1 },
      registrations: [{ member: 1, state: MemberState.active, remainingUs: 300_000 }],
    },
  ]);
});

test('another lifetime is granted after a reload', () => {
  const play = servingOne();
  play.engine.reconfigure(proxyConfig({ registrationUs: 100_000 }), play.now);
  register(play, 1, active(5, 1), 3);
  assert.equal(play.engine.snapshot().proxied[0]?.registrations[0]?.remainingUs, 100_000);
  assert.equal(stateOf(play), 'serving');
});
