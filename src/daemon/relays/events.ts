/** What relays report, as events. */
import type { RelayReport } from '../../api/relay.ts';
import type { Journal } from '../events/journal.ts';

export function reportRelay(journal: Journal, group: string, report: RelayReport): void {
  switch (report.event) {
    case 'mirrored': {
      const { sessions } = report;
      const message = `${group}: packets wait for the standby; it has ${sessions} older connections`;
      return journal.say('sessionsMirrored', message, { group, detail: { sessions } });
    }
    case 'degraded': {
      const message = `${group}: on without the standby, no connection is survivable: ${report.why}`;
      return journal.say('sessionsDegraded', message, { group, detail: { why: report.why } });
    }
    case 'tookOver': {
      const { sessions, reset, lateUs, atUs } = report;
      const what = reset === 0 ? 'go on here' : 'were reset: this standby may have been behind';
      const message = `${group}: ${sessions} connections ${what}, ${lateUs} µs after the fence opened`;
      const detail = { sessions, reset, lateUs };
      const level = reset === 0 ? 'info' : 'error';
      return journal.say('sessionsTaken', message, { group, detail, level, atUs });
    }
    case 'diverged':
    case 'lost':
    case 'overdue': {
      const { event, flow, offset } = report;
      const why = {
        diverged: 'its two servers said different things',
        lost: 'the standby could not keep it',
        overdue: 'the standby’s server did not come to its end',
      };
      const message = `${group}: connection ${flow} would not survive: ${why[event]}, after ${offset} bytes`;
      const code = event === 'diverged' ? 'sessionDiverged' : 'sessionAlone';
      return journal.say(code, message, { group, detail: { flow, offset, why: event } });
    }
    case 'stoodBy': {
      const { sessions, lost, lateUs, atUs } = report;
      const ended = lost === 0 ? '' : `; ${lost} ended, which nobody else had`;
      const message = `${group}: ${sessions} connections are replicas now${ended}`;
      const detail = { sessions, lost, lateUs };
      const level = lost === 0 ? 'info' : 'warn';
      return journal.say('sessionsYielded', message, { group, detail, level, atUs });
    }
  }
}
