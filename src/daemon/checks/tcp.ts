/** Healthy when something accepts a TCP connection. Nothing is sent, and it is closed in order: services log resets. */
import { connect } from 'node:net';
import { systemReason } from '../errors.ts';
import type { CheckKind, CheckOutcome } from './check.ts';

export const tcpCheck: CheckKind<'tcp'> = (entry) => (signal) =>
  new Promise<CheckOutcome>((resolve) => {
    const where = `${entry.address} port ${entry.port}`;
    const socket = connect({ host: entry.address, port: entry.port });
    const end = (ok: boolean, detail: string): void => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve({ ok, detail });
    };
    const onAbort = (): void => end(false, `${where} did not answer in time`);
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('connect', () => end(true, `${where} accepts connections`));
    socket.on('error', (error) => end(false, `${where} refuses (${systemReason(error)})`));
  });
