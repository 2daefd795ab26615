/** The director's side of the switch's station: does deeds to ports and processes, and asks what was heard at a port. */
import { isIpv4, parseIp, writeIpv4, writeIpv6 } from '../wire/address.ts';
import { nodesOf, nodesOnLan, portsOf } from './layout.ts';
import { type LabPlan, type NodePlan, switchNamespace } from './plan.ts';
import { Station, scriptPath } from './station.ts';
import type { Gaps, PortOverlap, Step, SwitchCommand, SwitchOptions } from './switch.ts';
import type { Voice } from './voice.ts';

/** A stretch of time, CLOCK_MONOTONIC microseconds. */
export interface Span {
  readonly sinceUs: number;
  readonly untilUs: number;
}

export class Switchboard {
  readonly #station: Station<SwitchCommand>;
  /** Of the machines with a daemon on the hosts' LAN. */
  readonly #onLan: readonly string[];

  /** `pcap`: where every frame is written to. `fifoPriority`: 0 for ordinary scheduling. */
  constructor(plan: LabPlan, o: { readonly pcap?: string; readonly fifoPriority: number }) {
    const watched = nodesOf(plan).map(({ lanPort }) => lanPort);
    this.#onLan = nodesOnLan(plan).map(({ lanPort }) => lanPort);
    const others = portsOf(plan).filter((port) => !watched.includes(port));
    const options: SwitchOptions = {
      ...o,
      ports: [...watched, ...others],
      watched: watched.length,
      service4: [...addressBytes(plan.service4)],
      service6: [...addressBytes(plan.service6)],
    };
    this.#station = Station.start({ namespace: switchNamespace, script: scriptPath('switch'), options });
  }

  /** Resolves to the instant just before the first step, microseconds. */
  act(steps: readonly Step[]): Promise<number> {
    return this.#station.ask<number>({ do: 'act', steps });
  }

  /** When the node first claimed a service address after `sinceUs` (ARP, neighbour discovery), or null. */
  firstClaim(node: NodePlan, sinceUs: number): Promise<number | null> {
    return this.#station.ask<number | null>({ do: 'firstClaim', port: node.lanPort, sinceUs });
  }

  /** Frames from the node with a service address as source, or of this kind only. */
  voices(node: NodePlan, span: Span, voice?: Voice): Promise<number> {
    const which = voice === undefined ? {} : { voice };
    return this.#station.ask<number>({ do: 'count', port: node.lanPort, ...span, ...which });
  }

  /** When the node last spoke with a service address in the span, or null. */
  lastVoice(node: NodePlan, span: Span): Promise<number | null> {
    return this.#station.ask<number | null>({ do: 'lastVoice', port: node.lanPort, ...span });
  }

  /** Every stretch in which two nodes on the hosts' LAN spoke; `gapUs`: who was silent for so long had stopped (see overlap.ts). */
  overlaps(span: Span, gapUs: number): Promise<readonly PortOverlap[]> {
    return this.#station.ask<readonly PortOverlap[]>({ do: 'overlaps', ports: this.#onLan, ...span, gapUs });
  }

  /** What was not heard, or is forgotten: the answers above know nothing of it. */
  gaps(): Promise<Gaps> {
    return this.#station.ask<Gaps>({ do: 'gaps' });
  }

  /** Ends the station; resolves when the capture file is complete. */
  close(): Promise<void> {
    this.#station.close();
    return this.#station.ended;
  }
}

function addressBytes(text: string): Uint8Array {
  const address = parseIp(text);
  if (address === undefined) throw new Error(`${text} is no IP address`);
  const bytes = new Uint8Array(isIpv4(address) ? 4 : 16);
  if (isIpv4(address)) writeIpv4(bytes, 0, address);
  else writeIpv6(bytes, 0, address);
  return bytes;
}
