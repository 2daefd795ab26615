/** The end of a connection needs both machines: the active waits so long for its replica to come to the same end. */
import { monotonicUs } from '../linux/clock.ts';
import type { FlowKey } from '../sessions/packet.ts';
import type { Partner } from './partner.ts';

/** Longer than the failure of a backend takes to be noticed. */
const patienceMsDefault = 5000;

export class Farewells {
  readonly #partner: Partner;
  readonly #patienceUs: number;
  #overdue = 0;
  /** Since when the two have been connected. */
  #metSinceUs = Number.NEGATIVE_INFINITY;

  constructor(partner: Partner, patienceMs: number = patienceMsDefault) {
    this.#partner = partner;
    this.#patienceUs = patienceMs * 1000;
  }

  /** Connections that were closed without their replica. */
  get overdue(): number {
    return this.#overdue;
  }

  /** Whether the other machine has come to the same end, or has no say. */
  mayClose(flow: FlowKey): boolean {
    if (this.#partner.consents(flow)) return true;
    this.#partner.agreements.awaits(flow, monotonicUs());
    return false;
  }

  /** Connections whose replica did not come to its end in time: from here on they need no word of it. */
  giveUp(nowUs: number): readonly FlowKey[] {
    // A replica that nobody hears says nothing of its program; the policy says how long it is waited for.
    if (!this.#partner.met) this.#metSinceUs = nowUs;
    if (nowUs - this.#metSinceUs < this.#patienceUs) return [];
    const { agreements } = this.#partner;
    const flows = agreements.overdue(nowUs - this.#patienceUs);
    for (const flow of flows) {
      agreements.goAlone(flow);
      this.#partner.sayOutput({ kind: 'alone', flow });
      this.#overdue++;
    }
    return flows;
  }
}
