/**
 * Takes the packets of one service off their way, by a netdev table on the LAN's interface: what arrives for it goes to
 * the `gate` device before the kernel's TCP sees it; what leaves is swallowed, wholly while this machine is a replica, only
 * unmarked FIN and RST while it speaks. Swallowed, not dropped: a drop is an error to TCP, which then believes that nothing
 * was sent. The table stays when its process dies: then what arrives is lost with the device, and no farewell leaves.
 */
import {
  type IpAddress,
  ipv4AddressLength,
  ipv6AddressLength,
  isIpv4,
  writeIpv4,
  writeIpv6,
} from '../wire/address.ts';
import { tcpFlag } from '../wire/tcp.ts';
import { interfaceIndex } from './interfaces.ts';
import * as rule from './nftables/expression.ts';
import * as change from './nftables/request.ts';
import { NftablesSocket } from './nftables/socket.ts';

export interface DiversionConfig {
  /** Of the table. */
  readonly name: string;
  /** Where packets for the service arrive: the LAN first, which answers leave by, and a waiting room's device. */
  readonly interfaces: readonly [string, ...string[]];
  readonly addresses: readonly IpAddress[];
  readonly port: number;
  /** The device's name. */
  readonly gate: string;
  /** Packets of sockets with this mark (SO_MARK) may say goodbye. */
  readonly farewellMark: number;
}

const arriving = 'arriving';
const leaving = 'leaving';
/** Sets of the addresses that may say something. */
const voices = { ipv4: 'voices4', ipv6: 'voices6' } as const;
/**
 * On ingress behind the fence (-1000), which stops or forwards what is not ours now. On egress before it (1000): what a
 * replica sends is swallowed; what we say while we speak is the fence's to judge.
 */
const priorities = { arriving: -20, leaving: 20 } as const;
const etherTypes = { ipv4: 0x0800, ipv6: 0x86dd } as const;
const tcp = 6;
const flagsAt = 13;

export class Diversion {
  readonly #config: DiversionConfig;
  readonly #table: change.Table;
  readonly #nftables: NftablesSocket = NftablesSocket.open();

  /** In force on return, with everything that leaves swallowed. Throws OperationError. */
  constructor(config: DiversionConfig) {
    this.#config = config;
    this.#table = { family: 'netdev', name: config.name };
    const gate = interfaceIndex(config.gate);
    const [lan] = config.interfaces;
    this.#nftables.commit([
      // What an earlier process left leads to a device that died with it.
      change.newTable(this.#table),
      change.deleteTable(this.#table),
      change.newTable(this.#table),
      ...config.interfaces.flatMap((device, index) => {
        const chain = `${arriving}${index}`;
        return [
          change.newChain(this.#table, chain, { kind: 'ingress', device, priority: priorities.arriving }),
          ...config.addresses.map((address) => {
            const match = this.#ofService('destination', address);
            return change.newRule(this.#table, chain, [...match, ...rule.forward(gate)]);
          }),
        ];
      }),
      change.newChain(this.#table, leaving, { kind: 'egress', device: lan, priority: priorities.leaving }),
      change.newSet(this.#table, voices.ipv4, 'ipv4'),
      change.newSet(this.#table, voices.ipv6, 'ipv6'),
      ...this.#leaving(),
    ]);
  }

  /** What leaves passes, but for unmarked FIN and RST. */
  speak(): void {
    this.#nftables.commit(
      Object.entries(voices).flatMap(([family, voice]) => {
        const keys = this.#config.addresses.filter((address) => familyOf(address) === family).map(bytesOf);
        return change.addElements(this.#table, voice, keys);
      }),
    );
  }

  /** Everything that leaves is swallowed. */
  hush(): void {
    this.#nftables.commit(Object.values(voices).map((voice) => change.flushSet(this.#table, voice)));
  }

  /** Removes the table. */
  remove(): void {
    this.#nftables.commit([change.deleteTable(this.#table)]);
    this.#nftables.close();
  }

  /**
   * Whether this machine speaks is a matter of two sets and of no rule: sets change within microseconds, and the rules of a
   * chain, while connections wait for their new active, within milliseconds.
   */
  #leaving(): change.NftablesRequest[] {
    const goodbye = Buffer.from([tcpFlag.fin | tcpFlag.rst]);
    const isUnmarkedGoodbye = [
      rule.payload('transport', flagsAt, 1),
      rule.only(goodbye),
      rule.is('unequal', Buffer.from([0])),
      rule.meta('mark'),
      rule.is('unequal', hostInt(this.#config.farewellMark)),
    ];
    return this.#config.addresses.flatMap((address) => {
      const match = this.#ofService('source', address);
      const { length } = bytesOf(address);
      const speaks = [
        rule.payload('network', sourceAt(address), length),
        rule.isIn(voices[familyOf(address)]),
      ];
      return [
        change.newRule(this.#table, leaving, [...match, ...isUnmarkedGoodbye, ...rule.swallow()]),
        change.newRule(this.#table, leaving, [...match, ...speaks, rule.accept()]),
        change.newRule(this.#table, leaving, [...match, ...rule.swallow()]),
      ];
    });
  }

  /** The service's TCP packets, by the end of theirs that is the service: a rule's beginning. */
  #ofService(end: 'source' | 'destination', address: IpAddress): rule.Expression[] {
    const bytes = bytesOf(address);
    const first = end === 'source';
    return [
      rule.meta('protocol'),
      rule.is('equal', networkShort(etherTypes[familyOf(address)])),
      rule.payload('network', sourceAt(address) + (first ? 0 : bytes.length), bytes.length),
      rule.is('equal', bytes),
      rule.meta('l4proto'),
      rule.is('equal', Buffer.from([tcp])),
      rule.payload('transport', first ? 0 : 2, 2),
      rule.is('equal', networkShort(this.#config.port)),
    ];
  }
}

function familyOf(address: IpAddress): keyof typeof voices {
  return isIpv4(address) ? 'ipv4' : 'ipv6';
}

/** As packets carry it. */
function bytesOf(address: IpAddress): Uint8Array {
  const bytes = Buffer.alloc(isIpv4(address) ? ipv4AddressLength : ipv6AddressLength);
  if (isIpv4(address)) writeIpv4(bytes, 0, address);
  else writeIpv6(bytes, 0, address);
  return bytes;
}

/** Where a packet's header has its source; the destination follows. */
function sourceAt(address: IpAddress): number {
  return isIpv4(address) ? 12 : 8;
}

function networkShort(value: number): Uint8Array {
  return Buffer.from([value >>> 8, value & 0xff]);
}

/** As the kernel keeps marks. */
function hostInt(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
