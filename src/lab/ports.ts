/** What the injector does to the switch's ports, as netlink requests: each prepared whole, then sent by one call. */
import { NLM_F_ACK, NLM_F_REQUEST, netlinkRoute } from '../linux/netlink/constants.ts';
import { NetlinkSocket, refusalError } from '../linux/netlink/socket.ts';
import { MessageWriter } from '../linux/netlink/writer.ts';

const RTM_NEWLINK = 16;
const RTM_SETLINK = 19;
const AF_UNSPEC = 0;
const AF_BRIDGE = 7;
const IFF_UP = 1;
const IFLA_PROTINFO = 12;
const IFLA_BRPORT_STATE = 1;
const IFLA_BRPORT_ISOLATED = 33;
/** Bridge port states (linux/if_bridge.h). */
const disabled = 0;
const forwarding = 3;

/**
 * `links`: administratively up or not; without, the other end of the cable loses carrier.
 * `mute`: the port discards every frame in both directions, carrier up.
 * `part`: such ports pass nothing to each other, and everything to and from all other ports.
 */
export type PortChange = 'links' | 'mute' | 'part';

export class Ports {
  readonly #socket = NetlinkSocket.open({ protocol: netlinkRoute });

  /** Prepares the change of these interfaces, in order; the returned function makes it, and throws when refused. */
  prepare(change: PortChange, on: boolean, indices: readonly number[]): () => void {
    const writer = new MessageWriter();
    const first = this.#socket.sequences(indices.length);
    const last = first + indices.length - 1;
    indices.forEach((index, i) => {
      const type = change === 'links' ? RTM_NEWLINK : RTM_SETLINK;
      writer.message(type, NLM_F_REQUEST | NLM_F_ACK, first + i, () => write(writer, change, on, index));
    });
    return () => {
      const [refusal] = this.#socket.transact(writer.buffer, writer.length, first, last);
      if (refusal !== undefined) {
        throw refusalError({ operation: `${change} ${on}`, subject: `ports ${indices.join(', ')}` }, refusal);
      }
    };
  }
}

function write(writer: MessageWriter, change: PortChange, on: boolean, index: number): void {
  const up = change === 'links' && on ? IFF_UP : 0;
  interfaceHeader(
    writer,
    change === 'links' ? AF_UNSPEC : AF_BRIDGE,
    index,
    up,
    change === 'links' ? IFF_UP : 0,
  );
  if (change === 'links') return;
  writer.nested(IFLA_PROTINFO, () => {
    if (change === 'part') writer.attributeU8(IFLA_BRPORT_ISOLATED, on ? 1 : 0);
    else writer.attributeU8(IFLA_BRPORT_STATE, on ? disabled : forwarding);
  });
}

/** `struct ifinfomsg`. */
function interfaceHeader(w: MessageWriter, family: number, index: number, flags: number, mask: number): void {
  w.u8(family);
  w.zeros(3);
  w.u32(index);
  w.u32(flags);
  w.u32(mask);
}
