/** What the reactor reports by numbers, in the operator's names and in a sentence. */
import type { Occurrence } from '../../api/types.ts';
import type { Report, TakeoverCause } from '../../engine/effect.ts';
import { formatIp, formatMac } from '../../wire/address.ts';
import type { ReactorReport } from '../bridge.ts';
import type { Names } from '../config/resolve.ts';
import { describeProxy, isProxyReport, type ProxyReport } from './describe-proxy.ts';
import { memberName, termDetail, termText } from './names.ts';

/** An occurrence before it has its number, its time, and its code's usual level. */
export type Description = Pick<Occurrence, 'message' | 'detail'> &
  Partial<Pick<Occurrence, 'level' | 'group' | 'peer'>>;

type AnyReport = Report | ReactorReport;

export function describeReport(report: AnyReport, names: Names): Description {
  switch (report.code) {
    case 'pathUp':
    case 'pathDown':
    case 'peerUp':
    case 'peerDown':
    case 'faultSeen':
    case 'twin':
      return describePeer(report, names);
    case 'carrier':
    case 'restored':
    case 'lapse':
    case 'trouble':
      return describeMachine(report);
    default:
      return isProxyReport(report) ? describeProxy(report, names) : describeGroup(report, names);
  }
}

type PeerReport = Extract<
  AnyReport,
  { code: 'pathUp' | 'pathDown' | 'peerUp' | 'peerDown' | 'faultSeen' | 'twin' }
>;

function describePeer(report: PeerReport, names: Names): Description {
  if (report.code === 'twin') {
    const node = memberName(names, report.node);
    const { address } = report;
    return { message: `another machine says it is ${node}: ${address}`, peer: node, detail: { address } };
  }
  const peer = memberName(names, report.peer);
  const why = report.why;
  const detail = { why };
  switch (report.code) {
    case 'pathUp':
    case 'pathDown': {
      const path = names.paths.get(report.path) ?? `path ${report.path}`;
      const state = report.code === 'pathUp' ? 'up' : 'down';
      return { message: `${path} to ${peer} is ${state} (${why})`, peer, detail: { path, ...detail } };
    }
    case 'peerUp':
      return { message: `${peer} is heard`, peer, detail };
    case 'peerDown':
      return {
        message: `${peer} is down: ${causes[report.why]}`,
        peer,
        detail,
        ...(report.why === 'stopping' ? { level: 'info' as const } : {}),
      };
    case 'faultSeen':
      return { message: `${peer} shows a fault: ${causes[report.why]}`, peer, detail };
  }
}

const causes: Readonly<Record<TakeoverCause, string>> = {
  silence: 'no heartbeat on any path',
  processDeath: 'its process ended',
  carrier: 'the carrier of the cable went',
  status: 'it says it cannot serve',
  stopping: 'it stops in order',
  heard: 'it is heard',
};

type GroupReport = Exclude<
  AnyReport,
  PeerReport | ProxyReport | { code: 'carrier' | 'restored' | 'lapse' | 'trouble' }
>;

function describeGroup(report: GroupReport, names: Names): Description {
  const group = names.groups.get(report.group) ?? `group ${report.group}`;
  switch (report.code) {
    case 'transition':
      return {
        message: `${group}: ${report.from} -> ${report.to}, term ${termText(report.term, names)} (${report.why})`,
        group,
        detail: { from: report.from, to: report.to, ...termDetail(report.term, names), why: report.why },
        ...(report.to === 'faulted' ? { level: 'warn' as const } : {}),
      };
    case 'announced':
      return {
        message: `${group}: announced, round ${report.round}`,
        group,
        detail: { round: report.round, ...termDetail(report.term, names) },
      };
    case 'claimed':
    case 'foreignClaim':
    case 'addressInUse':
    case 'waitsForPort':
      return describeClaim(report, group, names);
    case 'unreservedTerm':
      return {
        message: `${group}: active with term ${termText(report.term, names)}, which is not on the disk yet`,
        group,
        detail: termDetail(report.term, names),
      };
    case 'leaseLost':
      return { message: `${group}: the lease ran out; the role is given up`, group, detail: {} };
    case 'majorityLost':
      return {
        message: `${group}: no majority's promises any more; the role is given up`,
        group,
        detail: {},
      };
    case 'heldBack':
      return {
        message: `${group}: held back for ${report.us / 1_000_000} s, after ${report.falls} falls`,
        group,
        detail: { falls: report.falls, us: report.us },
      };
    case 'heldBackEnded':
      return { message: `${group}: not held back any more`, group, detail: { falls: report.falls } };
    case 'maintenance':
      return describeMaintenance(report, group);
    case 'switchoverFailed':
      return {
        message: `${group}: switchover called off: ${report.why}`,
        group,
        detail: { why: report.why },
      };
  }
}

type ClaimReport = Extract<
  GroupReport,
  { code: 'claimed' | 'foreignClaim' | 'addressInUse' | 'waitsForPort' }
>;

function describeClaim(report: ClaimReport, group: string, names: Names): Description {
  switch (report.code) {
    case 'claimed': {
      const by = memberName(names, report.member);
      return { message: `${group}: ${by} claims the address, too`, group, detail: { by } };
    }
    case 'foreignClaim': {
      const { address, mac, interface: where, how, count } = report;
      const asks = how === 'probe';
      const times = count > 1 ? `, ${count} times` : '';
      return {
        message: `${group}: ${mac} on ${where} ${asks ? 'asks for' : 'claims'} ${address}${times} (${how})`,
        group,
        detail: { address, mac, interface: where, how, count },
        ...(asks ? { level: 'info' as const } : {}),
      };
    }
    case 'addressInUse': {
      const [address, mac] = [formatIp(report.address), formatMac(report.mac)];
      const by = report.member === 0 ? null : memberName(names, report.member);
      return {
        message: `${group}: not taken yet: ${by ?? 'a stranger'} (${mac}) has ${address}`,
        group,
        detail: { address, mac, by },
      };
    }
    case 'waitsForPort':
      return { message: `${group}: the port passes nothing yet; waiting`, group, detail: {} };
  }
}

function describeMaintenance(
  { role, why }: Extract<GroupReport, { code: 'maintenance' }>,
  group: string,
): Description {
  const detail = { role, why };
  if (role === null) return { message: `${group}: maintenance has ended`, group, detail, level: 'info' };
  return { message: `${group}: in maintenance, pinned as ${role} (${pinnedBecause[why]})`, group, detail };
}

const pinnedBecause: Readonly<Record<Extract<GroupReport, { code: 'maintenance' }>['why'], string>> = {
  operator: 'an operator asked for it',
  restored: 'since before this start',
  heard: 'another member is active',
};

type MachineReport = Extract<AnyReport, { code: 'carrier' | 'restored' | 'lapse' | 'trouble' }>;

function describeMachine(report: MachineReport): Description {
  switch (report.code) {
    case 'carrier':
      return {
        message: `${report.interface} ${report.up ? 'has carrier' : 'lost its carrier'}`,
        detail: { interface: report.interface, up: report.up },
        ...(report.up ? {} : { level: 'warn' as const }),
      };
    case 'restored':
      return { message: `put back ${report.what}`, detail: { what: report.what } };
    case 'lapse':
      return {
        message: `the lease lapsed: the loop woke ${(report.lateUs / 1000).toFixed(1)} ms late`,
        detail: { lateUs: report.lateUs },
      };
    case 'trouble':
      return { message: `${report.operation}: ${report.message}`, detail: { operation: report.operation } };
  }
}
