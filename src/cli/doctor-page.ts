/** `understudy doctor` for a person: one line a thing; where one is not as it should be, a second one says what follows. */
import type { Finding } from '../api/finding.ts';

const words: Readonly<Record<Finding['state'], string>> = {
  ok: 'ok',
  reduced: 'REDUCED',
  missing: 'MISSING',
};
const stateWidth = 9;

export function doctorPage(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ name }) => name.length)) + 2;
  const lines = findings.flatMap(({ name, state, found, instead, remedy }) => {
    const head = `${words[state].padEnd(stateWidth)}${name.padEnd(width)}`;
    const rest = [
      instead === undefined ? '' : `instead: ${instead}`,
      remedy === undefined ? '' : `remedy: ${remedy}`,
    ];
    const follows = rest.filter((part) => part !== '').join('; ');
    const indent = ' '.repeat(stateWidth + width);
    return [`${head}${found}`, ...(follows === '' ? [] : [`${indent}${follows}`])];
  });
  return `${lines.join('\n')}\n\n${verdict(findings)}\n`;
}

/** Whether a daemon would work. */
export function works(findings: readonly Finding[]): boolean {
  return findings.every(({ state }) => state !== 'missing');
}

function verdict(findings: readonly Finding[]): string {
  const count = (state: Finding['state']): number => findings.filter((one) => one.state === state).length;
  if (!works(findings)) return `a daemon would not work here: ${count('missing')} missing`;
  return count('reduced') === 0
    ? 'a daemon works here'
    : `a daemon works here, reduced in ${count('reduced')} things`;
}
