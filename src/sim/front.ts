/** What a machine's engine has asked its responder and its kernel for, as hosts and packets meet it. */
import type { Effect } from '../engine/effect.ts';
import type { NodeId } from '../wire/control/message.ts';

export class Front {
  answers = false;
  routesTo: NodeId | 0 = 0;
  forwardsTo: NodeId | 0 = 0;
  /** Packets wait here. */
  holds = false;

  perform(effect: Extract<Effect, { kind: 'answer' | 'route' | 'forward' | 'hold' }>): void {
    if (effect.kind === 'answer') this.answers = effect.on;
    else if (effect.kind === 'route') this.routesTo = effect.to;
    else if (effect.kind === 'forward') this.forwardsTo = effect.to;
    else this.holds = effect.action === 'begin';
  }
}
