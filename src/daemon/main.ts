/**
 * `understudy run`: the order in which a daemon comes to life and ends. The reactor's worker starts before this thread
 * opens sockets, and takes its own descriptor table first, so that nothing opened here outlives it there.
 */
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino';
import { CodedError, failureKinds } from '../api/errors.ts';
import { relaySocket } from '../api/relay.ts';
import type { PinnedRole } from '../engine/pin.ts';
import type { GroupId } from '../wire/control/message.ts';
import type { BootRecord, FromReactor } from './bridge.ts';
import { type LoadedConfig, loadConfig } from './config/load.ts';
import { ControlPlane } from './control-plane.ts';
import { Journal } from './events/journal.ts';
import { controlServer } from './http/server.ts';
import { clearSocketPath, closeServer, listenOn } from './http/socket.ts';
import { type ReactorLink, type StartReactor, startReactorWorker } from './reactor-link.ts';
import { reserveAtBoot } from './state/boot.ts';
import { lockState } from './state/lock.ts';
import { Pins } from './state/pins.ts';
import { TermsFile } from './state/terms.ts';
import { version } from './version.ts';

/**
 * How long the reactor may take to come up, and to stop beyond a planned switchover, milliseconds. Its rehearsal is a second
 * of computing as an ordinary thread: on a machine that boots, or serves twenty others, more than 10 s were seen.
 */
const readyTimeoutMs = 60_000;
const stopMarginMs = 5000;

/** What tests put in the place of the machine. */
export interface DaemonSeams {
  readonly startReactor: StartReactor;
  readonly signals: NodeJS.EventEmitter;
  readonly log: DestinationStream;
}

/**
 * Runs until the daemon has ended; resolves to the exit status: 0 after an orderly stop, 70 when the reactor broke, 130
 * or 143 when a second signal cut the stop short. Rejects with a CodedError when it cannot start.
 */
export async function runDaemon(
  options: { readonly configPath: string },
  seams: Partial<DaemonSeams> = {},
): Promise<number> {
  const config = loadConfig(options.configPath);
  const { control } = config;
  await clearSocketPath(control.socket);
  const terms = new TermsFile(control.stateDir);
  const lock = lockState(control.stateDir);
  try {
    const log = openLog(config, seams.log ?? standardOutput());
    const journal = new Journal(log);
    journal.say('started', `understudy ${version} starts as ${control.node} of ${control.cluster}`, {
      detail: { version, pid: process.pid },
    });
    for (const warning of config.warnings) journal.say('configWarning', warning);
    const reserved = await reserveAtBoot(terms, lock.lived, config.reactor.engine.termBlock, journal);
    const pins = new Pins(control.stateDir);
    const pinned = pinnedBefore(pins, config, journal);
    const life = new Life(options.configPath, config, { journal, terms, log, pins, pinned });
    const boot = { nonce: drawNonce(), termCeiling: reserved.ceiling, termFloor: reserved.floor };
    const start = seams.startReactor ?? startReactorWorker;
    return await life.run({ ...boot, pins: byId(pinned, config) }, start, seams.signals ?? process);
  } finally {
    lock.release();
  }
}

interface LifeParts {
  readonly journal: Journal;
  readonly log: Logger;
  readonly terms: TermsFile;
  readonly pins: Pins;
  readonly pinned: ReadonlyMap<string, PinnedRole>;
}

/** From the start of the reactor to the end of the process. */
class Life {
  readonly #config: LoadedConfig;
  readonly #journal: Journal;
  readonly #plane: ControlPlane;
  readonly #server: Server;
  readonly #ready = Promise.withResolvers<void>();
  readonly #end = Promise.withResolvers<number>();
  #link: ReactorLink | undefined;
  #started = false;
  #stopTimer: NodeJS.Timeout | undefined;

