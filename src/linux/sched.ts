/** What a thread does to itself: how it is scheduled, and which descriptor table it uses. */
import { readdirSync } from 'node:fs';
import { EPERM, errnoName } from './errno.ts';
import { OperationError } from './errors.ts';
import { lastErrno, native, pinned } from './ffi.ts';

const SCHED_OTHER = 0;
const SCHED_FIFO = 1;
/** Threads and processes started by this thread are scheduled in the ordinary way again. */
const SCHED_RESET_ON_FORK = 0x4000_0000;
const CLONE_FILES = 0x400;

const schedSetscheduler = native<[pid: number, policy: number, parameter: Uint8Array]>(
  'int sched_setscheduler(int, int, void *)',
);
const unshare = native<[flags: number]>('int unshare(int)');
const setpriority = native<[which: number, id: number, nice: number]>('int setpriority(int, int, int)');
const parameter = pinned(4);
const PRIO_PROCESS = 0;

/**
 * Schedules the calling thread ahead of every ordinary one (`SCHED_FIFO`, 1..99). Returns null, or why it could not:
 * the daemon then goes on with larger margins.
 */
export function setFifo(priority: number): string | null {
  parameter.writeInt32LE(priority, 0);
  if (schedSetscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, parameter) === 0) return null;
  const errno = lastErrno();
  const remedy =
    errno === EPERM
      ? 'run as root, grant CAP_SYS_NICE, or raise the limit RTPRIO (LimitRTPRIO=)'
      : 'the priority must be 1..99, and the control group must have real-time time (cpu.rt_runtime_us)';
  return `${errnoName(errno)}: ${remedy}`;
}

/** Back to ordinary scheduling. */
export function setOther(): void {
  parameter.writeInt32LE(0, 0);
  schedSetscheduler(0, SCHED_OTHER, parameter);
}

/**
 * Gives the calling thread a copy of the descriptor table for its own (`unshare(CLONE_FILES)`). From here on what it
 * opens is unknown to the other threads, and dies with this thread's table alone. Asynchronous file system calls of
 * this thread run in other threads and see the other table: use the synchronous ones. Throws OperationError.
 */
export function unshareFiles(): void {
  if (unshare(CLONE_FILES) === 0) return;
  throw new OperationError({
    operation: 'unshare descriptor table',
    subject: 'this thread',
    errno: lastErrno(),
  });
}

/**
 * Raises every thread of the process that is scheduled in the ordinary way (nice, -20..19). A real-time thread of the
 * process waits where another one holds the memory map's lock or collects garbage for it: that one must get a turn
 * soon, also on a busy machine. Threads that are refused stay as they are; returns null, or why some could not.
 */
export function raiseProcess(nice: number): string | null {
  let refused: string | null = null;
  for (const thread of readdirSync('/proc/self/task')) {
    if (setpriority(PRIO_PROCESS, Number(thread), nice) !== 0) refused = errnoName(lastErrno());
  }
  return refused;
}
