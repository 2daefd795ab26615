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

/** The example with some lines (counted from 1) replaced; null removes a line's text but keeps its number. */
export function exampleText(changes: Readonly<Record<number, string | null>> = {}): string {
  return exampleLines
    .map((line, index) => {
      const change = changes[index + 1];
      return change === undefined ? line : (change ?? '');
    })
    .join('\n');
}
