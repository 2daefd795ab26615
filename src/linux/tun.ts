/**
 * A network device whose other side is this process (tun/tap of the kernel's networking documentation). It is not
 * persistent: when the last descriptor is closed, or the process dies by whatever signal, the device goes, and with
 * it every address and route on it.
 */
import { EAGAIN, EBUSY, EINTR, EINVAL, ENOENT } from './errno.ts';
import { OperationError } from './errors.ts';
import { closeDescriptor, lastErrno, native } from './ffi.ts';
import { interfaceRequest } from './interfaces.ts';

const O_RDWR_NONBLOCK_CLOEXEC = 0o2 | 0o4000 | 0o2000000;
const TUNSETIFF = 0x400454ca;
const TUNSETOFFLOAD = 0x400454d0;
const IFF_TUN = 0x0001;
const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
/** Never attach to a device that exists: a persistent one would outlive this process with the address. */
const IFF_TUN_EXCL = 0x8000;
/** Checksum, and segmentation of TCP over IPv4 and IPv6, are left to whoever takes the frame. */
const TUN_F_CSUM_TSO4_TSO6 = 1 | 2 | 4;

const open = native<[path: string, flags: number]>('int open(const char *, int)');
const ioctl = native<[fd: number, request: number, argument: Uint8Array]>(
  'int ioctl(int, unsigned long, void *)',
);
const ioctlValue = native<[fd: number, request: number, argument: number]>(
  'int ioctl(int, unsigned long, unsigned long)',
);
const read = native<[fd: number, into: Uint8Array, length: number]>('long read(int, void *, unsigned long)');
const write = native<[fd: number, bytes: Uint8Array, length: number]>(
  'long write(int, void *, unsigned long)',
);

export class Tun {
  readonly fd: number;
  readonly name: string;

  /**
   * Makes the device: `tun` carries IP packets, `tap` Ethernet frames. With `vnetHeader` each begins with a
   * `struct virtio_net_hdr` (10 bytes) and may be a segment of up to 64 KiB with its checksum left open.
   * Throws OperationError: EBUSY (the name is taken), EPERM (CAP_NET_ADMIN), ENOENT (no /dev/net/tun).
   */
  static open(o: { name: string; kind: 'tun' | 'tap'; vnetHeader?: boolean }): Tun {
    const operation = `create ${o.kind.toUpperCase()} device`;
    const request = interfaceRequest(operation, o.name);
    const fd = open('/dev/net/tun', O_RDWR_NONBLOCK_CLOEXEC);
    if (fd < 0) throw refused(operation, o.name, lastErrno());
    const header = o.vnetHeader === true ? IFF_VNET_HDR : 0;
    const kind = o.kind === 'tun' ? IFF_TUN : IFF_TAP;
    request.writeUInt16LE(kind | IFF_NO_PI | IFF_TUN_EXCL | header, 16);
    const made =
      ioctl(fd, TUNSETIFF, request) === 0 &&
      (o.vnetHeader !== true || ioctlValue(fd, TUNSETOFFLOAD, TUN_F_CSUM_TSO4_TSO6) === 0);
    if (made) return new Tun(fd, o.name);
    const errno = lastErrno();
    closeDescriptor(fd);
    throw refused(operation, o.name, errno);
  }

  private constructor(fd: number, name: string) {
    this.fd = fd;
    this.name = name;
  }

  /**
   * Takes the next packet that the kernel sends into the device: its length, or -1 when none waits. Throws
   * OperationError when the device is gone: its descriptor would be ready for ever.
   */
  read(into: Uint8Array): number {
    const length = read(this.fd, into, into.length);
    if (length >= 0) return length;
    const errno = lastErrno();
    if (errno === EAGAIN || errno === EINTR) return -1;
    const remedy = 'somebody deleted the device; start the daemon again';
    throw new OperationError({ operation: 'read packet', subject: this.name, errno, remedy });
  }

  /** Lets the kernel receive the first `length` bytes as a packet on the device. 0 or the error number. */
  write(bytes: Uint8Array, length: number): number {
    return write(this.fd, bytes, length) >= 0 ? 0 : lastErrno();
  }

  /** Removes the device with its addresses. */
  close(): void {
    closeDescriptor(this.fd);
  }
}

function refused(operation: string, name: string, errno: number): OperationError {
  const remedy = remedies.get(errno);
  return new OperationError({ operation, subject: name, errno, ...(remedy === undefined ? {} : { remedy }) });
}

const taken =
  'an interface of this name exists; another daemon with the same instance name runs, or remove it: `ip link del NAME`';
const remedies: ReadonlyMap<number, string> = new Map([
  [EBUSY, taken],
  [EINVAL, taken],
  [ENOENT, 'load the module (`modprobe tun`) or give the container the device /dev/net/tun'],
]);
