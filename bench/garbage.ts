/**
 * Garbage in the control planes of running daemons, made from outside by nothing but questions on their control
 * sockets: every answer is built, written and forgotten there. Spread evenly over a time.
 */
import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { monotonicUs } from '../src/linux/clock.ts';

/**
 * An answer of so many bytes leaves garbage of about `allocationFactor` times as many: the objects, their text and
 * the text's bytes. An estimate from below: what HTTP allocates for the question is not counted.
 */
export const allocationFactor = 3;

const paths = ['/v1/events', '/v1/status'] as const;
const mib = 1 << 20;
/** How often it is looked whether more is due, milliseconds. */
const paceMs = 5;

/** Churns one daemon. */
export class Churn {
  /** Estimated garbage made so far, bytes. */
  bytes = 0;
  questions = 0;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** Resolves when at least `amountMib` were made, in `overMs` or as soon afterwards as the daemon's answers allow. */
  async run(amountMib: number, overMs: number): Promise<void> {
    const beganUs = monotonicUs();
    const amount = amountMib * mib;
    while (this.bytes < amount) {
      const due = Math.min(1, (monotonicUs() - beganUs) / 1000 / overMs) * amount;
      if (this.bytes > due) await delay(paceMs);
      else for (const path of paths) await this.#ask(path);
    }
  }

  async #ask(path: string): Promise<void> {
    const answered = await new Promise<number>((resolve, reject) => {
      const options = { socketPath: this.#socketPath, path, agent: this.#agent };
      const outgoing = request(options, (response) => {
        let length = 0;
        response.on('data', (part: Buffer) => {
          length += part.length;
        });
        response.on('end', () => resolve(length)).on('error', reject);
      });
      outgoing.on('error', reject).end();
    });
    this.bytes += answered * allocationFactor;
    this.questions++;
  }
}

/** What was caused in all daemons together, for the output. */
export function formatChurn(churns: readonly Churn[]): string {
  const each = churns.map((churn) => `${Math.round(churn.bytes / mib)} MiB`).join(' and ');
  const questions = churns.reduce((sum, churn) => sum + churn.questions, 0);
  return (
    `${each} of garbage in the control planes (estimated as the bytes of ${questions} answers to ` +
    `GET ${paths.join(' and GET ')} times ${allocationFactor})`
  );
}
