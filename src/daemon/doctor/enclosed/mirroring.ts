/** What a relay of a mirrored service is built on, beside what every daemon needs (docs/SESSIONS.md says what for). */
import type { Finding } from '../../../api/finding.ts';
import { Diversion } from '../../../linux/diversion.ts';
import type { OperationError } from '../../../linux/errors.ts';
import { closeDescriptor } from '../../../linux/ffi.ts';
import { openRepaired } from '../../../linux/tcp-repair.ts';
import { Tun } from '../../../linux/tun.ts';
import { readIpv4, readIpv6 } from '../../../wire/address.ts';
import { missing, reduced, said, tried } from '../finding.ts';

const gate = 'doctor2';
const loopback = readIpv4(Uint8Array.of(127, 0, 0, 1), 0);
/** The IPv4 dummy address (RFC 7600 §4.8), and one of the discard-only prefix (RFC 6666). */
const dummy4 = readIpv4(Uint8Array.of(192, 0, 0, 8), 0);
const dummy6 = readIpv6(Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8), 0);
const farewellMark = 1;

/** `wanted`: the configuration mirrors a service, whose group is never healthy without. `device`: in the LAN's place. */
export function examineMirroring(device: string | undefined, wanted: boolean): Finding[] {
  const examined = (name: string, remedy: string, work: () => string): Finding =>
    tried(name, work, (error) => lacking(name, error, remedy, wanted));
  let way = 'lo';
  return [
    examined('tcp repair', 'grant CAP_NET_ADMIN; a kernel and a container that allow TCP_REPAIR', () => {
      closeDescriptor(openMidway());
      return 'connections can be carried on by another machine';
    }),
    examined('gate', '/dev/net/tun, and a kernel whose TUN has IFF_VNET_HDR and TUNSETOFFLOAD', () => {
      Tun.open({ name: gate, kind: 'tap', vnetHeader: true });
      way = gate;
      return 'segments of 64 KiB pass a TAP device whole';
    }),
    examined(
      'diversion',
      'Linux 5.16 or newer with nf_tables for netdev (ingress, egress) and CONFIG_NFT_FWD_NETDEV',
      () => {
        divert(device ?? 'lo', way);
        return 'a service’s packets can be taken off the LAN, and its replies swallowed';
      },
    ),
  ];
}

function lacking(name: string, error: OperationError, remedy: string, wanted: boolean): Finding {
  if (wanted) return missing(name, `${said(error)}: the configuration mirrors a service`, remedy);
  return reduced(name, said(error), 'no service can be mirrored: connections end at a takeover', remedy);
}

/** A connection that nobody opened, from one port of this namespace to another. */
function openMidway(): number {
  return openRepaired({
    local: { address: loopback, port: 40_001 },
    remote: { address: loopback, port: 40_002 },
    sendSequence: 1,
    receiveSequence: 1,
    mss: 1460,
    windowScale: { theirs: 7, ours: 7 },
    sack: true,
    timestamp: 1000,
    sendWindow: 65_535,
    receiveWindow: 65_535,
  });
}

/** As a relay does it: a standby, an active, a standby again. */
function divert(lan: string, through: string): void {
  const diversion = new Diversion({
    name: 'understudy-doctor-diversion',
    interfaces: [lan],
    addresses: [dummy4, dummy6],
    port: 7000,
    gate: through,
    farewellMark,
  });
  diversion.speak();
  diversion.hush();
  diversion.remove();
}
