/**
 * Several faults in one lab, one after the other, because starting a lab's daemons takes longer than most faults: each still
 * has a test of its own, which judges its trials only. One that has to be played again gets a lab to itself.
 */
import type { TestContext } from 'node:test';
import type { FaultName } from '../../src/lab/fault.ts';
import { Metronome, type Stall } from '../../src/lab/metronome.ts';
import { countsOf } from '../../src/lab/pbx/sessions.ts';
import type { LabResult } from '../../src/lab/result.ts';
import { type LabRun, namespacesMissing, resultOf, runLab } from './lab.ts';
import { type Body, steady } from './steady.ts';

type Judge = (result: LabResult, context: TestContext) => void | Promise<void>;

interface Played {
  readonly run: LabRun;
  readonly metronome: Metronome;
}

export class Together {
  readonly #scenario: string;
  readonly #options: readonly string[];
  readonly #faults: readonly FaultName[];
  readonly #judged = new Set<FaultName>();
  #played: Promise<Played> | undefined;

  /** A fault that is named several times, one after the other, is played as often. Nothing runs before the first test does. */
  constructor(scenario: string, options: readonly string[], faults: readonly FaultName[]) {
    this.#scenario = scenario;
    this.#options = options;
    this.#faults = faults;
  }

  /** The body of the test of one of the faults. */
  test(fault: FaultName, judge: Judge): Body {
    let stalls: readonly Stall[] = [];
    const body: Body = async (context) => {
      if (namespacesMissing(context)) return;
      const first = !this.#judged.has(fault);
      this.#judged.add(fault);
      if (!first) return judge(resultOf(await this.#alone(fault)), context);
      this.#played ??= this.#play();
      const { run, metronome } = await this.#played;
      stalls = this.#stallsAround(fault, run, metronome);
      await judge(resultOf(this.#part(fault, run) ?? (await this.#alone(fault))), context);
    };
    return steady(body, () => stalls);
  }

  async #play(): Promise<Played> {
    const metronome = new Metronome();
    const run = await this.#run(this.#faults);
    metronome.stop();
    return { run, metronome };
  }

  #alone(fault: FaultName): Promise<LabRun> {
    return this.#run(this.#faults.filter((name) => name === fault));
  }

  #run(faults: readonly FaultName[]): Promise<LabRun> {
    return runLab(this.#scenario, [...this.#options, '--fault', faults.join(',')], { trials: faults.length });
  }

  #times(fault: FaultName): number {
    return this.#faults.filter((name) => name === fault).length;
  }

  /** What belongs to one fault; undefined when an earlier one ended the lab. */
  #part(fault: FaultName, run: LabRun): LabRun | undefined {
    const { result } = run;
    const trialsOf = (name: FaultName) => result?.trials.filter((trial) => trial.fault === name) ?? [];
    const missing = this.#faults.find((name) => trialsOf(name).length < this.#times(name));
    if (missing === fault || result === undefined) return missing === fault ? run : undefined;
    const trials = trialsOf(fault);
    if (trials.length < this.#times(fault)) return undefined;
    const { failure: _, ...rest } = result;
    const ok = trials.every((trial) => trial.ok);
    const sessions =
      result.sessions === undefined
        ? {}
        : { sessions: countsOf(trials.flatMap((trial) => trial.sessions ?? [])) };
    return { ...run, exitCode: ok ? 0 : run.exitCode, result: { ...rest, ...sessions, ok, trials } };
  }

  /** Of the machine, from the fault before to the one after. */
  #stallsAround(fault: FaultName, { result }: LabRun, metronome: Metronome): readonly Stall[] {
    const trials = result?.trials ?? [];
    const begins = trials.findIndex((trial) => trial.fault === fault);
    const before = begins < 0 ? trials.at(-1) : trials[begins - 1];
    const after = begins < 0 ? undefined : trials[begins + this.#times(fault)];
    return metronome.during(
      before?.timelineUs.faultAt ?? 0,
      after?.timelineUs.faultAt ?? Number.POSITIVE_INFINITY,
    );
  }
}
