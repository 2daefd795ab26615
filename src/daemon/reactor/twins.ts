/**
 * Notices a second machine that says it is the same node: a configuration that was copied with its `node`, or a machine
 * that was cloned. It has the key, so what it says is authentic; it is reported, and nothing else of it counts.
 */
import { formatIp, type IpAddress } from '../../wire/address.ts';
import type { NodeId } from '../../wire/control/message.ts';
import type { ReactorReport } from '../bridge.ts';

/** So often one twin is reported while it lasts, microseconds. */
const reportIntervalUs = 10_000_000;
/** A stranger's datagrams are looked at so often: each costs a hash, and there may be a flood, microseconds. */
const lookIntervalUs = 100_000;
/** As many as one file's mistakes can make. */
const twinsMax = 64;

export class Twins {
  readonly #report: (report: ReactorReport) => void;
  readonly #reportedUs: Map<string, number> = new Map();
  #lookUs = 0;

  constructor(report: (report: ReactorReport) => void) {
    this.#report = report;
  }

  /** Whether it is time to look at what a stranger sent. */
  curious(nowUs: number): boolean {
    if (nowUs < this.#lookUs) return false;
    this.#lookUs = nowUs + lookIntervalUs;
    return true;
  }

  /** Somebody who knows the key says, from `address`, that it is `node`, and cannot be the one we know. */
  heard(node: NodeId, address: IpAddress, nowUs: number): void {
    const key = `${node} ${formatIp(address)}`;
    if (nowUs - (this.#reportedUs.get(key) ?? Number.NEGATIVE_INFINITY) < reportIntervalUs) return;
    if (this.#reportedUs.size >= twinsMax) this.#reportedUs.clear();
    this.#reportedUs.set(key, nowUs);
    this.#report({ code: 'twin', node, address: formatIp(address) });
  }
}
