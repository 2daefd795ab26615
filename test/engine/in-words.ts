/** What an engine asks for, as short lines. */
import type { Effect, Report } from '../../src/engine/effect.ts';
import { formatIp, formatMac } from '../../src/wire/address.ts';
import {
  ControlType,
  MemberState,
  PromiseWord,
  RegistrationCode,
  type Term,
} from '../../src/wire/control/message.ts';

const typeNames = namesOf(ControlType);
const stateNames = namesOf(MemberState);
const codeNames = namesOf(RegistrationCode);
const wordNames = namesOf(PromiseWord);

function namesOf(numbers: Readonly<Record<string, number>>): Readonly<Record<number, string>> {
  return Object.fromEntries(Object.entries(numbers).map(([name, value]) => [value, name]));
}

export function inWords(effect: Effect): string {
  switch (effect.kind) {
    case 'beat':
      return `beat ${effect.peer}/${effect.path}`;
    case 'send':
      return `send ${typeNames[effect.type]} to ${effect.peer} ${sentInWords(effect)}`;
    case 'acquire':
      return `acquire ${effect.term.counter}.${effect.term.member}`;
    case 'extend':
      return 'extend';
    case 'yield':
      return 'yield';
    case 'answer':
      return `answer ${effect.on ? 'on' : 'off'}`;
    case 'probe':
      return 'probe';
    case 'announce':
      return `announce${effect.ask ? ' and ask' : ''}`;
    case 'forward':
      return `forward ${effect.to}`;
    case 'hold':
      return `hold ${effect.action}`;
    case 'route':
      return `route ${effect.to}`;
    case 'resolve':
      return `resolve ${effect.node}`;
    case 'reserveTerms':
      return `reserve ${effect.ceiling}`;
    case 'stopped':
      return 'stopped';
    case 'report':
      return reportInWords(effect.report);
  }
}

function sentInWords(effect: Extract<Effect, { kind: 'send' }>): string {
  const { type, state, term, registration, promise } = effect;
  const { identification = 0, lifetimeMs = 0, code = 0 } = registration ?? {};
  const by = `term ${inWordsOf(term)}`;
  if (promise !== undefined) return `#${promise.identification} ${wordNames[promise.word]} ${by}`;
  if (type === ControlType.register) {
    return `${by} as ${stateNames[state]}${lifetimeMs === 0 ? ', for the last time' : ''}`;
  }
  return type === ControlType.registered ? `#${identification} ${codeNames[code]} ${by}` : by;
}

function inWordsOf({ counter, member }: Term): string {
  return `${counter}.${member}`;
}

function reportInWords(report: Report): string {
  switch (report.code) {
    case 'pathUp':
    case 'pathDown':
      return `${report.code} ${report.peer}/${report.path} ${report.why}`;
    case 'peerUp':
    case 'peerDown':
    case 'faultSeen':
      return `${report.code} ${report.peer} ${report.why}`;
    case 'transition':
      return `${report.from}>${report.to} ${report.why}`;
    case 'announced':
      return `announced ${report.round}`;
    case 'claimed':
      return `claimed ${report.member}`;
    case 'addressInUse':
      return `addressInUse ${formatIp(report.address)} ${formatMac(report.mac)} ${report.member}`;
    case 'waitsForPort':
      return report.code;
    case 'unreservedTerm':
      return `unreserved ${report.term.counter}`;
    case 'leaseLost':
    case 'majorityLost':
      return report.code;
    case 'heldBack':
      return `heldBack ${report.us} after ${report.falls}`;
    case 'heldBackEnded':
      return 'heldBackEnded';
    case 'maintenance':
      return `maintenance ${report.role} ${report.why}`;
    case 'switchoverFailed':
      return `failed: ${report.why}`;
    case 'proxyTransition':
      return `${report.from}>${report.to} ${report.why}`;
    case 'registered':
      return `registered ${report.member} ${stateNames[report.state]} ${inWordsOf(report.term)}`;
    case 'registrationEnded':
      return `registrationEnded ${report.member} ${report.why}`;
    case 'registrationRefused':
      return `registrationRefused ${report.member} by ${report.proxy} ${codeNames[report.why]} ${inWordsOf(report.term)}`;
    case 'proxyFound':
    case 'proxyLost':
      return `${report.code} ${report.proxy} ${report.why}`;
  }
}
