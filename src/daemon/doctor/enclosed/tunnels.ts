/** Devices of a process's own: the addresses live on one, and packets wait in another. */
import type { Finding } from '../../../api/finding.ts';
import { interfaceIndex } from '../../../linux/interfaces.ts';
import { setLinkUp } from '../../../linux/route/requests.ts';
import { RouteSocket } from '../../../linux/route/socket.ts';
import { Tun } from '../../../linux/tun.ts';
import { tried } from '../finding.ts';

const name = 'doctor0';

/** `device`: a TAP that is up, for further trials; it goes with the process. Also sets `lo` up. */
export function examineTunnels(): { readonly device: string | undefined; readonly findings: Finding[] } {
  let device: string | undefined;
  const findings = [
    tried('TUN', () => {
      Tun.open({ name: 'doctor1', kind: 'tun' }).close();
      Tun.open({ name, kind: 'tap' });
      device = name;
      return 'devices that go with their process can be made';
    }),
    tried('rtnetlink', () => {
      const route = RouteSocket.open();
      route.batch(
        ['lo', ...(device === undefined ? [] : [device])].map((one) => setLinkUp(interfaceIndex(one))),
      );
      route.close();
      return 'interfaces can be set up';
    }),
  ];
  return { device, findings };
}