  constructor(configPath: string, config: LoadedConfig, { log, ...parts }: LifeParts) {
    this.#config = config;
    this.#journal = parts.journal;
    this.#plane = new ControlPlane({
      ...parts,
      configPath,
      config,
      post: (message) => this.#link?.post(message),
      setLogLevel: (level) => {
        log.level = level;
      },
    });
    this.#server = controlServer(this.#plane);
  }

  async run(boot: BootRecord, startReactor: StartReactor, signals: NodeJS.EventEmitter): Promise<number> {
    const { socket } = this.#config.control;
    const release = this.#listenTo(signals);
    try {
      this.#link = startReactor(
        { config: this.#config.reactor, boot },
        {
          message: (message) => this.#receive(message),
          failed: (why) => this.#failed(why),
        },
      );
      this.#started = await this.#untilReady();
      if (this.#started) {
        await listenOn(this.#server, socket);
        if (this.#plane.relays.groups.length > 0) {
          await clearSocketPath(relaySocket(socket));
          await listenOn(this.#plane.relays.server, relaySocket(socket));
        }
        this.#plane.startChecks();
        this.#plane.startRelays();
      }
      return await this.#end.promise;
    } finally {
      release();
      clearTimeout(this.#stopTimer);
      this.#plane.stopChecks();
      await this.#plane.stopRelays();
      if (this.#server.listening) rmSync(socket, { force: true });
      this.#journal.ring.end();
      this.#plane.handoffs.end();
      await closeServer(this.#server);
      await this.#link?.end();
      this.#plane.close();
    }
  }

  /** False when the end came first. */
  async #untilReady(): Promise<boolean> {
    const timer = setTimeout(
      () => this.#failed(`it was not ready within ${readyTimeoutMs / 1000} s`),
      readyTimeoutMs,
    );
    const ready = this.#ready.promise.then(() => true);
    const ended = this.#end.promise.then(() => false);
    try {
      return await Promise.race([ready, ended]);
    } finally {
      clearTimeout(timer);
    }
  }

  #receive(message: FromReactor): void {
    this.#plane.receive(message);
    if (message.kind === 'ready') this.#ready.resolve();
    if (message.kind === 'stopped') {
      this.#journal.say('stopped', 'everything is handed over; the daemon ends');
      this.#end.resolve(0);
    }
  }

  #failed(why: string): void {
    this.#journal.say('reactorFailed', `the reactor ended: ${firstLine(why)}`, { detail: { why } });
    this.#end.resolve(failureKinds.reactorFailed.exit);
  }

  #listenTo(signals: NodeJS.EventEmitter): () => void {
    const onHangup = (): void => this.#reload();
    const onTerminate = (): void => this.#stop('SIGTERM', 143);
    const onInterrupt = (): void => this.#stop('SIGINT', 130);
    signals.on('SIGHUP', onHangup);
    signals.on('SIGTERM', onTerminate);
    signals.on('SIGINT', onInterrupt);
    return () => {
      signals.off('SIGHUP', onHangup);
      signals.off('SIGTERM', onTerminate);
      signals.off('SIGINT', onInterrupt);
    };
  }

  #reload(): void {
    if (!this.#started) {
      // The checks would open descriptors before the reactor has a table of its own.
      this.#journal.say('reloadRefused', 'SIGHUP: the daemon is still starting; send it again');
      return;
    }
    try {
      this.#plane.reload();
    } catch (error) {
      // What is wrong with the file is in the journal; anything else must not pass unseen.
      if (!(error instanceof CodedError)) throw error;
    }
  }

  #stop(signal: string, status: number): void {
    if (this.#stopTimer !== undefined) {
      this.#end.resolve(status);
      return;
    }
    this.#journal.say('stopping', `${signal}: handing over, then ending; once more ends at once`);
    void this.#plane.handOverAll().then(() => this.#link?.post({ kind: 'stop' }));
    const limitMs = this.#plane.handoffMs + this.#plane.switchoverTimeoutMs + stopMarginMs;
    this.#stopTimer = setTimeout(() => this.#failed(`it did not stop within ${limitMs / 1000} s`), limitMs);
  }
}

/** What is in maintenance since an earlier life, by the groups' names. */
function pinnedBefore(
  pins: Pins,
  { control }: LoadedConfig,
  journal: Journal,
): ReadonlyMap<string, PinnedRole> {
  const { roles, damaged } = pins.read(control.groups.map((group) => group.name));
  if (damaged !== undefined)
    journal.say('maintenanceLost', `${damaged} is damaged: no group is in maintenance`);
  return new Map(roles);
}

function byId(pinned: ReadonlyMap<string, PinnedRole>, { control }: LoadedConfig): Map<GroupId, PinnedRole> {
  return new Map(
    control.groups.flatMap(({ id, name }) => {
      const role = pinned.get(name);
      return role === undefined ? [] : [[id, role]];
    }),
  );
}

/** 48 random bits, never 0: that means "not known yet". */
function drawNonce(): number {
  return randomBytes(6).readUIntBE(0, 6) || 1;
}

function openLog(config: LoadedConfig, stream: DestinationStream): Logger {
  const { cluster, node, logLevel } = config.control;
  return pino(
    {
      level: logLevel,
      base: { cluster, node },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
}

/** Written at once, so that the last words before an end are seen. Nobody reading them must not cost the role. */
function standardOutput(): DestinationStream {
  const stream = destination({ fd: 1, sync: true });
  stream.on('error', () => undefined);
  return stream;
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').replace(/^\w*Error: /, '');
}
