/**
 * Puts a lab together inside the namespaces that this process is in, for a scenario, a benchmark or a test: they must be
 * its own, with a writable /run (see enclosure.ts).
 */
import { Director } from './director.ts';
import { Keepalived } from './keepalived.ts';
import type { Sessions } from './pbx/sessions.ts';
import type { LabPlan } from './plan.ts';
import type { Stream } from './stream.ts';
import { buildTopology } from './topology.ts';
import { Understudy } from './understudy.ts';

export interface Assembly {
  readonly plan: LabPlan;
  /** SCHED_FIFO is permitted. */
  readonly fifo: boolean;
  readonly system?: 'understudy' | 'keepalived';
  /** Of the heartbeat; absent: what the scheduling allows. */
  readonly intervalMs?: number;
  readonly misses?: number;
  /** TCP port on every member's loopback that the daemons check. */
  readonly checkedPort?: number;
  /** Where every frame that enters a bridge is written to. */
  readonly pcap?: string;
  readonly stream?: Stream;
  readonly sessions?: Sessions;
  /** Each daemon has a wall clock that can be stepped. */
  readonly falseClocks?: boolean;
  /** Between two answers to a stranger's claims, milliseconds; absent: the daemon's default. */
  readonly defendIntervalMs?: number;
  /** Between two requests of every host's streams, microseconds; absent: host-a's first is fast, the others are slow. */
  readonly probeIntervalUs?: number;
  readonly progress?: (line: string) => void;
}

/** What a reactor under SCHED_FIFO can hold, and what an ordinary process can, milliseconds. */
const usualIntervalMs = { fifo: 2, ordinary: 10 };
const usualMisses = 3;

/**
 * Builds the network and writes the daemons' configuration. Nothing runs yet but the capture at the switch:
 * `director.open()` starts the daemons, the services and the probes, `director.close()` ends them.
 */
export function assemble(o: Assembly): Director {
  const { plan, fifo, pcap, stream, sessions, probeIntervalUs, progress = () => undefined } = o;
  buildTopology(plan);
  const settings = {
    intervalMs: o.intervalMs ?? (fifo ? usualIntervalMs.fifo : usualIntervalMs.ordinary),
    misses: o.misses ?? usualMisses,
    fifo,
    ...(o.checkedPort === undefined ? {} : { checkedPort: o.checkedPort }),
  };
  const { falseClocks = false, defendIntervalMs } = o;
  const system =
    o.system === 'keepalived'
      ? new Keepalived(plan, settings)
      : new Understudy(plan, {
          ...{ ...settings, falseClocks },
          ...(defendIntervalMs === undefined ? {} : { defendIntervalMs }),
        });
  return new Director({
    ...{ plan, system, fifo, progress },
    ...(pcap === undefined ? {} : { pcap }),
    ...(stream === undefined ? {} : { stream }),
    ...(sessions === undefined ? {} : { sessions }),
    ...(probeIntervalUs === undefined ? {} : { probeIntervalUs }),
  });
}
