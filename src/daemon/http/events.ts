/** GET /v1/events: one occurrence per line (NDJSON), those kept first, then, with follow=1, each as it happens. */
import type { ServerResponse } from 'node:http';
import type { Occurrence } from '../../api/types.ts';
import { UsageError } from '../errors.ts';
import type { OccurrenceRing } from '../events/ring.ts';

/** A follower that lets so much pile up is too slow and is let go, bytes. It can come back with `since`. */
const backlogMax = 1_048_576;

export function streamEvents(ring: OccurrenceRing, query: URLSearchParams, response: ServerResponse): void {
  const since = Number(query.get('since') ?? 0);
  if (!Number.isInteger(since) || since < 0) {
    throw new UsageError(`since is ${query.get('since')}`, 'give the sequence number of the last event seen');
  }
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  for (const occurrence of ring.since(since)) response.write(line(occurrence));
  if (query.get('follow') !== '1') {
    response.end();
    return;
  }
  response.flushHeaders();
  const leave = ring.follow({
    event: (occurrence) => {
      if (response.writableLength > backlogMax) response.destroy();
      else response.write(line(occurrence));
    },
    end: () => response.end(),
  });
  response.on('close', leave);
}

function line(occurrence: Occurrence): string {
  return `${JSON.stringify(occurrence)}\n`;
}
