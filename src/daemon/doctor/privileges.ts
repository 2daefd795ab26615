/** What this process may do: a daemon started in the same way may do the same. */
import { readFileSync } from 'node:fs';
import type { Finding } from '../../api/finding.ts';
import { missing, ok, reduced } from './finding.ts';

/** Numbers of `linux/capability.h`. */
const capabilities = { CAP_NET_ADMIN: 12, CAP_NET_RAW: 13, CAP_SYS_NICE: 23 } as const;
const needed = ['CAP_NET_ADMIN', 'CAP_NET_RAW'] as const;
const everything = '0 0 4294967295';

export function examinePrivileges(): Finding[] {
  const user = `user ${process.getuid?.() ?? 'unknown'}`;
  const held = needed.map((name) =>
    holds(name)
      ? ok(name, user)
      : missing(name, `${user} does not have it`, `run as root, or grant ${name} (AmbientCapabilities=)`),
  );
  return [...held, examineUserNamespace(), examineSettings()];
}

/** Whether this process has the capability, in its own user namespace. */
export function holds(capability: keyof typeof capabilities): boolean {
  const status = readFileSync('/proc/self/status', 'utf8');
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  return ((effective >> BigInt(capabilities[capability])) & 1n) === 1n;
}

function examineUserNamespace(): Finding {
  const map = readFileSync('/proc/self/uid_map', 'utf8').trim().replaceAll(/\s+/g, ' ');
  if (map === everything) return ok('user namespace', "the machine's own");
  return reduced(
    'user namespace',
    'a container: its capabilities count for its own network only',
    'real-time scheduling and niceness follow the limits RTPRIO and NICE',
    'give the container these limits, or run it without a user namespace of its own',
  );
}

/** `arp_ignore` and others of the interfaces in use. Opening a setting for writing changes nothing. */
function examineSettings(): Finding {
  const file = '/proc/sys/net/ipv4/conf/all/send_redirects';
  try {
    readFileSync(file, { flag: 'r+' });
    return ok('settings', 'those of the network can be written');
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const remedy = 'mount /proc/sys writable: a container needs --privileged, or these settings from outside';
    return missing('settings', `${file} cannot be written: ${why}`, remedy);
  }
}
