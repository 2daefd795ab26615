/** Connections that ended: what their clients say late is nobody's mistake. The oldest are forgotten. */
import type { FlowKey } from '../sessions/packet.ts';

const flowsMax = 16_384;

export class EndedFlows {
  readonly #flows = new Set<FlowKey>();

  add(flow: FlowKey): void {
    this.#flows.add(flow);
    if (this.#flows.size <= flowsMax) return;
    for (const oldest of this.#flows) {
      this.#flows.delete(oldest);
      return;
    }
  }

  has(flow: FlowKey): boolean {
    return this.#flows.has(flow);
  }

  /** It begins anew. */
  delete(flow: FlowKey): void {
    this.#flows.delete(flow);
  }
}
