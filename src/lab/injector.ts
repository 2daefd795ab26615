/** Does the deeds of a fault: those to ports and processes through the switch's station, the others itself. */
import { monotonicUs } from '../linux/clock.ts';
import type { Deed } from './fault.ts';
import type { Sessions } from './pbx/sessions.ts';
import type { LabPlan, NodePlan } from './plan.ts';
import { Station, scriptPath } from './station.ts';
import type { StrangerCommand, StrangerOptions } from './stranger.ts';
import type { Stream } from './stream.ts';
import type { Step } from './switch.ts';
import type { Switchboard } from './switchboard.ts';
import type { System } from './system.ts';

export interface InjectorParts {
  readonly plan: LabPlan;
  readonly system: System;
  readonly switchboard: Switchboard;
  /** Process id of the service on a machine; undefined when there is none. */
  readonly service: (node: NodePlan) => number | undefined;
  readonly stream?: Stream;
  readonly sessions?: Sessions;
  /** Of the stranger; 0 for ordinary scheduling. */
  readonly fifoPriority: number;
}

export class Injector {
  readonly #parts: InjectorParts;
  /** Where the plan has one. */
  readonly #stranger: Station<StrangerCommand> | undefined;

  constructor(parts: InjectorParts) {
    this.#parts = parts;
    const { plan, fifoPriority } = parts;
    const [place] = plan.strangers;
    if (place === undefined) return;
    const options: StrangerOptions = {
      ...{ interface: place.interface, address4: place.address4, address6: place.address6 },
      ...{ service4: plan.service4, service6: plan.service6, port: plan.servicePort },
      members: plan.members.map(({ mac }) => mac),
      fifoPriority,
    };
    this.#stranger = Station.start({ namespace: place.name, script: scriptPath('stranger'), options });
  }

  /** Resolves to the instant just before the first deed to a port or process, else before the first at all. */
  async act(deeds: readonly Deed[], struck: NodePlan): Promise<number> {
    const { switchboard } = this.#parts;
    const atUs = monotonicUs();
    const steps: Step[] = [];
    for (const deed of deeds) {
      const step = await this.#resolve(deed, struck);
      if (step !== undefined) steps.push(step);
    }
    return steps.length === 0 ? atUs : await switchboard.act(steps);
  }

  /** The stranger asks every member for the addresses, whether it has them or not, until it is told to stop. */
  async ask(on: boolean): Promise<void> {
    await this.#claimant().ask({ do: 'ask', on });
  }

  close(): void {
    this.#stranger?.close();
  }

  async #resolve(deed: Deed, struck: NodePlan): Promise<Step | undefined> {
    const { system } = this.#parts;
    switch (deed.kind) {
      case 'signal':
        return this.#signal(deed, struck);
      case 'disk':
        if (system.setDisk === undefined) throw new Error(`${system.name} keeps nothing on a disk`);
        system.setDisk(struck, deed.state);
        return undefined;
      case 'clock':
        if (system.setClock === undefined) throw new Error(`${system.name} has the machine's clock`);
        system.setClock(struck, deed.aheadS);
        return undefined;
      case 'claim':
        await this.#claimant().ask({ do: 'claim', times: deed.times });
        return undefined;
      default:
        return deed;
    }
  }

  #signal({ signal, to }: Extract<Deed, { kind: 'signal' }>, struck: NodePlan): Step {
    const { system, stream, sessions } = this.#parts;
    const daemon = system.target(struck);
    const service = this.#parts.service(struck);
    // A machine that loses power takes whole process groups with it: the daemon's checks, too.
    const others = [stream?.serverOn(struck), sessions?.serverOn(struck)].filter((pid) => pid !== undefined);
    const machine = [Math.abs(daemon), service ?? [], others].flat();
    const exchange = sessions?.serverOn(struck) ?? 0;
    const pids = {
      daemon: [daemon],
      service: [service ?? 0],
      exchange: [exchange],
      machine: machine.map((pid) => -pid),
    }[to];
    if (pids.some((pid) => pid === 0)) throw new Error(`${struck.name} has no running ${to}`);
    return { kind: 'signal', signal, pids };
  }

  #claimant(): Station<StrangerCommand> {
    if (this.#stranger === undefined) throw new Error('the plan has no stranger');
    return this.#stranger;
  }
}
