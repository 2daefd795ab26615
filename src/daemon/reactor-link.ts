/** The control plane's end of the worker that runs the reactor. */
import { Worker } from 'node:worker_threads';
import { CodedError } from '../api/errors.ts';
import { createEventFd, signalEventFd } from '../linux/eventfd.ts';
import { findInterface, interfaceIndex } from '../linux/interfaces.ts';
import type { BootRecord, FromReactor, ReactorConfig, ToReactor } from './bridge.ts';
import { tunDevice } from './devices.ts';
import { raiseThreads } from './steadiness.ts';

export interface ReactorStart {
  readonly config: ReactorConfig;
  readonly boot: BootRecord;
}

export interface ReactorListener {
  message(message: FromReactor): void;
  /** The worker ended without saying 'stopped', or threw. Called once at most. */
  failed(why: string): void;
}

export interface ReactorLink {
  post(message: ToReactor): void;
  /** Ends the worker however it is; a worker stuck in the kernel takes the process with it (SIGKILL). */
  end(): Promise<void>;
}

export type StartReactor = (start: ReactorStart, listener: ReactorListener) => ReactorLink;

/** A worker that does not end within this time after being told to is stuck in the kernel, milliseconds. */
const endTimeoutMs = 500;

export const startReactorWorker: StartReactor = (start, listener) => {
  requireInterfaces(start.config);
  requireNobody(start.config);
  const eventFd = createEventFd();
  if (start.config.fifoPriority > 0) raiseThreads();
  const entry = import.meta.url.endsWith('.ts') ? './reactor/worker.ts' : './reactor/worker.js';
  const worker = new Worker(new URL(entry, import.meta.url), { workerData: { ...start, eventFd } });
  let over = false;
  const failed = (why: string): void => {
    if (over) return;
    over = true;
    listener.failed(why);
  };
  worker.on('message', (message: FromReactor) => {
    if (message.kind === 'fatal') return failed(message.message);
    if (message.kind === 'stopped') over = true;
    listener.message(message);
  });
  worker.on('error', (error) => failed(error instanceof Error ? error.message : String(error)));
  worker.on('exit', (code) => failed(`it ended by itself (${code})`));
  return {
    post: (message) => {
      worker.postMessage(message);
      signalEventFd(eventFd);
    },
    end: async () => {
      over = true;
      // An exit of the process waits for the thread as well: nothing less than SIGKILL would end it.
      const timer = setTimeout(() => process.kill(process.pid, 'SIGKILL'), endTimeoutMs);
      const ended = worker.terminate();
      // The worker sleeps in the kernel, where termination does not reach it.
      signalEventFd(eventFd);
      await ended;
      clearTimeout(timer);
    },
  };
};

/**
 * A second daemon with the same cluster and node, whatever its state directory and socket. Said here for its own sake: the
 * reactor, too, gets no further than this device (`reactor/groups.ts`).
 */
function requireNobody({ instance }: ReactorConfig): void {
  const device = tunDevice(instance);
  if (findInterface(device) === undefined) return;
  throw new CodedError(
    'alreadyRunning',
    `another daemon of this cluster and node runs on this machine: it has the device ${device}`,
    'stop it first, or give this one a node of its own',
  );
}

/** An interface that does not exist is the commonest mistake: it is said before anything is started. */
function requireInterfaces({ paths, groups }: ReactorConfig): void {
  for (const name of new Set([...paths, ...groups].map((link) => link.interface))) interfaceIndex(name);
}
