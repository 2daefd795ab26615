/** Order statistics and tables. */

export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly p99: number;
  readonly max: number;
}

/** Nearest-rank quantiles; undefined for no values. */
export function spread(values: readonly number[]): Spread | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = (q: number): number => sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
  if (sorted.length === 0) return undefined;
  return { min: rank(0), median: rank(0.5), p99: rank(0.99), max: rank(1) };
}

export function formatSpread(values: readonly number[], digits: number): string {
  const s = spread(values);
  if (s === undefined) return '-';
  return [s.min, s.median, s.p99, s.max].map((value) => value.toFixed(digits)).join(' / ');
}

export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
