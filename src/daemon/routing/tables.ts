/**
 * The numbers of this daemon's routing tables, and how to be rid of what is in them. Rules and routes carry a protocol
 * number of our own: what somebody else put there stays.
 */
import { protocolUnderstudy } from '../../linux/route/constants.ts';
import { deleteRoute } from '../../linux/route/requests.ts';
import { deleteRule } from '../../linux/route/rules.ts';
import type { RouteSocket } from '../../linux/route/socket.ts';

const families = ['ipv4', 'ipv6'] as const;

/** 'u' in the top byte, then 16 bits of the instance, then which of its tables (0..255). */
export function tableOf(instance: string, which: number): number {
  return 0x7500_0000 + ((Number.parseInt(instance, 16) & 0xffff) << 8) + which;
}

/** Whether the table is one of this instance's. */
export function isTableOf(instance: string, table: number): boolean {
  return tableOf(instance, table & 0xff) === table;
}

/** Deletes our rules that lead to such tables, then the routes in those; returns the tables. Throws OperationError. */
export function removeRouting(route: RouteSocket, wanted: (table: number) => boolean): ReadonlySet<number> {
  const rules = route.rules().filter((rule) => rule.protocol === protocolUnderstudy && wanted(rule.table));
  route.batch(rules.map(deleteRule));
  const tables = new Set(rules.map(({ table }) => table));
  for (const table of tables) {
    for (const family of families) {
      const found = route.routesIn(table, family).filter(({ protocol }) => protocol === protocolUnderstudy);
      route.batch(
        found.map(({ destination, prefix }) =>
          deleteRoute({ family, table, prefix, ...(destination === undefined ? {} : { destination }) }),
        ),
      );
    }
  }
  return tables;
}
