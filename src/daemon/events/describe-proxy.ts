/** What is reported of proxies and registrations, in the operator's names and in a sentence. */
import type { Report } from '../../engine/effect.ts';
import { MemberState, registrationCodeNames } from '../../wire/control/message.ts';
import type { Names } from '../config/resolve.ts';
import type { Description } from './describe.ts';
import { memberName, termDetail, termText } from './names.ts';

const codes = [
  'proxyTransition',
  'registered',
  'registrationEnded',
  'registrationRefused',
  'proxyFound',
  'proxyLost',
] as const;

export type ProxyReport = Extract<Report, { code: (typeof codes)[number] }>;

export function isProxyReport(report: { readonly code: string }): report is ProxyReport {
  return codes.some((code) => code === report.code);
}

const states = new Map(Object.entries(MemberState).map(([name, number]) => [number, name]));

export function describeProxy(report: ProxyReport, names: Names): Description {
  const group = names.groups.get(report.group) ?? `group ${report.group}`;
  switch (report.code) {
    case 'proxyTransition': {
      const { from, to, term, why } = report;
      const member = report.member === 0 ? null : memberName(names, report.member);
      const towards = member === null ? '' : ` for ${member}`;
      return {
        message: `${group}: proxy ${from} -> ${to}${towards}, term ${termText(term, names)} (${why})`,
        group,
        detail: { from, to, member, ...termDetail(term, names), why },
      };
    }
    case 'registered': {
      const peer = memberName(names, report.member);
      const state = states.get(report.state) ?? null;
      return {
        message: `${group}: ${peer} is registered as ${state}`,
        group,
        peer,
        detail: { state, ...termDetail(report.term, names) },
      };
    }
    case 'registrationEnded': {
      const peer = memberName(names, report.member);
      const how = report.why === 'expired' ? 'ran out' : 'was withdrawn';
      return {
        message: `${group}: the registration of ${peer} ${how}`,
        group,
        peer,
        detail: { why: report.why },
      };
    }
    case 'registrationRefused': {
      const [peer, proxy] = [memberName(names, report.member), memberName(names, report.proxy)];
      const why = registrationCodeNames.get(report.why) ?? null;
      return {
        message: `${group}: ${proxy} refuses the registration of ${peer}: ${why}, highest term ${termText(report.term, names)}`,
        group,
        peer,
        detail: { proxy, why, ...termDetail(report.term, names) },
      };
    }
    case 'proxyFound':
    case 'proxyLost': {
      const peer = memberName(names, report.proxy);
      const what = report.code === 'proxyFound' ? 'serves this member' : 'is lost';
      return {
        message: `${group}: ${peer} ${what}: ${report.why}`,
        group,
        peer,
        detail: { why: report.why },
      };
    }
  }
}
