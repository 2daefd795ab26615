/** Sockets that hear ARP and neighbour discovery, waiting in microseconds, and ending connections of other programs. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Finding } from '../../../api/finding.ts';
import { neighbourFilter } from '../../../linux/bpf.ts';
import { Epoll } from '../../../linux/epoll.ts';
import { PacketSocket } from '../../../linux/packet-socket.ts';
import { unshareFiles } from '../../../linux/sched.ts';
import { destroyTcpSockets } from '../../../linux/sockdiag.ts';
import { readIpv4 } from '../../../wire/address.ts';
import { reduced, said, tried } from '../finding.ts';

const loopback = '127.0.0.1';

export async function examineSockets(device: string | undefined): Promise<Finding[]> {
  return [
    tried('packet sockets', () => {
      PacketSocket.open({
        interface: device ?? 'lo',
        filter: neighbourFilter(),
        ignoreOutgoing: true,
      }).close();
      return 'ARP and neighbour discovery can be heard and spoken';
    }),
    tried('epoll_pwait2', () => {
      const epoll = Epoll.open();
      epoll.wait(1);
      epoll.close();
      return 'waits in microseconds';
    }),
    await destroying(),
    tried('unshare', () => {
      unshareFiles();
      return 'a thread can have a descriptor table of its own';
    }),
  ];
}

/** A connection of this process to itself. */
async function destroying(): Promise<Finding> {
  const server = createServer((socket) => socket.on('error', () => undefined));
  server.listen(0, loopback);
  await once(server, 'listening');
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const client = connect(port, loopback);
  client.on('error', () => undefined);
  await once(client, 'connect');
  const finding = tried(
    'sock_diag',
    () => {
      const ended = destroyTcpSockets(readIpv4(Uint8Array.of(127, 0, 0, 1), 0));
      return `connections of other programs can be ended (${ended} of this one were)`;
    },
    (error) =>
      reduced(
        'sock_diag',
        said(error),
        'connections on an address that was given up speak again when it is taken next (connectionsRemain)',
        'a kernel with CONFIG_INET_DIAG_DESTROY',
      ),
  );
  client.destroy();
  server.close();
  return finding;
}
