/**
 * The configuration file, field by field (what one field may be, and its default). What spans several fields is in
 * `crosscheck.ts`. Every message ends the sentence "<path> is <value>: …" and says what would be right.
 */
import * as v from 'valibot';
import type { CheckEntry, ConfigFile } from './format.ts';

type Text = v.GenericSchema<string>;
type Numeric = v.GenericSchema<number>;

function range(what: string, least: number, most: number): Numeric {
  const must = `must be ${what} from ${least} to ${most}`;
  return v.pipe(v.number(must), v.minValue(least, must), v.maxValue(most, must));
}

function integer(least: number, most: number): Numeric {
  const must = `must be a whole number from ${least} to ${most}`;
  return v.pipe(v.number(must), v.integer(must), v.minValue(least, must), v.maxValue(most, must));
}

function text(must: string, pattern: RegExp): Text {
  return v.pipe(v.string(must), v.regex(pattern, must));
}

function flag(): v.GenericSchema<boolean> {
  return v.boolean('must be true or false');
}

function mapping<Entries extends v.ObjectEntries>(entries: Entries): v.StrictObjectSchema<Entries, string> {
  return v.strictObject(entries, 'must be a mapping (key: value)');
}

const name = text(
  'must be a name: a letter, then letters, digits, "-", "_" or ".", at most 63',
  /^[A-Za-z][A-Za-z0-9_.-]{0,62}$/,
);
const interfaceName = text(
  'must be a network interface: 1 to 15 characters, no "/", ":" or space',
  /^(?!\.{1,2}$)[^\s/:]{1,15}$/,
);
const key = text(
  'must be 64 hexadecimal digits (32 random bytes: `openssl rand -hex 32`)',
  /^[0-9A-Fa-f]{64}$/,
);
const absolutePath = text('must be an absolute path', /^\//);
const someText = text('must be text of at least one character', /^[\s\S]+$/);
const addressText = v.string('must be an IP address (text; put IPv6 in quotes)');
const addressList = v.array(addressText, 'must be a list of IP addresses');
const milliseconds = 'a number of milliseconds';
const holdBytes = v.optional(integer(65_536, 1_073_741_824), 4_194_304);

function named<Item extends v.GenericSchema>(item: Item, what: string): v.GenericSchema {
  return v.pipe(
    v.record(name, item, `must be a mapping from ${what} names to their settings`),
    v.check((entries) => Object.keys(entries).length > 0, `must have at least one ${what}`),
  );
}

const path = mapping({
  id: integer(1, 255),
  kind: v.picklist(['cable', 'lan'], 'must be cable or lan'),
  port: integer(1, 65535),
  hops: v.optional(integer(0, 254), 0),
  tether: v.optional(flag(), true),
  members: named(mapping({ interface: interfaceName, address: addressText }), 'member'),
});

const rhythm = {
  name,
  intervalMs: v.optional(range(milliseconds, 10, 3_600_000), 1000),
  timeoutMs: v.optional(range(milliseconds, 1, 3_600_000), 500),
  rise: v.optional(integer(1, 1000), 2),
  fall: v.optional(integer(1, 1000), 3),
};

/** The kinds of check. A new kind adds its fields here and its one file under `checks/`. */
export const checkEntrySchema: v.GenericSchema<unknown, CheckEntry> = v.variant(
  'kind',
  [
    mapping({ ...rhythm, kind: v.literal('tcp'), address: addressText, port: integer(1, 65535) }),
    mapping({
      ...rhythm,
      kind: v.literal('exec'),
      command: v.pipe(
        v.array(someText, 'must be a list: [program, argument, …]'),
        v.minLength(1, 'must name a program: [program, argument, …]'),
      ),
    }),
    mapping({ ...rhythm, kind: v.literal('interface'), interface: interfaceName }),
  ],
  'must be one of tcp, exec, interface',
);

const mirror = mapping({
  mode: v.picklist(['concurrent'], 'must be concurrent'),
  service: integer(1, 65535),
  backend: v.optional(
    text(
      'must be the server behind the service: 127.0.0.1:8081, "[::1]:8081", or the absolute path of its unix socket',
      /^(?:\/.+|[0-9.]+:\d{1,5}|\[[0-9A-Fa-f:.]+\]:\d{1,5})$/,
    ),
  ),
  program: v.optional(
    text('must be the absolute path of the unix socket at which the program connects to its relay', /^\/.+$/),
  ),
  policy: v.optional(v.picklist(['degrade', 'wait'], 'must be degrade or wait'), 'degrade'),
  degradeAfterMs: v.optional(range(milliseconds, 100, 3_600_000), 1000),
  encrypt: v.optional(flag(), false),
  port: v.optional(integer(1, 65535), 7190),
  supervised: v.optional(flag(), true),
});

const group = mapping({
  interface: v.optional(interfaceName),
  addresses: v.pipe(addressList, v.minLength(1, 'must have at least one address')),
  members: named(
    mapping({
      priority: v.optional(integer(0, 255), 100),
      interface: v.optional(interfaceName),
      lanAddresses: v.optional(addressList),
      proxy: v.optional(name),
      gateways: v.optional(addressList),
    }),
    'member',
  ),
  proxies: v.optional(
    named(mapping({ interface: interfaceName, lanAddresses: v.optional(addressList) }), 'proxy'),
  ),
  policy: v.optional(v.picklist(['available', 'strict'], 'must be available or strict'), 'available'),
  witness: v.optional(name),
  preempt: v.optional(flag(), false),
  standbyAddress: v.optional(v.picklist(['present', 'absent'], 'must be present or absent'), 'present'),
  takeOverOn: v.optional(
    mapping({
      silence: v.optional(flag(), true),
      processDeath: v.optional(flag(), true),
      carrier: v.optional(flag(), true),
      status: v.optional(flag(), true),
    }),
    {},
  ),
  checks: v.optional(v.array(checkEntrySchema, 'must be a list of checks'), []),
  mirror: v.optional(mirror),
});

const schedule = v.pipe(
  v.array(range(milliseconds, 1, 600_000), 'must be a list of milliseconds after the takeover'),
  v.maxLength(32, 'must have at most 32 entries'),
  v.check(
    (times) => times.every((t, i) => i === 0 || t > (times[i - 1] ?? 0)),
    'must rise from entry to entry',
  ),
);

const top = mapping({
  cluster: name,
  node: name,
  key: v.optional(key),
  keyFile: v.optional(someText),
  keys: v.optional(
    v.pipe(
      v.array(key, 'must be a list of keys, the one that signs first'),
      v.minLength(1, 'must have at least one key'),
      v.maxLength(4, 'must have at most 4 keys'),
    ),
  ),
  stateDir: v.optional(absolutePath),
  control: v.optional(absolutePath),
  log: v.optional(
    mapping({
      level: v.optional(
        v.picklist(['debug', 'info', 'warn', 'error'], 'must be one of debug, info, warn, error'),
        'info',
      ),
    }),
    {},
  ),
  heartbeat: v.optional(
    mapping({
      intervalMs: v.optional(range(milliseconds, 1, 60_000), 2),
      misses: v.optional(integer(1, 100), 3),
    }),
    {},
  ),
  lease: v.optional(
    mapping({
      leaseMs: v.optional(range(milliseconds, 1, 60_000)),
      renewMs: v.optional(range(milliseconds, 1, 60_000), 4),
    }),
    {},
  ),
  startup: v.optional(
    mapping({
      graceMs: v.optional(range(milliseconds, 0, 600_000), 1000),
      probeMs: v.optional(range(milliseconds, 0, 60_000), 300),
      silentPortMs: v.optional(range(milliseconds, 0, 600_000), 30_000),
    }),
    {},
  ),
  realtime: v.optional(
    v.union(
      [v.literal(false), mapping({ fifoPriority: v.optional(integer(1, 99), 10) })],
      'must be false or {fifoPriority: 1..99}',
    ),
    {},
  ),
  announce: v.optional(
    mapping({
      scheduleMs: v.optional(schedule, [50, 200, 1000, 3000]),
      defendIntervalMs: v.optional(range(milliseconds, 10, 600_000), 1000),
    }),
    {},
  ),
  switchover: v.optional(
    mapping({
      drainMs: v.optional(range(milliseconds, 0, 10_000), 5),
      timeoutMs: v.optional(range(milliseconds, 10, 600_000), 1000),
      handoffMs: v.optional(range(milliseconds, 0, 600_000), 1000),
      holdBytes,
    }),
    {},
  ),
  proxy: v.optional(
    mapping({
      registrationMs: v.optional(range(milliseconds, 100, 3_600_000), 3000),
      stragglersMs: v.optional(range(milliseconds, 0, 600_000), 10_000),
      holdBytes,
      holdAgeMs: v.optional(range(milliseconds, 1, 60_000), 2000),
    }),
    {},
  ),
  strict: v.optional(
    mapping({
      promiseMs: v.optional(range(milliseconds, 10, 60_000)),
      driftPpm: v.optional(integer(1, 100_000), 1000),
    }),
    {},
  ),
  damping: v.optional(
    mapping({
      firstMs: v.optional(range(milliseconds, 0, 3_600_000), 10_000),
      maxMs: v.optional(range(milliseconds, 1, 86_400_000), 300_000),
      forgetMs: v.optional(range(milliseconds, 1, 604_800_000), 900_000),
    }),
    {},
  ),
  members: named(mapping({ id: integer(1, 65535) }), 'member'),
  paths: named(path, 'path'),
  groups: named(group, 'group'),
});

export const configSchema: v.GenericSchema<unknown, ConfigFile> = top as unknown as v.GenericSchema<
  unknown,
  ConfigFile
>;
