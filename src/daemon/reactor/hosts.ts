/**
 * The hosts of one LAN that may hold an entry for a group address: those in the kernel's neighbour table, and those
 * heard asking or announcing. Each gets the unicast question in an announcement, so its frames are made when the host
 * is learned, not when they are needed.
 */
import { type IpAddress, isIpv4, isMulticastMac, type MacAddress } from '../../wire/address.ts';
import { arpQuestion, neighbourQuestion } from '../../wire/frame.ts';

/** Bound on what strangers can make us remember; the one heard longest ago goes first. */
const hostsMax = 2048;

export class Hosts {
  readonly #addresses: readonly IpAddress[];
  readonly #members: ReadonlySet<IpAddress>;
  #mac: MacAddress;
  readonly #byAddress: Map<IpAddress, { mac: MacAddress; questions: Map<IpAddress, Uint8Array> }> = new Map();

  /** `members`: their LAN addresses; a standby that has the group address itself cannot answer, so it is not asked. */
  constructor(mac: MacAddress, addresses: readonly IpAddress[], members: ReadonlySet<IpAddress>) {
    this.#mac = mac;
    this.#addresses = addresses;
    this.#members = members;
  }

  learn(address: IpAddress, mac: MacAddress): void {
    if (Number(address) === 0 || mac === 0 || mac === this.#mac || isMulticastMac(mac)) return;
    if (this.#members.has(address) || this.#addresses.includes(address)) return;
    const known = this.#byAddress.get(address);
    if (known?.mac === mac) return;
    this.#byAddress.delete(address);
    if (this.#byAddress.size >= hostsMax) {
      const [oldest] = this.#byAddress.keys();
      if (oldest !== undefined) this.#byAddress.delete(oldest);
    }
    this.#byAddress.set(address, { mac, questions: this.#questions(address, mac) });
  }

  /** The questions of one group address to all hosts of its family. */
  questions(about: IpAddress, into: Uint8Array[]): void {
    for (const { questions } of this.#byAddress.values()) {
      const frame = questions.get(about);
      if (frame !== undefined) into.push(frame);
    }
  }

  /** Our interface has another MAC: every frame made so far says the old one. */
  changeMac(mac: MacAddress): void {
    this.#mac = mac;
    for (const [address, host] of this.#byAddress) host.questions = this.#questions(address, host.mac);
  }

  get size(): number {
    return this.#byAddress.size;
  }

  #questions(host: IpAddress, hostMac: MacAddress): Map<IpAddress, Uint8Array> {
    const questions = new Map<IpAddress, Uint8Array>();
    for (const about of this.#addresses) {
      if (isIpv4(about) && isIpv4(host)) questions.set(about, arpQuestion(this.#mac, about, hostMac, host));
      if (!isIpv4(about) && !isIpv4(host))
        questions.set(about, neighbourQuestion(this.#mac, about, hostMac, host));
    }
    return questions;
  }
}
