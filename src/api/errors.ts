/**
 * Every way a command or the daemon can fail, once: the code that programs match on, the exit status (sysexits.h where
 * one fits), the HTTP status, and what it means. `docs/ERRORS.md` is this table in prose; a test keeps them equal.
 */
export interface FailureKind {
  /** Exit status of a process that ends because of it. */
  readonly exit: number;
  /** HTTP status when the control socket answers with it. */
  readonly http: number;
  readonly meaning: string;
}

export const failureKinds: Readonly<Record<FailureCode, FailureKind>> = {
  usage: { exit: 64, http: 400, meaning: 'the command line or the request is not understood' },
  unknownGroup: { exit: 65, http: 404, meaning: 'no group of that name on this node' },
  unknownMember: { exit: 65, http: 404, meaning: 'no member of that name in the group' },
  configUnreadable: { exit: 66, http: 422, meaning: 'the configuration file cannot be read' },
  daemonUnreachable: { exit: 69, http: 502, meaning: 'no daemon answers on the control socket' },
  reactorFailed: { exit: 70, http: 500, meaning: 'the reactor ended; the fence closes by itself' },
  internal: { exit: 70, http: 500, meaning: 'a defect of Understudy' },
  operationFailed: { exit: 71, http: 500, meaning: 'the operating system refused an operation' },
  controlUnusable: { exit: 73, http: 500, meaning: 'the control socket cannot be made' },
  stateUnusable: { exit: 74, http: 500, meaning: 'the state directory cannot be read or written' },
  alreadyRunning: { exit: 75, http: 409, meaning: 'another daemon has the state directory or the socket' },
  switchoverFailed: {
    exit: 75,
    http: 409,
    meaning: 'the switchover did not happen; the role is where it was',
  },
  inMaintenance: {
    exit: 75,
    http: 409,
    meaning: 'the role of a member is pinned; a switchover does not move it',
  },
  reactorSilent: { exit: 75, http: 503, meaning: 'the reactor did not answer in time' },
  notFound: { exit: 76, http: 404, meaning: 'the control socket has no such resource' },
  methodNotAllowed: { exit: 76, http: 405, meaning: 'the resource does not take this method' },
  notPermitted: { exit: 77, http: 403, meaning: 'the user may not do this' },
  configInvalid: { exit: 78, http: 422, meaning: 'the configuration has problems; each is listed' },
};

export type FailureCode =
  | 'usage'
  | 'unknownGroup'
  | 'unknownMember'
  | 'configUnreadable'
  | 'daemonUnreachable'
  | 'reactorFailed'
  | 'internal'
  | 'operationFailed'
  | 'controlUnusable'
  | 'stateUnusable'
  | 'alreadyRunning'
  | 'switchoverFailed'
  | 'inMaintenance'
  | 'reactorSilent'
  | 'notFound'
  | 'methodNotAllowed'
  | 'notPermitted'
  | 'configInvalid';

/** A failure with a code, one line that says what happened, and one that says what to do. Never a stack for users. */
export class CodedError extends Error {
  override readonly name: string = 'CodedError';
  readonly code: FailureCode;
  readonly remedy: string;

  constructor(code: FailureCode, message: string, remedy: string) {
    super(message);
    this.code = code;
    this.remedy = remedy;
  }

  get exitStatus(): number {
    return failureKinds[this.code].exit;
  }
}

/** The same three facts about anything thrown; what is not ours is a defect (`internal`). */
export function describeFailure(thrown: unknown): { code: FailureCode; message: string; remedy: string } {
  if (thrown instanceof CodedError) {
    return { code: thrown.code, message: thrown.message, remedy: thrown.remedy };
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (thrown instanceof Error && 'code' in thrown && thrown.code === 'operationFailed') {
    const remedy = 'remedy' in thrown && typeof thrown.remedy === 'string' ? thrown.remedy : '';
    return { code: 'operationFailed', message: message.replace(`; ${remedy}`, ''), remedy };
  }
  return { code: 'internal', message, remedy: 'please report this with the events before it' };
}
