/** A valid configuration that tests change one line of. The first line of the text is line 1. */
export const exampleKey: string = '5f'.repeat(32);

export const exampleLines: readonly string[] = [
  'cluster: lab', // 1
  'node: primary', // 2
  `key: ${exampleKey}`, // 3
  'stateDir: /run/understudy/primary', // 4
  'control: /run/understudy/primary.sock', // 5
  'heartbeat: { intervalMs: 2, misses: 3 }', // 6
  'lease: { leaseMs: 20, renewMs: 4 }', // 7
  'realtime: { fifoPriority: 10 }', // 8
  'announce: { scheduleMs: [50, 200] }', // 9
  'switchover: { drainMs: 5, timeoutMs: 1000 }', // 10
  'members:', // 11
  '  primary: { id: 1 }', // 12
  '  redundant: { id: 2 }', // 13
  'paths:', // 14
  '  cable:', // 15
  '    id: 1', // 16
  '    kind: cable', // 17
  '    port: 7169', // 18
  '    members:', // 19
  '      primary: { interface: cable0, address: 198.51.100.1 }', // 20
  '      redundant: { interface: cable0, address: 198.51.100.2 }', // 21
  '  lan:', // 22
  '    id: 2', // 23
  '    kind: lan', // 24
  '    port: 7170', // 25
  '    members:', // 26
  '      primary: { interface: lan0, address: 192.0.2.1 }', // 27
  '      redundant: { interface: lan0, address: 192.0.2.2 }', // 28
  'groups:', // 29
  '  web:', // 30
  '    interface: lan0', // 31
  '    addresses: [192.0.2.10, "2001:db8:0:1::10"]', // 32
  '    members: { primary: { priority: 200 }, redundant: { priority: 100, lanAddresses: [192.0.2.2, "2001:db8:0:1::2"] } }', // 33
  '    checks:', // 34
  '      - { name: http, kind: tcp, address: 127.0.0.1, port: 80 }', // 35
];

/** Two members on segments of their own, each behind a proxy on the hosts' LAN. */
const proxiedLines: readonly string[] = [
  'cluster: lab', // 1
  'node: primary', // 2
  `key: ${exampleKey}`, // 3
  'proxy: { registrationMs: 3000, stragglersMs: 10000, holdBytes: 4194304, holdAgeMs: 2000 }', // 4
  'members:', // 5
  '  primary: { id: 1 }', // 6
  '  redundant: { id: 2 }', // 7
  '  proxy-a: { id: 11 }', // 8
  '  proxy-b: { id: 12 }', // 9
  'paths:', // 10
  '  link:', // 11
  '    { id: 1, kind: cable, port: 7169, members: { primary: {interface: link0, address: 203.0.113.1}, redundant: {interface: link0, address: 203.0.113.2} } }', // 12
  '  seg-a:', // 13
  '    { id: 2, kind: cable, port: 7170, members: { proxy-a: {interface: seg0, address: 198.51.100.1}, primary: {interface: seg0, address: 198.51.100.2} } }', // 14
  '  seg-b:', // 15
  '    { id: 3, kind: cable, port: 7170, members: { proxy-b: {interface: seg0, address: 198.51.100.5}, redundant: {interface: seg0, address: 198.51.100.6} } }', // 16
  '  lan:', // 17
  '    { id: 4, kind: lan, port: 7171, members: { proxy-a: {interface: lan0, address: 192.0.2.1}, proxy-b: {interface: lan0, address: 192.0.2.2} } }', // 18
  'groups:', // 19
  '  web:', // 20
  '    addresses: [192.0.2.10, "2001:db8:0:1::10"]', // 21
  '    members:', // 22
  '      primary:', // 23
  '        interface: seg0', // 24
  '        priority: 200', // 25
  '        proxy: proxy-a', // 26
  '        lanAddresses: [198.51.100.2, "2001:db8:0:a::2"]', // 27
  '        gateways: [198.51.100.1, "2001:db8:0:a::1"]', // 28
  '      redundant:', // 29
  '        interface: seg0', // 30
  '        priority: 100', // 31
  '        proxy: proxy-b', // 32
  '        lanAddresses: [198.51.100.6, "2001:db8:0:b::2"]', // 33
  '        gateways: [198.51.100.5, "2001:db8:0:b::1"]', // 34
  '    proxies:', // 35
  '      proxy-a: { interface: lan0, lanAddresses: [192.0.2.1, "2001:db8:0:1::1"] }', // 36
  '      proxy-b: { interface: lan0, lanAddresses: [192.0.2.2, "2001:db8:0:1::2"] }', // 37
];

export type Changes = Readonly<Record<number, string | null>>;

/** The example with some lines (counted from 1) replaced; null removes a line's text but keeps its number. */
export function exampleText(changes: Changes = {}): string {
  return changedText(exampleLines, changes);
}

/** The example with proxies, changed in the same way. */
export function proxiedText(changes: Changes = {}): string {
  return changedText(proxiedLines, changes);
}

function changedText(lines: readonly string[], changes: Changes): string {
  return lines
    .map((line, index) => {
      const change = changes[index + 1];
      return change === undefined ? line : (change ?? '');
    })
    .join('\n');
}
