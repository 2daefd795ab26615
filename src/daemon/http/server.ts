/** HTTP and JSON for the control socket: see src/api/types.ts for the resources. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import * as v from 'valibot';
import { CodedError, describeFailure, failureKinds } from '../../api/errors.ts';
import type { Problem } from '../../api/types.ts';
import { UsageError } from '../errors.ts';
import { streamEvents } from './events.ts';
import { metricsText, metricsType } from './metrics.ts';
import { streamNotices } from './notices.ts';
import type { ControlSurface } from './surface.ts';

/** The most a request's body may have, bytes. */
const bodyMax = 65_536;

type Handler = (surface: ControlSurface, request: IncomingMessage, response: ServerResponse) => Promise<void>;

const resources: Readonly<Record<string, Readonly<Record<string, Handler>>>> = {
  '/v1/status': {
    GET: async (surface, _request, response) => answer(response, 200, await surface.status()),
  },
  '/metrics': {
    GET: async (surface, _request, response) =>
      send(response, 200, metricsType, metricsText(await surface.status())),
  },
  '/v1/events': {
    GET: async (surface, request, response) => streamEvents(surface.ring, queryOf(request), response),
  },
  '/v1/switchover': { POST: switchover },
  '/v1/maintenance': { POST: maintenance },
  '/v1/handoff': {
    GET: async (surface, request, response) => streamNotices(surface, queryOf(request), response),
    POST: handedOver,
  },
  '/v1/reload': {
    POST: async (surface, _request, response) => answer(response, 200, surface.reload()),
  },
};

export function controlServer(surface: ControlSurface): Server {
  return createServer({ requestTimeout: 5000 }, (request, response) => {
    handle(surface, request, response).catch((error: unknown) => refuse(response, error));
  });
}

async function handle(
  surface: ControlSurface,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://control');
  const resource = Object.hasOwn(resources, pathname) ? resources[pathname] : undefined;
  if (resource === undefined) {
    const known = Object.keys(resources).join(', ');
    throw new CodedError('notFound', `there is no ${pathname}`, `the resources are ${known}`);
  }
  const method = request.method ?? '';
  const handler = Object.hasOwn(resource, method) ? resource[method] : undefined;
  if (handler === undefined) {
    const allowed = Object.keys(resource).join(', ');
    response.setHeader('allow', allowed);
    throw new CodedError('methodNotAllowed', `${pathname} does not take ${method}`, `use ${allowed}`);
  }
  await handler(surface, request, response);
}

const switchoverRequest = v.strictObject({
  group: v.pipe(v.string(), v.minLength(1)),
  to: v.optional(v.pipe(v.string(), v.minLength(1))),
});

async function switchover(
  surface: ControlSurface,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const parsed = v.safeParse(switchoverRequest, await readJson(request));
  if (!parsed.success) {
    throw new UsageError(
      'the request does not say which group',
      'send {"group": NAME} or {"group": NAME, "to": MEMBER}',
    );
  }
  await surface.switchover(parsed.output.group, parsed.output.to);
  answer(response, 202, { accepted: true });
}

const maintenanceRequest = v.strictObject({
  group: v.pipe(v.string(), v.minLength(1)),
  on: v.boolean(),
});

async function maintenance(
  surface: ControlSurface,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const parsed = v.safeParse(maintenanceRequest, await readJson(request));
  if (!parsed.success) {
    throw new UsageError(
      'the request does not say which group, or whether on or off',
      'send {"group": NAME, "on": true} or {"group": NAME, "on": false}',
    );
  }
  answer(response, 200, await surface.maintenance(parsed.output.group, parsed.output.on));
}

const handoffReport = v.strictObject({ group: v.string(), id: v.pipe(v.number(), v.integer()) });

async function handedOver(
  surface: ControlSurface,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const parsed = v.safeParse(handoffReport, await readJson(request));
  if (!parsed.success) {
    throw new UsageError('the request does not say which handoff', 'send {"group": NAME, "id": NUMBER}');
  }
  surface.requireGroup(parsed.output.group);
  answer(response, 202, { accepted: surface.handoffs.done(parsed.output.group, parsed.output.id) });
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > bodyMax) throw new UsageError(`the request has more than ${bodyMax} bytes`, 'send less');
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8'));
  } catch {
    throw new UsageError('the request is not JSON', 'send a JSON object');
  }
}

function queryOf(request: IncomingMessage): URLSearchParams {
  return new URL(request.url ?? '/', 'http://control').searchParams;
}

function answer(response: ServerResponse, status: number, body: object): void {
  send(response, status, 'application/json', `${JSON.stringify(body)}\n`);
}

function send(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const failure = describeFailure(error);
  answer(response, failureKinds[failure.code].http, { error: failure } satisfies Problem);
}
