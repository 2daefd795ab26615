/**
 * The service's frames on one machine: those that the diversion took off the LAN come in by a TAP device, what the kernel
 * is to receive goes back into it, and what the relay says itself leaves by a packet socket on the LAN.
 */
import { Diversion } from '../linux/diversion.ts';
import { interfaceMac } from '../linux/interfaces.ts';
import { PacketSocket } from '../linux/packet-socket.ts';
import type { Tun } from '../linux/tun.ts';
import { offloadHeaderLength, type Packet } from '../sessions/packet.ts';
import { refusalFrame } from '../sessions/refusal.ts';
import { type IpAddress, type MacAddress, writeMac } from '../wire/address.ts';
import { FrameBlocks } from './blocks.ts';
import { openGate } from './devices.ts';

export interface WireConfig {
  /** Of the nftables table, and of the TAP device. */
  readonly names: { readonly table: string; readonly gate: string };
  /** The LAN, and other devices on which packets for the service arrive. */
  readonly interfaces: readonly [string, ...string[]];
  readonly addresses: readonly IpAddress[];
  /** TCP port. */
  readonly port: number;
  /** Packets of sockets with this mark may say goodbye. */
  readonly farewellMark: number;
}

const frameBytesMax = offloadHeaderLength + 14 + 65_575;
const framesPerTurn = 64;

export class ServiceWire {
  readonly #gate: Tun;
  readonly #gateMac: MacAddress;
  /** Of the LAN's interface. */
  readonly mac: MacAddress;
  readonly #voice: PacketSocket;
  readonly #diversion: Diversion;
  readonly #blocks = new FrameBlocks(frameBytesMax);
  #refused = 0;

  /** In force on return, with everything that leaves swallowed. Throws OperationError. */
  constructor({ names, interfaces, farewellMark, ...service }: WireConfig) {
    const { gate, table } = names;
    const [lan] = interfaces;
    this.#gate = openGate(gate);
    this.#gateMac = interfaceMac(gate);
    this.mac = interfaceMac(lan);
    // The resets that it says are meant: the diversion lets nobody else's pass.
    this.#voice = PacketSocket.open({ interface: lan, deaf: true, mark: farewellMark });
    this.#diversion = new Diversion({ ...service, name: table, gate, interfaces, farewellMark });
  }

  /** To be watched: frames have arrived. */
  get fd(): number {
    return this.#gate.fd;
  }

  /** Packets that were answered with a reset. */
  get refused(): number {
    return this.#refused;
  }

  /**
   * Hands over some of what has arrived. Frames stay what they are while they are needed, as the next call says: `oldest` of
   * all that anybody still has, in the order in which they came.
   */
  receive(oldest: readonly Uint8Array[], each: (frame: Uint8Array) => void): void {
    this.#blocks.release(oldest);
    for (let turn = 0; turn < framesPerTurn; turn++) {
      const length = this.#gate.read(this.#blocks.room());
      if (length < 0) return;
      each(this.#blocks.keep(length));
    }
  }

  /** Lets the kernel receive a frame, addressed to the device. */
  inject(frame: Uint8Array): void {
    writeMac(frame, offloadHeaderLength, this.#gateMac);
    this.#gate.write(frame, frame.length);
  }

  /** Ethernet frames to the LAN. */
  say(frames: readonly Uint8Array[]): void {
    this.#voice.sendBurst(frames);
  }

  /** Nobody here has this connection, which lived on the other machine alone: its client must not wait for ever. */
  refuse(packet: Packet): void {
    const frame = refusalFrame(packet, this.mac);
    if (frame === undefined) return;
    this.#refused++;
    this.#voice.sendBurst([frame]);
  }

  /** What leaves passes, but for unmarked FIN and RST. */
  speak(): void {
    this.#diversion.speak();
  }

  /** Everything that leaves is swallowed. */
  hush(): void {
    this.#diversion.hush();
  }

  /** Nothing is diverted any more. */
  remove(): void {
    this.#diversion.remove();
  }
}
