/**
 * The import-direction check: which layer may import which. An arrow the wrong way fails CI, with the file, the
 * line and the layers it may use instead. Tests may also use fast-check and the node: test modules.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

const root = join(import.meta.dirname, '..');

/** Layer -> what it may import: other layers, `node:` modules, packages. The order is the architecture's. */
const allowed: Record<string, { layers: readonly string[]; node: boolean; packages: readonly string[] }> = {
  wire: { layers: [], node: false, packages: [] },
  engine: { layers: ['wire'], node: false, packages: [] },
  mirror: { layers: ['wire'], node: false, packages: [] },
  sim: { layers: ['engine', 'wire'], node: true, packages: [] },
  link: { layers: ['mirror', 'wire'], node: true, packages: [] },
  library: { layers: ['mirror', 'link', 'wire', 'api'], node: true, packages: [] },
  linux: { layers: ['wire'], node: true, packages: ['koffi'] },
  sessions: { layers: ['wire'], node: false, packages: [] },
  relay: { layers: ['sessions', 'mirror', 'link', 'linux', 'wire', 'api'], node: true, packages: [] },
  api: { layers: [], node: false, packages: [] },
  daemon: {
    layers: ['wire', 'engine', 'linux', 'api'],
    node: true,
    packages: ['yaml', 'valibot', '@valibot/to-json-schema', 'pino'],
  },
  lab: { layers: ['wire', 'linux', 'api'], node: true, packages: ['yaml'] },
  cli: { layers: ['api'], node: true, packages: ['commander', 'undici'] },
};

/** Doors between layers that are opened lazily by a command (`understudy run` starts the daemon): `cli` only. */
const lazyDoors: Record<string, readonly string[]> = { cli: ['daemon', 'lab', 'relay'] };

const importPattern =
  /(?:^|\n)\s*(?:import|export)\b[^;'"]*?\bfrom\s*['"]([^'"]+)['"]|\n\s*import\s*['"]([^'"]+)['"]/g;
const lazyPattern = /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;

/** Why `specifier` may not be imported from `file`, or undefined when it may. */
function objection(file: string, specifier: string, lazy: boolean): string | undefined {
  const layer = file.split('/')[1] ?? '';
  const rule = allowed[layer];
  if (rule === undefined)
    return `src/${layer}/ is not a layer; the layers are ${Object.keys(allowed).join(', ')}`;
  const isTest = file.endsWith('.test.ts');
  if (specifier.startsWith('node:')) {
    return rule.node || isTest ? undefined : `${layer} imports no node: modules (it is pure)`;
  }
  if (specifier.startsWith('.')) {
    const target = normalize(join(dirname(file), specifier)).split('/');
    const to = target[0] === 'src' ? target[1] : undefined;
    if (to === undefined) return isTest ? undefined : `${layer} may not reach outside src/`;
    if (to === layer || rule.layers.includes(to)) return undefined;
    if (lazy && lazyDoors[layer]?.includes(to)) return undefined;
    return `${layer} may import ${[layer, ...rule.layers].join(', ')}; not ${to}`;
  }
  if (isTest && specifier === 'fast-check') return undefined;
  const name = specifier.startsWith('@')
    ? specifier.split('/').slice(0, 2).join('/')
    : (specifier.split('/')[0] ?? '');
  return rule.packages.includes(name) ? undefined : `${layer} may not depend on the package ${name}`;
}

let wrong = 0;
let arrows = 0;
for (const file of globSync('src/**/*.ts', { cwd: root }).sort()) {
  const text = `\n${readFileSync(join(root, file), 'utf8')}`;
  for (const [pattern, lazy] of [
    [importPattern, false],
    [lazyPattern, true],
  ] as const) {
    for (const match of text.matchAll(pattern)) {
      const specifier = match[1] ?? match[2] ?? '';
      arrows++;
      const why = objection(file, specifier, lazy);
      if (why === undefined) continue;
      wrong++;
      const line = text.slice(0, match.index).split('\n').length;
      process.stderr.write(`${file}:${line}: '${specifier}': ${why}\n`);
    }
  }
}
process.stdout.write(`${arrows} imports checked, ${wrong} against the direction of the architecture\n`);
process.exitCode = wrong === 0 ? 0 : 1;
