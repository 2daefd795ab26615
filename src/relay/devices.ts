/** The gate: a TAP with offloads, through which packets reach the kernel as if they came from the LAN. */
import { interfaceIndex } from '../linux/interfaces.ts';
import { addAddress, setAddrGenModeNone, setLinkUp, setQueueLength } from '../linux/route/requests.ts';
import { RouteSocket } from '../linux/route/socket.ts';
import { writeSysctl } from '../linux/sysctl.ts';
import { Tun } from '../linux/tun.ts';
import { readIpv4 } from '../wire/address.ts';

/** The IPv4 dummy address, 192.0.0.8 (RFC 7600 §4.8): never routed, never ours to answer for. */
const dummy = readIpv4(Uint8Array.of(192, 0, 0, 8), 0);
/** Frames that may wait in the device for the relay. */
const queueLength = 10_000;

/** Up, and silent: the kernel says nothing of its own into it. Throws OperationError: EBUSY (another relay runs), EPERM. */
export function openGate(name: string): Tun {
  const gate = Tun.open({ name, kind: 'tap', vnetHeader: true });
  // Replies leave by the LAN: a strict reverse path check would drop every frame, and a loose one does so, too, on a device
  // without an address.
  writeSysctl(['net', 'ipv4', 'conf', name, 'rp_filter'], '2');
  writeSysctl(['net', 'ipv4', 'conf', name, 'arp_ignore'], '8');
  const index = interfaceIndex(name);
  const route = RouteSocket.open();
  route.batch([
    setAddrGenModeNone(index),
    setQueueLength(index, queueLength),
    addAddress({ index, address: dummy, prefix: 32 }),
    setLinkUp(index),
  ]);
  route.close();
  return gate;
}
