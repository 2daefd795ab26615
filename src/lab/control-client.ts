/** Speaks to a daemon's control socket (src/api/types.ts), as the command line and any other program would. */
import { type IncomingMessage, request } from 'node:http';
import { createInterface } from 'node:readline';
import type { Occurrence, Problem, Status } from '../api/types.ts';

/** How long an answer may take before the daemon counts as not answering, milliseconds. */
const answerTimeoutMs = 2000;

function call(
  socketPath: string,
  method: string,
  path: string,
  body?: object,
  timeoutMs: number = answerTimeoutMs,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const outgoing = request({ socketPath, method, path, headers, agent: false }, resolve);
    outgoing.setTimeout(timeoutMs, () => {
      outgoing.destroy(new Error(`no answer on ${socketPath} within ${timeoutMs} ms`));
    });
    outgoing.on('error', reject);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

async function text(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

/** Rejects when the daemon does not answer in time. */
export async function readStatus(socketPath: string, timeoutMs?: number): Promise<Status> {
  return JSON.parse(await text(await call(socketPath, 'GET', '/v1/status', undefined, timeoutMs))) as Status;
}

/** Asks for a planned switchover, to this member or to the best; rejects with the daemon's words when it refuses. */
export async function askSwitchover(socketPath: string, group: string, to?: string): Promise<void> {
  const body = { group, ...(to === undefined ? {} : { to }) };
  const response = await call(socketPath, 'POST', '/v1/switchover', body);
  const answer = await text(response);
  if ((response.statusCode ?? 500) < 300) return;
  throw new Error((JSON.parse(answer) as Problem).error.message);
}

/** Passes on every event from the daemon's start until the connection ends; then resolves. Rejects if it never was. */
export async function followEvents(
  socketPath: string,
  each: (occurrence: Occurrence) => void,
): Promise<void> {
  const response = await call(socketPath, 'GET', '/v1/events?follow=1&since=0');
  response.socket.setTimeout(0);
  const lines = createInterface({ input: response });
  // The end of the daemon is the end of the stream, however abrupt.
  response.on('error', () => lines.close());
  for await (const line of lines) if (line !== '') each(JSON.parse(line) as Occurrence);
}
