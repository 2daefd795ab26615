/**
 * How long a timed element of nftables lives that is told how long: leases rest on that it is not longer. Watched from
 * outside, by reading the set again and again.
 */
import type { Finding } from '../../../api/finding.ts';
import { monotonicUs, tickMs } from '../../../linux/clock.ts';
import { addTimedElement, newSet, newTable, type Table } from '../../../linux/nftables/request.ts';
import { NftablesSocket } from '../../../linux/nftables/socket.ts';
import { missing, ok, reduced } from '../finding.ts';

const table: Table = { family: 'inet', name: 'understudy-doctor-timeouts' };
const set = 'timed';
const toldMs = [8, 20, 60];
const rounds = 5;

interface Life {
  /** Seen alive so long after the kernel had answered, milliseconds. */
  readonly seenMs: number;
  /** Seen gone so long after it was asked, milliseconds. */
  readonly goneMs: number;
}

interface Measured {
  /** How long they were told to live, milliseconds. */
  readonly told: number;
  readonly lives: readonly Life[];
}

export function examineTimeouts(): Finding {
  const nftables = NftablesSocket.open();
  nftables.commit([newTable(table), newSet(table, set, 'mark', true)]);
  const measured = toldMs.map((told) => ({
    told,
    lives: Array.from({ length: rounds }, (_, round) => live(nftables, told, told * 100 + round)),
  }));
  nftables.close();
  const spans = measured.map(({ told, lives }) => {
    const seen = Math.max(...lives.map(({ seenMs }) => seenMs));
    const gone = Math.max(...lives.map(({ goneMs }) => goneMs));
    return `${told} ms: seen for ${seen.toFixed(1)}, gone after ${gone.toFixed(1)}`;
  });
  return judgeLives(measured, `elements told to live ${spans.join(', ')} ms`, tickMs());
}

/**
 * A timeout is rounded up to ticks, and ends with a tick that may itself come late: leases have room for one tick. A
 * kernel is late when it mostly is; once in a while it is the machine below that held its ticks up.
 */
export function judgeLives(measured: readonly Measured[], found: string, roomMs: number): Finding {
  const late = measured.map(({ told, lives }) => lives.map(({ seenMs }) => seenMs > told + roomMs));
  if (late.some((rounds) => rounds.filter(Boolean).length * 2 > rounds.length)) {
    return missing(
      'timeouts',
      found,
      'this kernel ends leases late: two members could be heard at a time; use another',
    );
  }
  return late.flat().some(Boolean)
    ? reduced(
        'timeouts',
        found,
        'a lease may last longer than reckoned by as much as its last tick was late',
        'give this machine processors of its own',
      )
    : ok('timeouts', found);
}

function live(nftables: NftablesSocket, told: number, key: number): Life {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(key);
  const askedUs = monotonicUs();
  nftables.commit([addTimedElement(table, set, bytes, told)]);
  const answeredUs = monotonicUs();
  let seenUs = answeredUs;
  for (;;) {
    // Read before it is looked: it lived then at least.
    const nowUs = monotonicUs();
    if (nftables.elements(table, set).length === 0) {
      return { seenMs: (seenUs - answeredUs) / 1000, goneMs: (monotonicUs() - askedUs) / 1000 };
    }
    seenUs = nowUs;
  }
}
