/** The daemon's control socket, as far as the library needs it. Node's own HTTP client: an author's program gets no
 * dependency from us. */
import { type IncomingMessage, request } from 'node:http';
import type { Occurrence, Status } from '../api/types.ts';

/** How long the daemon may take to begin an answer, milliseconds. */
const answerTimeoutMs = 3000;
/** No answer that is read as a whole has more bytes. */
const answerBytesMax = 4_194_304;

export class Control {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  async status(): Promise<Status> {
    return JSON.parse(await read(await this.#ask('GET', '/v1/status'))) as Status;
  }

  async post(path: string, body: object): Promise<void> {
    await read(await this.#ask('POST', path, JSON.stringify(body)));
  }

  /** One parsed line after the other, until the daemon or `signal` ends it. Rejects when the daemon cannot be reached. */
  async *lines<Line>(path: string, signal: AbortSignal): AsyncGenerator<Line> {
    const response = await this.#ask('GET', path, undefined, signal);
    let rest = '';
    try {
      for await (const part of response.setEncoding('utf8') as AsyncIterable<string>) {
        const lines = (rest + part).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) yield JSON.parse(line) as Line;
      }
    } catch {
      // A daemon that dies cuts the stream: that is its end.
    } finally {
      response.destroy();
    }
  }

  /** The daemon's events from the `since`-th on. */
  events(since: number, signal: AbortSignal): AsyncGenerator<Occurrence> {
    return this.lines<Occurrence>(`/v1/events?follow=1&since=${since}`, signal);
  }

  #ask(method: string, path: string, body?: string, signal?: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { 'content-type': 'application/json' };
      const asked = request({
        socketPath: this.#socketPath,
        method,
        path,
        headers,
        ...(signal ? { signal } : {}),
      });
      asked.setTimeout(answerTimeoutMs, () => asked.destroy(new Error('the daemon does not answer')));
      asked.on('error', reject);
      asked.on('response', (response) => {
        asked.setTimeout(0);
        if ((response.statusCode ?? 500) < 300) return resolve(response);
        read(response).then((text) => reject(new Error(text.trim())), reject);
      });
      asked.end(body);
    });
  }
}

async function read(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of response.setEncoding('utf8') as AsyncIterable<string>) {
    text += part;
    if (text.length > answerBytesMax) throw new Error('the answer is too long');
  }
  return text;
}
