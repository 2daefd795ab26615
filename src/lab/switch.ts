/**
 * The station in the switch's namespace: injects faults into links, ports and processes, and watches what enters the
 * switch. It has no channel to any daemon. Everything a fault needs is in memory before its moment is stamped, and
 * nothing is forked.
 */
import { monotonicUs } from '../linux/clock.ts';
import { interfaceIndex } from '../linux/interfaces.ts';
import { PacketSocket } from '../linux/packet-socket.ts';
import { setFifo } from '../linux/sched.ts';
import type { SignalName } from './fault.ts';
import { StationLoop } from './loop.ts';
import { type Overlap, overlapsOf } from './overlap.ts';
import { PcapngWriter } from './pcapng.ts';
import { type PortChange, Ports } from './ports.ts';
import { type Voice, VoiceRecord, voiceOf } from './voice.ts';
import { voiceFilter } from './voice-filter.ts';

export interface SwitchOptions {
  /** Every port of every bridge; at the first `watched` voices are listened for. */
  readonly ports: readonly string[];
  readonly watched: number;
  /** The service addresses as bytes. */
  readonly service4: readonly number[];
  readonly service6: readonly number[];
  /** Where every frame that enters is written to (pcapng). */
  readonly pcap?: string;
  readonly fifoPriority: number;
}

/** A deed of a fault, resolved to process ids (negative: a process group). */
export type Step =
  | { readonly kind: PortChange; readonly on: boolean; readonly ports: readonly string[] }
  | { readonly kind: 'signal'; readonly signal: SignalName; readonly pids: readonly number[] };

export type SwitchCommand =
  /** Does the steps in order; answers with the instant (µs) just before the first. */
  | { readonly do: 'act'; readonly steps: readonly Step[] }
  /** When the first claim after `sinceUs` entered at a watched port: answers with its instant, or null. */
  | { readonly do: 'firstClaim'; readonly port: string; readonly sinceUs: number }
  /** When the last voice entered at a watched port in between: answers with its instant, or null. */
  | { readonly do: 'lastVoice'; readonly port: string; readonly sinceUs: number; readonly untilUs: number }
  /** When voices entered at two of these watched ports at a time: answers with every such stretch. */
  | ({ readonly do: 'overlaps' } & OverlapQuestion)
  /** How many voices entered at a watched port in between: answers with their number. */
  | ({ readonly do: 'count' } & VoiceCount)
  /** Answers with what the record of voices lacks. */
  | { readonly do: 'gaps' };

export interface OverlapQuestion {
  readonly ports: readonly string[];
  readonly sinceUs: number;
  readonly untilUs: number;
  /** Who was silent for so long had stopped speaking. */
  readonly gapUs: number;
}

/** Ports by their names. */
export interface PortOverlap extends Omit<Overlap, 'ports'> {
  readonly ports: readonly [string, string];
}

/** Of all watched ports. */
export interface Gaps {
  /** Frames so far that entered and were not looked at: the kernel had no room for them, or they were too long. */
  readonly missed: number;
  /** Voices up to here may be forgotten, CLOCK_MONOTONIC microseconds; 0: none is. */
  readonly forgottenUs: number;
}

export interface VoiceCount {
  readonly port: string;
  readonly sinceUs: number;
  readonly untilUs: number;
  /** Absent: of both kinds. */
  readonly voice?: Voice;
}

const options = JSON.parse(process.argv[2] ?? '{}') as SwitchOptions;
const ports = new Ports();
const record = new VoiceRecord();
/** At the watched ports. */
const ears: PacketSocket[] = [];
const voices = { v4: Uint8Array.from(options.service4), v6: Uint8Array.from(options.service6) };
const writer = options.pcap === undefined ? undefined : new PcapngWriter(options.pcap, options.ports);
/** From the monotonic clock to microseconds since 1970, for the capture file. */
const epochUs = Date.now() * 1000 - monotonicUs();
const indices = new Map(options.ports.map((port) => [port, interfaceIndex(port)]));

function indexOf(port: string): number {
  return indices.get(port) ?? interfaceIndex(port);
}

/** Prepares every step, then stamps, then does them. */
function act(steps: readonly Step[]): number {
  const deeds = steps.map(prepare);
  const atUs = monotonicUs();
  for (const deed of deeds) deed();
  return atUs;
}

function prepare(step: Step): () => void {
  if (step.kind === 'signal') {
    return () => {
      for (const pid of step.pids) process.kill(pid, step.signal);
    };
  }
  return ports.prepare(step.kind, step.on, step.ports.map(indexOf));
}

function obey(command: SwitchCommand): number | null | Gaps | readonly PortOverlap[] {
  if (command.do === 'act') return act(command.steps);
  if (command.do === 'overlaps') return overlaps(command);
  if (command.do === 'gaps') return gaps();
  const port = options.ports.indexOf(command.port);
  if (port < 0 || port >= options.watched) throw new Error(`nobody listens at ${command.port}`);
  if (command.do === 'firstClaim') return record.firstClaim(port, command.sinceUs);
  if (command.do === 'lastVoice') return record.last(port, command.sinceUs, command.untilUs);
  return record.count(port, command.sinceUs, command.untilUs, command.voice);
}

function overlaps({ ports: asked, sinceUs, untilUs, gapUs }: OverlapQuestion): readonly PortOverlap[] {
  const named = (port: number): string => options.ports[port] ?? '';
  const heard = [...record.between(sinceUs, untilUs)].filter(({ port }) => asked.includes(named(port)));
  return overlapsOf(heard, gapUs).map(({ ports: [one, other], ...stretch }) => ({
    ports: [named(one), named(other)],
    ...stretch,
  }));
}

function gaps(): Gaps {
  const missed = ears.reduce((sum, ear) => sum + ear.missed(), 0);
  return { missed, forgottenUs: record.forgottenUs };
}

const loop = new StationLoop<SwitchCommand>(obey);
options.ports.forEach((name, port) => {
  const watched = port < options.watched;
  if (!watched && writer === undefined) return;
  const filter = writer === undefined ? { filter: voiceFilter(voices.v4) } : {};
  const socket = PacketSocket.open({ interface: name, ignoreOutgoing: true, stamped: true, ...filter });
  if (watched) ears.push(socket);
  loop.watch(socket.fd, () => {
    socket.receive((frame, atUs) => {
      const voice = watched ? voiceOf(frame, voices) : undefined;
      if (voice !== undefined) record.add(port, voice, atUs);
      writer?.write(port, epochUs + atUs, frame);
    });
  });
});
// What the first fault needs is compiled now: ports that pass are told to pass.
ports.prepare('mute', false, [...indices.values()])();
if (options.fifoPriority > 0) setFifo(options.fifoPriority);
loop.run(() => undefined);
writer?.close();
