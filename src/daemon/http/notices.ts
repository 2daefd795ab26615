/** GET /v1/handoff: one notice per line (NDJSON) before each planned switchover of the group, until either side ends it. */
import type { ServerResponse } from 'node:http';
import { UsageError } from '../errors.ts';
import type { ControlSurface } from './surface.ts';

export function streamNotices(
  surface: ControlSurface,
  query: URLSearchParams,
  response: ServerResponse,
): void {
  const group = query.get('group');
  if (group === null) throw new UsageError('the request does not say which group', 'ask for ?group=NAME');
  surface.requireGroup(group);
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  response.flushHeaders();
  const leave = surface.handoffs.follow(group, {
    notice: (notice) => void response.write(`${JSON.stringify(notice)}\n`),
    end: () => response.end(),
  });
  response.on('close', leave);
}
