/**
 * The reactor's thread. First of all it takes a descriptor table of its own and lets go of what the main thread had
 * open: when the process dies, the kernel closes this small table at once, in reverse opening order (the tethers, so
 * that the peers know; then the TUN, so that the addresses go), and does not wait for the rest of the process.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { closeForeignDescriptors } from '../../linux/descriptors.ts';
import { drainEventFd } from '../../linux/eventfd.ts';
import { setFifo, unshareFiles } from '../../linux/sched.ts';
import type { BootRecord, FromReactor, ReactorConfig, ToReactor } from '../bridge.ts';
import { type Mailbox, Reactor } from './reactor.ts';

interface Start {
  readonly config: ReactorConfig;
  readonly boot: BootRecord;
  readonly eventFd: number;
}

if (parentPort === null) throw new Error('the reactor runs as a worker thread of the daemon');
const port = parentPort;
const post = (message: FromReactor): void => port.postMessage(message);

try {
  const { config, boot, eventFd } = workerData as Start;
  unshareFiles();
  closeForeignDescriptors(new Set([eventFd]));
  const mailbox: Mailbox = {
    descriptor: eventFd,
    drain: () => drainEventFd(eventFd),
    take: () => (receiveMessageOnPort(port) as { message: ToReactor } | undefined)?.message,
    post,
  };
  const reactor = Reactor.open(config, boot, mailbox);
  const fifoWhy = config.fifoPriority === 0 ? 'not asked for' : setFifo(config.fifoPriority);
  post({ kind: 'ready', fifo: fifoWhy === null, fifoWhy });
  reactor.run();
  post({ kind: 'stopped' });
} catch (error) {
  // A broken reactor must not go on half alive: the process ends, the kernel takes the addresses, the peer takes over.
  post({ kind: 'fatal', message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  throw error;
}
