/** Fences found in the kernel: whose, in which state, and how to be rid of those whose owner is dead. */
import { formatIp, readIpv4, readIpv6 } from '../../wire/address.ts';
import { OperationError } from '../errors.ts';
import { deleteTable, type Table } from '../nftables/request.ts';
import { NftablesSocket } from '../nftables/socket.ts';
import { lease, leavingChain, sets, tablesOf } from './config.ts';

/** Deletes the tables of ours whose name begins with `prefix`; returns their names. */
export function cleanFences(prefix: string): string[] {
  if (prefix === '') throw new RangeError("an empty prefix would delete everybody's tables");
  const nftables = NftablesSocket.open();
  try {
    const found = nftables.tables().filter((table) => table.name.startsWith(prefix));
    nftables.commit(found.map(deleteTable));
    return [...new Set(found.map((table) => table.name))];
  } finally {
    nftables.close();
  }
}

/** Undefined: not there, or not whole. `held` in canonical text; alive in both tables, or not at all. */
export function inspectFence(instance: string): { leaseAlive: boolean; held: string[] } | undefined {
  const tables = tablesOf(instance);
  const nftables = NftablesSocket.open();
  try {
    if (!fenceIsWhole(nftables, [tables.netdev, tables.inet])) return undefined;
    const leaseAlive = [tables.netdev, tables.inet].every((table) =>
      nftables.elements(table, sets.alive).some(({ key }) => key.equals(lease)),
    );
    const groups = nftables.elements(tables.netdev, sets.held).map(({ key }) => key.readUInt32BE());
    const chains = new Set(groups.map((id) => leavingChain({ id })));
    const keys = (map: string): Buffer[] =>
      nftables
        .elements(tables.netdev, map)
        .filter(({ chain }) => chain !== undefined && chains.has(chain))
        .map(({ key }) => key);
    const held = [
      ...keys(sets.leaving4).map((key) => formatIp(readIpv4(key, 0))),
      ...keys(sets.leaving6).map((key) => formatIp(readIpv6(key, 0))),
    ];
    return { leaseAlive, held };
  } catch (error) {
    if (error instanceof OperationError && error.errno === 'ENOENT') return undefined;
    throw error;
  } finally {
    nftables.close();
  }
}

/** These tables are there and have rules. */
export function fenceIsWhole(nftables: NftablesSocket, tables: readonly Table[]): boolean {
  const present = nftables.tables();
  return tables.every(
    ({ family, name }) =>
      present.some((one) => one.family === family && one.name === name) &&
      nftables.ruleCount({ family, name }) > 0,
  );
}
