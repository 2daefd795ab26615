/** The control socket seen from the command line. Every refusal becomes a CodedError with its remedy. */
import { lstatSync } from 'node:fs';
import { Client, type Dispatcher } from 'undici';
import { CodedError, type FailureCode, failureKinds } from '../api/errors.ts';
import type { MaintenanceResult, Occurrence, Problem, ReloadResult, Status } from '../api/types.ts';

/** How long the daemon may take to begin an answer, milliseconds. */
const answerTimeoutMs = 5000;

export class ControlClient {
  readonly #socket: string;
  readonly #client: Client;

  constructor(socket: string) {
    this.#socket = socket;
    this.#client = new Client('http://understudy', {
      socketPath: socket,
      headersTimeout: answerTimeoutMs,
      bodyTimeout: 0,
    });
  }

  async status(): Promise<Status> {
    return (await this.#call('GET', '/v1/status')) as Status;
  }

  /** In Prometheus' text format. */
  async metrics(): Promise<string> {
    const { body } = await this.#request('GET', '/metrics');
    return await body.text();
  }

  async reload(): Promise<ReloadResult> {
    return (await this.#call('POST', '/v1/reload')) as ReloadResult;
  }

  async switchover(group: string, to: string | undefined): Promise<void> {
    await this.#call('POST', '/v1/switchover', to === undefined ? { group } : { group, to });
  }

  async maintenance(group: string, on: boolean): Promise<MaintenanceResult> {
    return (await this.#call('POST', '/v1/maintenance', { group, on })) as MaintenanceResult;
  }

  /** Those after `since`; with `follow` it goes on until the daemon ends. */
  async *events(since: number, follow: boolean): AsyncGenerator<Occurrence> {
    const { body } = await this.#request('GET', `/v1/events?since=${since}${follow ? '&follow=1' : ''}`);
    let rest = '';
    try {
      for await (const part of body.setEncoding('utf8')) {
        const lines = (rest + part).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) yield JSON.parse(line) as Occurrence;
      }
    } catch (error) {
      // A daemon that dies cuts the stream; that is its end.
      if (!follow) throw this.#unreachable(error);
    }
  }

  close(): Promise<void> {
    return this.#client.destroy();
  }

  async #call(method: 'GET' | 'POST', path: string, body?: object): Promise<unknown> {
    const response = await this.#request(method, path, body);
    return await response.body.json();
  }

  async #request(method: 'GET' | 'POST', path: string, body?: object): Promise<Dispatcher.ResponseData> {
    let response: Dispatcher.ResponseData;
    try {
      response = await this.#client.request({
        method,
        path,
        ...(body === undefined
          ? {}
          : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      });
    } catch (error) {
      throw this.#unreachable(error);
    }
    if (response.statusCode < 300) return response;
    const problem = (await response.body.json()) as Problem;
    const { code, message, remedy } = problem.error;
    throw new CodedError(
      Object.hasOwn(failureKinds, code) ? (code as FailureCode) : 'internal',
      message,
      remedy,
    );
  }

  #unreachable(error: unknown): CodedError {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const here = `the control socket ${this.#socket}`;
    if (code === 'EACCES' || code === 'EPERM') {
      return new CodedError('notPermitted', `you may not open ${here}`, 'run as root');
    }
    if (code === 'ENOENT') {
      return new CodedError(
        'daemonUnreachable',
        `${here} does not exist`,
        'start the daemon: understudy run -c FILE',
      );
    }
    if (code === 'ECONNREFUSED' && lstatSync(this.#socket, { throwIfNoEntry: false })?.isSocket() === false) {
      return new CodedError(
        'usage',
        `${this.#socket} is not a socket`,
        'name the socket, or the file with -c FILE',
      );
    }
    if (code === 'ECONNREFUSED') {
      return new CodedError(
        'daemonUnreachable',
        `nobody answers on ${here}: the daemon that made it is gone`,
        'start it: understudy run -c FILE',
      );
    }
    const why = error instanceof Error ? error.message : String(error);
    return new CodedError('daemonUnreachable', `${here} does not answer (${why})`, 'see the daemon’s log');
  }
}
