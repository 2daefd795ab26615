/** The control plane of a running daemon: between the reactor, the checks, the disk, the journal and the socket. */
import { CodedError, describeFailure } from '../api/errors.ts';
import type { MaintenanceResult, ReloadResult, Status } from '../api/types.ts';
import type { PinnedRole } from '../engine/pin.ts';
import { destroyTcpSockets } from '../linux/sockdiag.ts';
import { parseIp } from '../wire/address.ts';
import type { GroupId } from '../wire/control/message.ts';
import type { FromReactor, ReactorStatus, ToReactor } from './bridge.ts';
import { HealthWatch } from './checks/health.ts';
import { loadConfig } from './config/load.ts';
import type { ControlGroup, ResolvedConfig } from './config/resolve.ts';
import { type Journal, monotonicUs } from './events/journal.ts';
import type { OccurrenceRing } from './events/ring.ts';
import { HandoffDesk } from './handoff.ts';
import type { ControlSurface } from './http/surface.ts';
import { Maintenance, refusePinned } from './maintenance.ts';
import { RelayDesk } from './relays/desk.ts';
import { reportRelay } from './relays/events.ts';
import { RelaySupervisor } from './relays/supervisor.ts';
import { planReload } from './reload.ts';
import { RouteKeeper } from './routing/keeper.ts';
import type { Pins } from './state/pins.ts';
import type { TermsFile } from './state/terms.ts';
import { assembleStatus } from './status.ts';
import { version } from './version.ts';

/** How long until a reservation that the disk refused is tried again, milliseconds. */
const reserveRetryMs = 1000;
/** How long the reactor may take to answer a question, milliseconds. */
const answerTimeoutMs = 1000;

export interface ControlPlaneParts {
  readonly configPath: string;
  readonly config: ResolvedConfig;
  readonly journal: Journal;
  readonly terms: TermsFile;
  readonly pins: Pins;
  /** What was pinned in an earlier life, by the groups' names. */
  readonly pinned: ReadonlyMap<string, PinnedRole>;
  readonly post: (message: ToReactor) => void;
  readonly setLogLevel: (level: string) => void;
}

export class ControlPlane implements ControlSurface {
  readonly ring: OccurrenceRing;
  readonly handoffs: HandoffDesk = new HandoffDesk();
  readonly relays: RelayDesk;
  readonly #parts: ControlPlaneParts;
  readonly #journal: Journal;
  readonly #health: HealthWatch;
  readonly #routes: RouteKeeper;
  readonly #maintenance: Maintenance;
  readonly #supervisor: RelaySupervisor;
  /** What the checks of each group say. */
  readonly #checked = new Map<GroupId, { readonly healthy: boolean; readonly reason: string }>();
  readonly #questions = new Map<number, (status: ReactorStatus) => void>();
  readonly #startedMs = performance.now();
  #config: ResolvedConfig;
  #realtime: Status['realtime'] = { fifo: false, why: 'the reactor is not ready yet' };
  #lastQuestion = 0;
  /** Terms up to it were asked for, and the disk has not taken them yet; 0: none. */
  #owedCeiling = 0;
  /** Why it did not, as it was last told. */
  #diskTrouble = '';

