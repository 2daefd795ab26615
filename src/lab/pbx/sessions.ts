/** The exchanges on the members, the programs on a host that use them, and what became of their sessions. */
import type { HostPlan, LabPlan, MemberPlan, NodePlan } from '../plan.ts';
import { Station, scriptPath } from '../station.ts';
import type { Exchanged } from './chronicle.ts';
import type { HostCommand, HostEvent, HostOptions, HostReport, UsageReport } from './host.ts';
import type { ServerOptions } from './server.ts';

/** Of one trial, over all programs. */
export interface SessionCounts {
  /** Sessions open at the fault, and those that were opened afterwards. */
  readonly opened: number;
  /** Of these, those that went on to their end in order without a wrong byte. */
  readonly survived: number;
  /** Bytes that were wrong, missing, or too many. */
  readonly wrongBytes: number;
  /** The longest that a program waited at the fault and until every session had gone on, milliseconds. */
  readonly stallMs: number;
}

export interface TrialSessions extends SessionCounts {
  readonly programs: readonly UsageReport[];
  /** The administration session's lines. */
  readonly administration: readonly (Exchanged & { readonly afterFaultUs: number })[];
  /** Programs that are not there, and why. */
  readonly skipped: readonly string[];
}

export interface SessionsOptions {
  readonly plan: LabPlan;
  /** Each line of the administration session, as it is said, until every session has gone on after the fault. */
  readonly hear: (exchanged: Exchanged) => void;
}

/** TCP ports of the exchange: on the group's address, and on each member's loopback. */
export const exchangePort = 7000;
export const localPort = 7001;

export class Sessions {
  readonly host: HostPlan;
  readonly #options: SessionsOptions;
  readonly #servers = new Map<string, Station<never>>();
  #aloud = false;
  #programs: Station<HostCommand, HostEvent> | undefined;

  /** The last host has the programs: the first one measures. */
  constructor(options: SessionsOptions) {
    const host = options.plan.hosts.at(-1);
    if (host === undefined) throw new Error('the plan has no host');
    this.host = host;
    this.#options = options;
  }

  /** Starts the exchange on a member. */
  startOn(member: MemberPlan): void {
    const { service4: address, mirrored } = this.#options.plan;
    const local = { address: '127.0.0.1', port: localPort };
    // A mirrored one is behind its relay, and has no clock: two clocks are not the same.
    const options: ServerOptions =
      mirrored === undefined
        ? { places: [local, { address, port: exchangePort }], clock: true }
        : { places: [local], clock: false };
    this.#servers.set(
      member.name,
      Station.start<never>({ namespace: member.name, script: scriptPath('pbx/server'), options }),
    );
  }

  /** Process id of the exchange on a machine; undefined when there is none. */
  serverOn(node: NodePlan): number | undefined {
    return this.#servers.get(node.name)?.pid;
  }

  /** Opens a session of every program; resolves to their number when each is in use. */
  async open(trial: number): Promise<number> {
    this.#programs ??= this.#startPrograms();
    this.#aloud = true;
    return await this.#programs.ask<number>({ do: 'open', trial });
  }

  /** Resolves when every session has gone on from now, or is lost. */
  async settle(): Promise<void> {
    await this.#programs?.ask({ do: 'settle' });
    this.#aloud = false;
  }

  /** Ends every session in order. `faultAt`: microseconds. */
  async judge(faultAt: number): Promise<TrialSessions> {
    if (this.#programs === undefined) throw new Error('no session was opened');
    const report = await this.#programs.ask<HostReport>({ do: 'close', sinceUs: faultAt });
    const { usages, skipped, exchanged } = report;
    const administration = exchanged.map((line) => ({ ...line, afterFaultUs: line.atUs - faultAt }));
    return { ...countsOf(usages), programs: usages, administration, skipped };
  }

  close(): void {
    this.#programs?.close();
    for (const server of this.#servers.values()) server.close();
  }

  #startPrograms(): Station<HostCommand, HostEvent> {
    const { service4: address, mirrored } = this.#options.plan;
    // The order between connections is not mirrored.
    const feed = mirrored === undefined ? 'journal' : 'station';
    const options: HostOptions = { address, port: exchangePort, feed };
    return Station.start<HostCommand, HostEvent>({
      namespace: this.host.name,
      script: scriptPath('pbx/host'),
      options,
      onEvent: ({ exchanged }) => {
        if (this.#aloud) this.#options.hear(exchanged);
      },
    });
  }
}

/** Adds up counts of programs, or of trials. */
export function countsOf(parts: readonly SessionCounts[]): SessionCounts {
  const sum = (of: (part: SessionCounts) => number): number =>
    parts.reduce((total, part) => total + of(part), 0);
  return {
    opened: sum(({ opened }) => opened),
    survived: sum(({ survived }) => survived),
    wrongBytes: sum(({ wrongBytes }) => wrongBytes),
    stallMs: Math.max(0, ...parts.map(({ stallMs }) => stallMs)),
  };
}

/** Everything that is not as it must be, in words. */
export function judgeSessions(sessions: TrialSessions): string[] {
  return sessions.programs.flatMap(({ name, by, opened, survived, wrongBytes, lost }) => {
    const who = `${name} (${by})`;
    const troubles = lost.map((why) => `${who}: session lost: ${why}`);
    if (wrongBytes > 0) troubles.push(`${who}: ${wrongBytes} wrong bytes`);
    if (opened === 0) troubles.push(`${who}: no session was open`);
    else if (survived < opened && troubles.length === 0)
      troubles.push(`${who}: ${opened - survived} sessions did not survive`);
    return troubles;
  });
}
