import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UsageReport } from './host.ts';
import { formatAdministration, formatSessions } from './report.ts';
import { countsOf, judgeSessions, type TrialSessions } from './sessions.ts';

const feed: UsageReport = {
  name: 'feed',
  by: 'node',
  opened: 1,
  survived: 1,
  bytes: 2000,
  wrongBytes: 0,
  stallMs: 12.5,
  lost: [],
};

function sessionsOf(...programs: readonly UsageReport[]): TrialSessions {
  return { ...countsOf(programs), programs, administration: [], skipped: ['nc is not installed'] };
}

test('sessions that all went on are as they must be', () => {
  const sessions = sessionsOf(feed, {
    ...feed,
    name: 'download',
    by: 'curl',
    opened: 3,
    survived: 3,
    stallMs: 40,
  });
  assert.deepEqual(judgeSessions(sessions), []);
  const { opened, survived, wrongBytes, stallMs } = sessions;
  assert.deepEqual([opened, survived, wrongBytes, stallMs], [4, 4, 0, 40]);
});

test('a session lost, a wrong byte, and a program without a session are told', () => {
  const lost = sessionsOf({ ...feed, survived: 0, lost: ['silent for 5 s'] });
  assert.deepEqual(judgeSessions(lost), ['feed (node): session lost: silent for 5 s']);
  const wrong = sessionsOf({ ...feed, survived: 0, wrongBytes: 3 });
  assert.deepEqual(judgeSessions(wrong), ['feed (node): 3 wrong bytes']);
  assert.deepEqual(judgeSessions(sessionsOf({ ...feed, opened: 0, survived: 0 })), [
    'feed (node): no session was open',
  ]);
});

test('the administration session is shown around the fault, with what it waited', () => {
  const line = (afterMs: number, waitMs: number, answer: string | null) => ({
    ...{ atUs: 0, command: `SHOW ${afterMs}`, answer, afterFaultUs: afterMs * 1000, waitUs: waitMs * 1000 },
    ...(answer === null ? { why: 'read ECONNRESET' } : {}),
  });
  const administration = [line(-300, 1, 'OK a'), line(-5, 230, 'OK b'), line(300, 1, null)];
  const text = formatAdministration({ ...sessionsOf(feed), administration });
  assert.match(text, /-0\.300 s {2}SHOW -300 +OK a\n/);
  assert.match(text, /-0\.005 s {2}SHOW -5 +OK b {3}\(after 230 ms\)\n/);
  assert.match(text, /\+0\.300 s {2}SHOW 300 +– read ECONNRESET$/);
  assert.match(
    formatSessions(sessionsOf(feed), 'host-b'),
    /feed \(node\) +1 +1 +2000 +0 +12\.5 ms\n.*skipped: nc/,
  );
});