  constructor(parts: ControlPlaneParts) {
    this.#parts = parts;
    this.#config = parts.config;
    this.#journal = parts.journal;
    this.ring = parts.journal.ring;
    this.#maintenance = new Maintenance(parts.pins, parts.pinned, parts.journal);
    this.#health = new HealthWatch({
      check: (group, entry, state) =>
        this.#journal.say('check', `${group.name}: check ${entry.name}: ${state.detail}`, {
          group: group.name,
          level: state.healthy ? 'info' : 'warn',
          detail: { check: entry.name, healthy: state.healthy, said: state.detail },
        }),
      health: (group, healthy, reason) => this.#healthChanged(group, healthy, reason),
    });
    const { groups, socket } = parts.config.control;
    this.relays = new RelayDesk(
      groups.flatMap(({ relay }) => relay?.plan ?? []),
      {
        ready: (group, ready, why) => this.#relayReady(group, ready, why),
        report: (group, report) => reportRelay(this.#journal, group, report),
      },
    );
    this.#supervisor = new RelaySupervisor(socket, {
      ended: (group, how) =>
        this.#journal.say('relayEnded', `${group}: its relay is started again: ${how}`, {
          group,
          detail: { how },
        }),
    });
    this.#routes = new RouteKeeper(parts.config.reactor, (report) =>
      this.#journal.report({ kind: 'report', atUs: monotonicUs(), report }, this.#config.control.names),
    );
  }

  /** How long a planned switchover may take, as the configuration that runs now says, milliseconds. */
  get switchoverTimeoutMs(): number {
    return this.#config.reactor.engine.switchoverTimeoutUs / 1000;
  }

  /** How long programs may delay a stop, milliseconds; 0 when none wants to be told. */
  get handoffMs(): number {
    return this.handoffs.followed ? this.#config.control.handoffMs : 0;
  }

  /** A message of the reactor, except those that are about its life. */
  receive(message: FromReactor): void {
    switch (message.kind) {
      case 'ready':
        return this.#ready(message);
      case 'report':
        return this.#reported(message);
      case 'reserveTerms':
        void this.#reserveTerms(message.ceiling);
        return;
      case 'route': {
        const { group, to } = message;
        if (this.#routes.route(group, to)) this.#parts.post({ kind: 'routed', group, to });
        return;
      }
      case 'ask':
        return this.#routes.ask(message.interface, message.addresses);
      case 'resolve':
        return this.#routes.resolve(message.group, message.node);
      case 'yielded':
        return this.#destroyConnections(message.addresses);
      case 'voice': {
        const name = this.#config.control.names.groups.get(message.group);
        return this.relays.voice(name ?? '', message.open, message.atUs);
      }
      case 'status':
        this.#questions.get(message.id)?.(message.status);
        return;
    }
  }

  /** Begins the checks. Before the reactor has a descriptor table of its own, nothing may be opened. */
  startChecks(): void {
    this.#health.watch(this.#config.control.groups);
    this.#routes.start();
  }

  stopChecks(): void {
    this.#health.stop();
    this.#supervisor.hold();
  }

  /** Starts the relays of mirrored groups. The socket listens. */
  startRelays(): void {
    for (const { name, relay } of this.#config.control.groups)
      if (relay?.supervised === true) this.#supervisor.start(name);
  }

  /** Ends them in order; the reactor has given up every role. */
  async stopRelays(): Promise<void> {
    await this.relays.stop();
    this.#supervisor.end();
  }

  /** The reactor has ended. */
  close(): void {
    this.#routes.close();
  }

  async status(): Promise<Status> {
    const answer = await this.#ask();
    return assembleStatus(answer, this.#config, this.#health, {
      version,
      uptimeMs: Math.round(performance.now() - this.#startedMs),
      realtime: this.#realtime,
      sessions: (group) => this.relays.counts(group),
      relayRestarts: (group) => this.#supervisor.restarts(group),
    });
  }

  async switchover(groupName: string, to: string | undefined): Promise<void> {
    const { names } = this.#config.control;
    const group = this.#groupOf(groupName);
    if (to !== undefined && !group.members.includes(to)) {
      const known = group.members.join(', ');
      throw new CodedError(
        'unknownMember',
        `${to} is not a member of ${groupName}`,
        `its members are ${known}`,
      );
    }
    refusePinned(await this.status(), groupName, to);
    const target = [...names.members].find(([, name]) => name === to)?.[0] ?? 0;
    this.#journal.say(
      'switchoverAsked',
      `${groupName}: switchover to ${to ?? 'the best standby'} asked for`,
      {
        group: groupName,
        detail: { to: to ?? null },
      },
    );
    void this.#handOver(groupName, to ?? null).then(() =>
      this.#parts.post({ kind: 'switchover', group: group.id, target }),
    );
  }

  requireGroup(name: string): void {
    this.#groupOf(name);
  }

  /** Before an orderly stop: programs of every group may hand over. Resolves when they have, or after `handoffMs`. */
  async handOverAll(): Promise<void> {
    await Promise.all(this.#config.control.groups.map(({ name }) => this.#handOver(name, null)));
  }

  async #handOver(group: string, to: string | null): Promise<void> {
    if (await this.handoffs.prepare(group, to, this.#config.control.handoffMs)) return;
    this.#journal.say('handoffLate', `${group}: a program did not hand its state over in time`, { group });
  }

  async maintenance(groupName: string, on: boolean): Promise<MaintenanceResult> {
    const { id } = this.#groupOf(groupName);
    this.#parts.post({ kind: 'maintenance', group: id, on });
    // Who answers this has handled that, and reported what came of it.
    const { groups } = await this.status();
    await this.#maintenance.kept();
    const group = groups.find(({ name }) => name === groupName);
    return { group: groupName, role: group?.maintenance ?? null, warnings: group?.warnings ?? [] };
  }

  reload(): ReloadResult {
    let wanted: ReturnType<typeof loadConfig>;
    try {
      wanted = loadConfig(this.#parts.configPath);
    } catch (error) {
      const { code, message } = describeFailure(error);
      this.#journal.say('reloadRefused', `the configuration stays as it was: ${message}`, {
        detail: { code },
      });
      throw error;
    }
    for (const warning of wanted.warnings) this.#journal.say('configWarning', warning);
    const { config, changed, needsRestart } = planReload(this.#config, wanted);
    this.#config = config;
    this.#parts.setLogLevel(config.control.logLevel);
    this.#parts.post({ kind: 'reload', config: config.reactor });
    this.#health.watch(config.control.groups);
    const said = [
      changed.length === 0 ? 'nothing changed' : `changed: ${changed.join(', ')}`,
      ...(needsRestart.length === 0 ? [] : [`needs a restart: ${needsRestart.join(', ')}`]),
    ];
    this.#journal.say('reloaded', `configuration reloaded; ${said.join('; ')}`, {
      detail: { changed: changed.join(' '), needsRestart: needsRestart.join(' ') },
      level: needsRestart.length === 0 ? 'info' : 'warn',
    });
    return { changed, needsRestart };
  }

  #reported(message: Extract<FromReactor, { kind: 'report' }>): void {
    const { names } = this.#config.control;
    this.#journal.report(message, names);
    const { report } = message;
    const name = report.code === 'maintenance' ? names.groups.get(report.group) : undefined;
    if (report.code === 'maintenance' && name !== undefined) this.#maintenance.changed(name, report.role);
  }

  #groupOf(name: string): ControlGroup {
    const { groups } = this.#config.control;
    const group = groups.find((candidate) => candidate.name === name);
    if (group !== undefined) return group;
    const known = groups.map((candidate) => candidate.name).join(', ');
    throw new CodedError('unknownGroup', `there is no group ${name}`, `the groups here are ${known}`);
  }

  #ready({ fifo, fifoWhy }: Extract<FromReactor, { kind: 'ready' }>): void {
    this.#realtime = { fifo, why: fifoWhy };
    this.#journal.say('ready', `the reactor runs ${fifo ? 'with SCHED_FIFO' : 'with ordinary scheduling'}`, {
      detail: { fifo },
    });
    if (fifo || this.#config.reactor.fifoPriority === 0) return;
    this.#journal.say('realtimeMissing', `no SCHED_FIFO: ${fifoWhy}`, { detail: { why: fifoWhy } });
  }

  async #reserveTerms(ceiling: number): Promise<void> {
    // What the disk still owes is a part of what is asked for now.
    const waits = this.#owedCeiling > 0;
    this.#owedCeiling = Math.max(this.#owedCeiling, ceiling);
    if (!waits) await this.#tryToReserve();
  }

  async #tryToReserve(): Promise<void> {
    const ceiling = this.#owedCeiling;
    try {
      await this.#parts.terms.reserve(ceiling);
    } catch (error) {
      const { message } = describeFailure(error);
      if (message !== this.#diskTrouble)
        this.#journal.say('termsNotReserved', message, { detail: { ceiling } });
      this.#diskTrouble = message;
      setTimeout(() => void this.#tryToReserve(), reserveRetryMs).unref();
      return;
    }
    this.#diskTrouble = '';
    this.#parts.post({ kind: 'termsReserved', ceiling });
    this.#journal.say('termsReserved', `terms up to ${ceiling} are reserved`, { detail: { ceiling } });
    const more = this.#owedCeiling > ceiling;
    if (!more) this.#owedCeiling = 0;
    else await this.#tryToReserve();
  }

  /**
   * Connections of applications on an address that was given up would speak again when it is taken next. The fence keeps
   * them silent until then, so ending them is no work for the reactor.
   */
  #destroyConnections(addresses: readonly string[]): void {
    for (const text of addresses) {
      const address = parseIp(text);
      if (address === undefined) continue;
      try {
        // A mirrored service's sockets are its relay's: by now they are replicas.
        const mirrored = this.#mirroredPorts(text);
        destroyTcpSockets(address, (port) => !mirrored.includes(port));
      } catch (error) {
        const { message } = describeFailure(error);
        this.#journal.say('connectionsRemain', `connections on ${text} were not ended: ${message}`);
      }
    }
  }

  #mirroredPorts(address: string): number[] {
    const { groups } = this.#config.control;
    return groups.flatMap(({ addresses, relay }) =>
      relay !== undefined && addresses.includes(address) ? [relay.plan.service] : [],
    );
  }

  #relayReady(name: string, ready: boolean, why: string): void {
    this.#journal.say('relay', `${name}: ${why}`, {
      group: name,
      level: ready ? 'info' : 'error',
      detail: { ready },
    });
    const group = this.#config.control.groups.find((candidate) => candidate.name === name);
    if (group !== undefined) this.#judge(group);
  }

  /** A group is well when all its checks pass and, where a service of it is mirrored, its relay serves. */
  #judge(group: ControlGroup): void {
    const checks = this.#checked.get(group.id);
    if (checks === undefined) return;
    const { healthy, reason } = this.relays.isReady(group.name)
      ? checks
      : { healthy: false, reason: 'its relay does not run' };
    this.#parts.post({ kind: 'health', group: group.id, healthy, reason });
  }

  #healthChanged(group: ControlGroup, healthy: boolean, reason: string): void {
    this.#checked.set(group.id, { healthy, reason });
    this.#judge(group);
    if (group.checks.length === 0) return;
    this.#journal.say('health', `${group.name} is ${healthy ? 'healthy' : 'unhealthy'}: ${reason}`, {
      group: group.name,
      level: healthy ? 'info' : 'warn',
      detail: { healthy, reason },
    });
  }

  #ask(): Promise<ReactorStatus> {
    this.#lastQuestion++;
    const id = this.#lastQuestion;
    const { promise, resolve, reject } = Promise.withResolvers<ReactorStatus>();
    const timer = setTimeout(() => {
      this.#questions.delete(id);
      const seconds = answerTimeoutMs / 1000;
      reject(
        new CodedError(
          'reactorSilent',
          `the reactor did not answer within ${seconds} s`,
          'try again; if it stays so, kill the daemon: its addresses go and a peer takes over',
        ),
      );
    }, answerTimeoutMs);
    this.#questions.set(id, (status) => {
      clearTimeout(timer);
      this.#questions.delete(id);
      resolve(status);
    });
    this.#parts.post({ kind: 'status', id });
    return promise;
  }
}
