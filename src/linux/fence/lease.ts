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
import { arming, type FencedGroup, type FenceTables, groupKey, heldUpMs, lease, sets } from './config.ts';

/** Refused (ENOENT) when the lease has expired: an expired lease is lost, and this does not bring it back. */
export function renewal(tables: FenceTables, leaseMs: number): NftablesRequest[] {
  return [...withdrawLease(tables), ...grantLease(tables, leaseMs)];
}

/** Starts the measure of how long the decision takes. Whatever was left of an earlier one goes. */
export function armDecision(tables: FenceTables, leaseMs: number): NftablesRequest[] {
  return [
    flushSet(tables.netdev, sets.alive),
    flushSet(tables.inet, sets.alive),
    addTimedElement(tables.netdev, sets.alive, arming, leaseMs),
  ];
}

/** Refused (ENOENT) when the decision took longer than the measure lives. `limitMs`: see `holdUntil`. */
export function open(
  tables: FenceTables,
  leaseMs: number,
  group: FencedGroup,
  limitMs?: number,
): NftablesRequest[] {
  return [
    ...disarm(tables),
    ...grantLease(tables, leaseMs),
    ...(limitMs === undefined ? hold(tables, [group]) : holdUntil(tables, group, limitMs)),
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

/** Starts the measure of how long it takes to reckon a limit and to tell the kernel of it. */
export function armReckoning(tables: FenceTables): NftablesRequest[] {
  return [addTimedElement(tables.netdev, sets.alive, arming, heldUpMs)];
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
  return deleteElements(tables.netdev, sets.alive, [arming]);
}

function grantLease(tables: FenceTables, leaseMs: number): NftablesRequest[] {
  return [tables.netdev, tables.inet].map((table) => addTimedElement(table, sets.alive, lease, leaseMs));
}

function withdrawLease(tables: FenceTables): NftablesRequest[] {
  return [tables.netdev, tables.inet].flatMap((table) => deleteElements(table, sets.alive, [lease]));
}
