import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Answer, Exchange, follows } from './exchange.ts';

function told(exchange: Exchange, ...commands: readonly string[]): Answer | undefined {
  return commands.map((command, index) => exchange.execute(command, index)).at(-1);
}

test('stations are added once, shown, and removed when idle', () => {
  const exchange = new Exchange();
  assert.equal(told(exchange, 'ADD 4041 Hedda Gabler'), 'OK 4041 added');
  assert.equal(told(exchange, 'ADD 4041 Thea'), 'NO 4041 exists');
  assert.equal(told(exchange, 'ADD 41 Thea'), "NO '41' is no extension");
  assert.equal(told(exchange, 'ADD 4042 '), 'NO 4042 needs a name');
  assert.equal(told(exchange, 'SHOW 4041'), 'OK 4041 Hedda Gabler: idle');
  assert.equal(told(exchange, 'ADD 4042 Thea', 'CALL 4041 4042', 'REMOVE 4041'), 'NO 4041 is in call 1');
  assert.equal(told(exchange, 'HANGUP 1', 'REMOVE 4041'), 'OK 4041 removed');
  assert.equal(told(exchange, 'SHOW 4041'), "NO '4041' is unknown");
});

test('a call occupies both ends, and is recorded with its length', () => {
  const exchange = new Exchange();
  const journal: string[] = [];
  told(exchange, 'ADD 100 a', 'ADD 101 b', 'ADD 102 c');
  const unsubscribe = exchange.subscribe((line) => journal.push(line));
  assert.equal(exchange.execute('CALL 100 101', 50), 'OK call 1 from 100 to 101');
  assert.equal(exchange.execute('CALL 102 101', 60), 'NO call 2: 101 is busy');
  assert.equal(exchange.execute('CALL 100 102', 70), 'NO 100 is busy');
  assert.equal(exchange.execute('HANGUP 1', 462), 'OK call 1 ended');
  assert.equal(exchange.execute('HANGUP 1', 463), "NO call '1' is not up");
  unsubscribe();
  told(exchange, 'REMOVE 100');
  const entries = journal.map((line) => line.slice(0, line.lastIndexOf(' ')));
  assert.deepEqual(entries, ['4 CALL 2 102 101 busy', '5 CALL 1 100 101 answered 412 ms']);
});

test('a station out of service raises an alarm until it is back or gone', () => {
  const exchange = new Exchange();
  told(exchange, 'ADD 100 a', 'ADD 101 b', 'OUT 100');
  assert.equal(told(exchange, 'CALL 101 100'), 'NO call 1: 100 is out of service');
  assert.equal(told(exchange, 'CALL 100 101'), 'NO 100 is out of service');
  assert.equal(told(exchange, 'OUT 101', 'ALARMS'), 'OK 2 alarms: 1 100, 2 101');
  assert.equal(told(exchange, 'IN 100', 'REMOVE 101', 'ALARMS'), 'OK no alarms');
});

test('what is no command is refused, also the names of inherited properties', () => {
  const exchange = new Exchange();
  for (const command of ['', 'constructor', '__proto__', 'add 100 a', ' ADD 100 a']) {
    assert.match(exchange.execute(command, 0), /^NO '.*' is no command$/);
  }
});

const extension = fc.constantFrom('100', '101', '102', '103', '9');
const command = fc.oneof(
  fc.tuple(fc.constantFrom('ADD'), extension, fc.constantFrom('a', 'b c', '')),
  fc.tuple(fc.constantFrom('REMOVE', 'SHOW', 'OUT', 'IN'), extension),
  fc.tuple(fc.constant('CALL'), extension, extension),
  fc.tuple(fc.constant('HANGUP'), fc.integer({ min: 1, max: 12 }).map(String)),
  fc.tuple(fc.constantFrom('ALARMS', 'STATUS', 'x', '')),
);
const commands = fc.array(
  command.map((words) => words.join(' ')),
  { maxLength: 80 },
);

test('two exchanges that are told the same say the same, and their journals have no gap', () => {
  fc.assert(
    fc.property(commands, (lines) => {
      const both = [new Exchange(), new Exchange()] as const;
      const journals: [string[], string[]] = [[], []];
      let { entries: number, chain } = both[0];
      both.forEach((exchange, index) => {
        exchange.subscribe((line) => journals[index]?.push(line));
      });
      lines.forEach((line, nowMs) => {
        assert.equal(both[0].execute(line, nowMs), both[1].execute(line, nowMs));
      });
      assert.deepEqual(journals[0], journals[1]);
      for (const line of journals[0]) {
        assert.ok(follows(line, number, chain), line);
        number++;
        chain = line.slice(line.lastIndexOf(' ') + 1);
      }
      assert.deepEqual([both[0].entries, both[0].chain], [number, chain]);
    }),
  );
});

test('every call that was made is up or has one record, and no station is in two', () => {
  fc.assert(
    fc.property(commands, (lines) => {
      const exchange = new Exchange();
      const recorded: string[] = [];
      exchange.subscribe((line) => {
        const [, kind, call = ''] = line.split(' ');
        if (kind === 'CALL') recorded.push(call);
      });
      const up = new Map<string, readonly [string, string]>();
      lines.forEach((line, nowMs) => {
        const [, verdict, , call = '', , from = '', , to = ''] = `- ${exchange.execute(line, nowMs)}`.split(
          ' ',
        );
        if (verdict === 'OK' && line.startsWith('CALL ')) up.set(call, [from, to]);
        if (verdict === 'OK' && line.startsWith('HANGUP ')) up.delete(call);
      });
      const busy = [...up.values()].flat();
      assert.equal(new Set(busy).size, busy.length);
      assert.equal(new Set(recorded).size, recorded.length);
      const made = Number(/(\d+) made/.exec(exchange.execute('STATUS', 0))?.[1]);
      assert.equal(up.size + recorded.length, made);
      for (const call of up.keys()) assert.ok(!recorded.includes(call));
    }),
  );
});

test('an entry that is missing, changed or of another journal does not follow', () => {
  const exchange = new Exchange();
  const { entries, chain } = exchange;
  const journal: string[] = [];
  exchange.subscribe((line) => journal.push(line));
  told(exchange, 'ADD 100 a', 'ADD 101 b');
  const [first = '', second = ''] = journal;
  assert.ok(follows(first, entries, chain));
  assert.ok(!follows(second, entries, chain));
  assert.ok(!follows(first.replace('a ', 'x '), entries, chain));
  assert.ok(!follows(first, entries, '00000000'));
});
