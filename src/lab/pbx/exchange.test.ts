import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Answer, Exchange } from './exchange.ts';
import { follows, Journal } from './journal.ts';

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
  assert.equal(told(exchange, 'ADD 4042 Thea', 'CALL 4041 4042', 'REMOVE 4041'), 'NO 4041 is in call 4041-1');
  assert.equal(told(exchange, 'HANGUP 4041-1', 'REMOVE 4041'), 'OK 4041 removed');
  assert.equal(told(exchange, 'SHOW 4041'), "NO '4041' is unknown");
});

test('a call occupies both ends, and is recorded with its length', () => {
  const exchange = new Exchange();
  const journal: string[] = [];
  told(exchange, 'ADD 100 a', 'ADD 101 b', 'ADD 102 c');
  const unsubscribe = exchange.journal.subscribe((line) => journal.push(line));
  assert.equal(exchange.execute('CALL 100 101', 50), 'OK call 100-1 to 101');
  assert.equal(exchange.execute('CALL 102 101', 60), 'NO call 102-1: 101 is busy');
  assert.equal(exchange.execute('CALL 100 102', 70), 'NO 100 is busy');
  assert.equal(exchange.execute('HANGUP 100-1', 462), 'OK call 100-1 ended');
  assert.equal(exchange.execute('HANGUP 100-1', 463), "NO call '100-1' is not up");
  unsubscribe();
  told(exchange, 'REMOVE 100');
  const entries = journal.map((line) => line.slice(0, line.lastIndexOf(' ')));
  assert.deepEqual(entries, ['4 CALL 102-1 101 busy', '5 CALL 100-1 101 answered 412 ms']);
});

test('a station out of service raises an alarm until it is back or gone', () => {
  const exchange = new Exchange();
  told(exchange, 'ADD 100 a', 'ADD 101 b', 'OUT 100');
  assert.equal(told(exchange, 'CALL 101 100'), 'NO call 101-1: 100 is out of service');
  assert.equal(told(exchange, 'CALL 100 101'), 'NO 100 is out of service');
  assert.equal(told(exchange, 'OUT 101', 'ALARMS'), 'OK out of service: 100, 101');
  assert.equal(told(exchange, 'IN 100', 'REMOVE 101', 'ALARMS'), 'OK none');
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
  fc.tuple(fc.constant('HANGUP'), fc.constantFrom('100-1', '100-2', '101-1', '102-1', '9-1')),
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
      let position: string | undefined = both[0].journal.position;
      both.forEach((exchange, index) => {
        exchange.journal.subscribe((line) => journals[index]?.push(line));
      });
      lines.forEach((line, nowMs) => {
        assert.equal(both[0].execute(line, nowMs), both[1].execute(line, nowMs));
      });
      assert.deepEqual(journals[0], journals[1]);
      for (const line of journals[0]) {
        position = follows(line, position ?? '');
        assert.notEqual(position, undefined, line);
      }
      assert.equal(both[0].journal.position, position);
    }),
  );
});

test('what happens to a station depends on the commands about it only, and a late listener hears all of it', () => {
  fc.assert(
    fc.property(commands, commands, (mine, others) => {
      const ours = mine.filter((line) => !line.startsWith('STATUS') && !line.startsWith('ALARMS'));
      const apart = others.map((line) => line.replaceAll('10', '20').replace(' 9', ' 8'));
      const [alone, crowded] = [new Exchange(), new Exchange()];
      const before = ours.map((line) => alone.execute(line, 0));
      const after: Answer[] = [];
      for (let i = 0; i < Math.max(ours.length, apart.length); i++) {
        const [own, foreign] = [ours[i], apart[i]];
        if (foreign?.includes(' ')) crowded.execute(foreign, 0);
        if (own !== undefined) after.push(crowded.execute(own, 0));
      }
      assert.deepEqual(after, before);
      for (const station of ['100', '101', '102']) {
        let position: string | undefined = new Journal(station).position;
        crowded.history(station).subscribe((line) => {
          position = follows(line, position ?? '');
        }, true);
        assert.equal(position, alone.history(station).position);
      }
    }),
  );
});

test('every call that was made is up or has one record, and no station is in two', () => {
  fc.assert(
    fc.property(commands, (lines) => {
      const exchange = new Exchange();
      let recorded = 0;
      exchange.journal.subscribe((line) => {
        if (line.split(' ')[1] === 'CALL') recorded++;
      });
      const up = new Map<string, readonly string[]>();
      lines.forEach((line, nowMs) => {
        const [verdict, , call = ''] = exchange.execute(line, nowMs).split(' ');
        if (verdict === 'OK' && line.startsWith('CALL ')) up.set(call, line.split(' ').slice(1));
        if (verdict === 'OK' && line.startsWith('HANGUP ')) up.delete(call);
      });
      const busy = [...up.values()].flat();
      assert.equal(new Set(busy).size, busy.length);
      const made = Number(/(\d+) made/.exec(exchange.execute('STATUS', 0))?.[1]);
      assert.equal(up.size + recorded, made);
    }),
  );
});

test('an entry that is missing, changed or of another journal does not follow', () => {
  const { journal } = new Exchange();
  const { position } = journal;
  const lines: string[] = [];
  journal.subscribe((line) => lines.push(line));
  journal.enter('STATION 100 added a');
  journal.enter('STATION 101 added b');
  const [first = '', second = ''] = lines;
  assert.equal(follows(second, follows(first, position) ?? ''), journal.position);
  assert.equal(follows(second, position), undefined);
  assert.equal(follows(first.replace('a ', 'x '), position), undefined);
  assert.equal(follows(first, new Journal('100').position), undefined);
});
