/**
 * The kernel's side of the lease as transactions: which elements come and go when a group is held, when the lease is
 * renewed, and when all is closed. Every one covers both tables at once.
 */
import {
  addElements,
  addTimedElement,
  deleteElements,
  flushSet,
  type NftablesRequest,
} from '../nftables/request.ts';
import { type FencedGroup, type FenceTables, groupKey, lease, measure, sets } from './config.ts';

/** Refused (ENOENT) when the lease has expired: an expired lease is lost, and this does not bring it back. */
export function renewal(tables: FenceTables, leaseMs: number): NftablesRequest[] {
  return [...withdrawLease(tables), ...grantLease(tables, leaseMs)];
}

/** The lease is gone, whatever was left of it, and the measure of how long the decision takes begins. */
export function armDecision(tables: FenceTables, ms: number): NftablesRequest[] {
  return [flushSet(tables.netdev, sets.alive), flushSet(tables.inet, sets.alive), ...arm(tables, ms)];
}

/** A measure begins; one that still runs, or has run out, goes. Never refused where the tables are. */
export function arm(tables: FenceTables, ms: number): NftablesRequest[] {
  return [flushSet(tables.netdev, sets.measured), addTimedElement(tables.netdev, sets.measured, measure, ms)];
}

/** Refused (ENOENT) when the decision took longer than the measure lives. `limitMs`: see `holdUntil`. */
export function open(
  tables: FenceTables,
  leaseMs: number,
  groups: readonly FencedGroup[],
  limitMs?: number,
): NftablesRequest[] {
  return [
    ...disarm(tables),
    ...grantLease(tables, leaseMs),
    ...(limitMs === undefined
      ? hold(tables, groups)
      : groups.flatMap((group) => holdUntil(tables, group, limitMs))),
  ];
}

/** One element a group, however many addresses it has. */
export function hold(tables: FenceTables, groups: readonly FencedGroup[]): NftablesRequest[] {
  return [tables.netdev, tables.inet].flatMap((table) => addElements(table, sets.held, groups.map(groupKey)));
}

/** A group whose voice ends by itself after so long, whatever the lease. */
export function holdUntil(tables: FenceTables, group: FencedGroup, limitMs: number): NftablesRequest[] {
  return [tables.netdev, tables.inet].map((table) =>
    addTimedElement(table, sets.held, groupKey(group), limitMs),
  );
}

/** Refused (ENOENT) when the lease has run out, or the measure has. */
export function joinUntil(
  tables: FenceTables,
  leaseMs: number,
  group: FencedGroup,
  limitMs: number,
): NftablesRequest[] {
  return [...disarm(tables), ...renewal(tables, leaseMs), ...holdUntil(tables, group, limitMs)];
}

/** Refused (ENOENT) when the lease or the group's own time has run out, or the measure has. */
export function extension(
  tables: FenceTables,
  leaseMs: number,
  group: FencedGroup,
  limitMs: number,
): NftablesRequest[] {
  return [...release(tables, group), ...joinUntil(tables, leaseMs, group, limitMs)];
}

export function release(tables: FenceTables, group: FencedGroup): NftablesRequest[] {
  return [tables.netdev, tables.inet].flatMap((table) => deleteElements(table, sets.held, [groupKey(group)]));
}

/** Nothing is held, and the lease is gone, however much of it was left. */
export function close(tables: FenceTables): NftablesRequest[] {
  return [tables.netdev, tables.inet].flatMap((table) => [
    flushSet(table, sets.held),
    flushSet(table, sets.alive),
  ]);
}

/** The end of a measure; refused (ENOENT) when it has run out. */
function disarm(tables: FenceTables): NftablesRequest[] {
  return deleteElements(tables.netdev, sets.measured, [measure]);
}

function grantLease(tables: FenceTables, leaseMs: number): NftablesRequest[] {
  return [tables.netdev, tables.inet].map((table) => addTimedElement(table, sets.alive, lease, leaseMs));
}

function withdrawLease(tables: FenceTables): NftablesRequest[] {
  return [tables.netdev, tables.inet].flatMap((table) => deleteElements(table, sets.alive, [lease]));
}
