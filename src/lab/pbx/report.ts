/** What became of the host's sessions, for people. */
import type { Exchanged } from './chronicle.ts';
import type { TrialSessions } from './sessions.ts';

/** A wait that a person notices, microseconds. */
const noticedUs = 50_000;
/** So many lines of the administration session before the fault, and after it. */
const linesShown = { before: 3, after: 6 };

/** One line of the administration session. */
export function formatExchanged({ command, answer, why, waitUs }: Exchanged): string {
  const wait = waitUs < noticedUs ? '' : `   (after ${(waitUs / 1000).toFixed(0)} ms)`;
  return `${command.padEnd(20)}${answer ?? `– ${why ?? 'no answer'}`}${wait}`;
}

export function formatSessions(sessions: TrialSessions, host: string): string {
  const rows = sessions.programs.map((p) =>
    [
      `    ${`${p.name} (${p.by})`.padEnd(24)}`,
      String(p.opened).padStart(6),
      String(p.survived).padStart(10),
      bytes(p.bytes).padStart(10),
      String(p.wrongBytes).padStart(7),
      `${p.stallMs.toFixed(1)} ms`.padStart(15),
    ].join(''),
  );
  const head = `    ${''.padEnd(24)}opened  survived     bytes  wrong   longest wait`;
  const skipped = sessions.skipped.map((why) => `    skipped: ${why}`);
  return [`  Sessions of ${host} that were open at the fault, and after it`, head, ...rows, ...skipped].join(
    '\n',
  );
}

/** The lines around the fault, and every one that waited. */
export function formatAdministration({ administration }: TrialSessions): string {
  const before = administration.filter((line) => line.afterFaultUs + line.waitUs < 0);
  const after = administration.filter((line) => !before.includes(line));
  const shown = [...before.slice(-linesShown.before), ...after.slice(0, linesShown.after)];
  const lines = shown.map((line) => {
    const seconds = (line.afterFaultUs / 1e6).toFixed(3);
    return `    ${(line.afterFaultUs < 0 ? seconds : `+${seconds}`).padStart(8)} s  ${formatExchanged(line)}`;
  });
  return ['  The administration session, seconds after the fault', ...lines].join('\n');
}

function bytes(count: number): string {
  return count < 100_000 ? String(count) : `${(count / 1e6).toFixed(1)} MB`;
}
