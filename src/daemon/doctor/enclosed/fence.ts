/** A whole fence around addresses that nobody uses: whether the kernel has all that it is made of, and how it keeps time. */
import type { Finding } from '../../../api/finding.ts';
import { monotonicUs } from '../../../linux/clock.ts';
import { OperationError } from '../../../linux/errors.ts';
import { Fence } from '../../../linux/fence/fence.ts';
import { type IpAddress, readIpv4, readIpv6 } from '../../../wire/address.ts';
import { missing, ok, reduced, refused, said, tried } from '../finding.ts';
import { examineTimeouts } from './timeouts.ts';

/** The IPv4 dummy address (RFC 7600 §4.8), and one of the discard-only prefix (RFC 6666). */
const dummy4 = readIpv4(Uint8Array.of(192, 0, 0, 8), 0);
const dummy6 = readIpv6(Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8), 0);
const group = 1;
const leaseMs = 1000;
const renewals = 2000;
/** What issue and design ask of a renewal, microseconds. */
const renewalUsMax = 50;

export function examineFence(device: string): Finding[] {
  const addresses: IpAddress[] = [dummy4, dummy6];
  const groups = [{ id: group, interface: device, addresses }];
  let fence: Fence;
  try {
    fence = Fence.arm({ instance: 'doctor', leaseMs, groups, ownDevices: [] });
  } catch (error) {
    if (!(error instanceof OperationError)) throw error;
    const remedy = 'Linux 5.16 or newer with nf_tables for netdev (ingress, egress) and inet';
    return [error.errno === 'EPERM' ? refused('nftables', error) : missing('nftables', said(error), remedy)];
  }
  return [
    ok('nftables', 'netdev ingress and egress, inet, timed sets, verdict maps'),
    ownTables(fence),
    arpTables(fence),
    renewing(fence),
    tried(
      'nftables fwd',
      () => {
        fence.divertTo(group, device);
        fence.forwardTo(group, { v4: dummy4, v6: dummy6 });
        return 'packets can be sent on, and kept, in a planned switchover';
      },
      (error) => missing('nftables fwd', said(error), 'a kernel with CONFIG_NFT_FWD_NETDEV'),
    ),
    examineTimeouts(),
  ];
}

function ownTables({ offer }: Fence): Finding {
  const name = 'nftables owner';
  if (offer.own) return ok(name, 'no other program can change the fence');
  return reduced(
    name,
    'whoever may change nftables can change the fence',
    'the daemon hears it and mends it at once; until then nothing is fenced',
    'Linux 6.9 or newer, where tables can have an owner and stay when it ends',
  );
}

function arpTables({ offer }: Fence): Finding {
  if (offer.arp)
    return ok('nftables arp', 'the kernel’s own ARP answers are fenced on every interface at once');
  return reduced(
    'nftables arp',
    'no tables for ARP',
    'on an interface that appears, the kernel may answer ARP for the addresses until the fence covers it',
    'a kernel with CONFIG_NF_TABLES_ARP',
  );
}

function renewing(fence: Fence): Finding {
  const costsUs: number[] = [];
  if (!fence.acquire(group, () => true)) return missing('lease', 'the fence did not open', 'try again');
  for (let count = 0; count < renewals; count++) {
    const beganUs = monotonicUs();
    if (fence.renew() === 'lost') return missing('lease', 'a renewal in time was refused', 'report this');
    costsUs.push(monotonicUs() - beganUs);
  }
  fence.yield(group);
  costsUs.sort((a, b) => a - b);
  const medianUs = costsUs[renewals >> 1] ?? 0;
  const found = `a renewal takes ${medianUs} µs (p50), ${costsUs[Math.floor(renewals * 0.99)]} µs (p99)`;
  if (medianUs <= renewalUsMax) return ok('lease', found);
  return reduced(
    'lease',
    found,
    'renewals take a part of each turn',
    'a faster machine, or a longer lease.renewMs',
  );
}
