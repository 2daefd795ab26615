/** Bugs that the simulator must find: one thing each that the engine must do, left out or done wrong. */
import type { Patch } from './mutation.ts';

export interface Planted {
  /** What the engine does wrong, in words. */
  readonly name: string;
  readonly patches: readonly Patch[];
}

function bug(name: string, file: string, find: string, replace: string): Planted {
  return { name, patches: [{ file: `src/engine/${file}.ts`, find, replace }] };
}

/** In what stands for the kernel and the reactor: the simulator has a model of them. */
function modelBug(name: string, file: string, find: string, replace: string): Planted {
  return { name, patches: [{ file: `src/sim/${file}.ts`, find, replace }] };
}

/** Leases. */
const leases: readonly Planted[] = [
  modelBug(
    'a lease is renewed late',
    'machine',
    'this.#renewAt = agenda.now + this.#world.plan.renewUs;\n      if',
    'this.#renewAt = agenda.now + 6 * this.#world.plan.renewUs;\n      if',
  ),
  modelBug(
    'a renewal moves the end of a lease that is over',
    'fence',
    'renew(now: number): boolean {\n    if (!this.open(now)) return false;',
    'renew(now: number): boolean {',
  ),
  bug('promises are asked for once in their life', 'quorum', 'promiseUs / promiseRenewals', 'promiseUs'),
];

/** Roles that move without a cause, or a second one. */
const causes: readonly Planted[] = [
  bug(
    'an active member hands over now and then, for nothing',
    'group',
    'const failing = !member.healthy && member.config.takeOverOn.status && !member.isPinned;',
    'const failing = member.config.takeOverOn.status && !member.isPinned && (now & 1023) === 0;',
  ),
  bug(
    'failing checks move the role, whatever the policy says',
    'group',
    'const failing = !member.healthy && member.config.takeOverOn.status && !member.isPinned;',
    'const failing = !member.healthy && !member.isPinned;',
  ),
  bug('a standby takes the role back unasked', 'request', '!member.config.preempt || ', ''),
  bug(
    'one silent path is a dead peer',
    'detector',
    'if (peer.up && !peer.paths.some((path) => path.up) && (plain',
    'if (peer.up && peer.paths.some((path) => !path.up) && (true || plain',
  ),
  bug(
    'a heartbeat lost on one path is silence once the cable has no carrier',
    'detector',
    'const sooner = later(heard,',
    'const sooner = later(path.lastHeard ?? heard,',
  ),
  {
    name: 'hosts are told once only',
    patches: [
      {
        file: 'src/engine/announcer.ts',
        find: '#arm(): void {',
        replace: '#arm(): void {\n    if (true) return;',
      },
      {
        file: 'src/engine/announcer.ts',
        find: 'reclaim(): void {',
        replace: 'reclaim(): void {\n    if (true) return;',
      },
      {
        file: 'src/engine/announcer.ts',
        find: '\n  defend(): void {',
        replace: '\n  defend(): void {\n    if (true) return;',
      },
    ],
  },
];

/** Maintenance. */
const upkeep: readonly Planted[] = [
  bug('a pinned standby takes over', 'election', "if (member.pin.role === 'standby') {", 'if (false) {'),
  bug(
    'a pinned active hands the role over for a failing check',
    'group',
    'member.config.takeOverOn.status && !member.isPinned;',
    'member.config.takeOverOn.status;',
  ),
  bug(
    'a pinned active hands the role over on request',
    'request',
    "if (isPinned) this.#failed('the active member is in maintenance');\n    else if",
    'if',
  ),
  bug(
    'a restart ends maintenance',
    'member',
    'this.pin = new Pin(context, config.id, pinned);',
    'this.pin = new Pin(context, config.id, pinned && undefined);',
  ),
];

/** Of every group. */
const roles: readonly Planted[] = [
  bug(
    'nobody yields to a higher term',
    'group',
    'if (compareTerms(standing.term, member.held) > 0) this.#yieldTo(peer.id);',
    'if (false) this.#yieldTo(peer.id);',
  ),
  bug(
    'an activation does not go above the terms that were seen',
    'terms',
    'const counter = Math.max(this.seen(group).counter, this.#raised.get(group) ?? 0, this.#floor) + 1;',
    'const counter = this.#floor + 1;',
  ),
  bug(
    'a restarted member begins where its former life did',
    'terms',
    'this.#floor = start.floor;',
    'this.#floor = 0;',
  ),
  bug(
    'our own lateness is taken for the silence of others',
    'detector',
    'late(lateUs: number, now: Instant): void {',
    'late(lateUs: number, now: Instant): void {\n    if (lateUs < 1e12) return;',
  ),
  bug(
    'the end of an old life is taken for that of the present one',
    'detector',
    'if (event.boot !== undefined && event.boot !== peer.boot) return;',
    '',
  ),
  bug(
    'an older word of a peer replaces a newer one',
    'standing',
    'if (compareTerms(record.term, this.#term) < 0) return false;',
    '',
  ),
  bug(
    'all standbys act at once',
    'election',
    'return (unheard.length + ahead.length) * slot;',
    'return 0 * (unheard.length + ahead.length) * slot;',
  ),
  bug(
    'the lost lease is not noticed',
    'group',
    "if (this.member.holds || this.member.state === 'acquiring') this.#lose('leaseLost');",
    '',
  ),
  bug(
    'the fence stays open in a planned switchover',
    'switchover',
    'member.closeFence();\n    this.#phase = ',
    'this.#phase = ',
  ),
  bug(
    'the announcement is repeated after the fence has closed',
    'member',
    'this.announcer.cancel();\n    this.context.emit({ kind: ',
    'this.context.emit({ kind: ',
  ),
  bug(
    'whoever moves up in rank acts at once',
    'election',
    'if (waitUs < member.waitUs) member.ranksFrom',
    'if (false) member.ranksFrom',
  ),
  bug('nobody waits for the chosen successor', 'election', 'if (standing?.handsOver) return undefined;', ''),
  bug(
    'who gives the role up when its checks pass again stays faulted',
    'switchover',
    "// The checks may have passed again while the successor did not answer.\n    member.enter(context.stopping ? 'stopped' : member.healthy ? 'standby' : 'faulted', why);",
    "member.enter(context.stopping ? 'stopped' : 'faulted', why);",
  ),
  bug('a start has no grace', 'engine', '#graceOver = false;', '#graceOver = true;'),
  bug(
    'silence is never believed',
    'detector',
    'sweep(now: Instant): void {',
    'sweep(now: Instant): void {\n    if (now > 0) return;',
  ),
];

/** Of proxies. */
const proxies: readonly Planted[] = [
  bug(
    'a proxy whose lease has ended serves at once',
    'proxy-server',
    'if ((same && part.hushed) || part.lapsed) return;',
    'if (same && part.hushed) return;',
  ),
  bug(
    'a succeeded proxy goes on answering',
    'proxy-part',
    "this.#context.emit({ kind: 'yield', group: this.id });\n    this.presence.answer(false);",
    '',
  ),
  bug(
    'a proxy serves whoever says it is active, by whatever term',
    'whereabouts',
    'return standing?.holds && compareTerms(standing.term, this.seen) >= 0;',
    'return standing?.holds;',
  ),
  bug(
    'a proxy routes to a dead member',
    'proxy-part',
    'this.presence.hold();\n    this.#become',
    'this.#become',
  ),
  bug(
    'a proxy that begins to serve tells nobody',
    'proxy-part',
    'if (first) this.announcer.begin(this.#whereabouts.succeeded);',
    '',
  ),
];

/** Of strict groups. */
const strict: readonly Planted[] = [
  bug(
    'a promise is made to two',
    'voter',
    'return this.#to !== member && now < this.#until ? this.#until : undefined;',
    'return undefined;',
  ),
  bug(
    'a restarted voter does not wait out what it may have promised',
    'voter',
    'this.#quietUntil = later(context.now, config.promiseUs + driftUs(config.promiseUs, config));',
    'this.#quietUntil = context.now;',
  ),
  bug(
    'a promise counts from its answer',
    'quorum',
    'later(askedAt, durationUs - driftUs(durationUs, this.#config))',
    'later(this.#member.context.now, durationUs)',
  ),
  bug(
    'a promise counts twice',
    'quorum',
    'const ends = [...this.#promises.values()].sort',
    'const ends = [...this.#promises.values(), ...this.#promises.values()].sort',
  ),
  bug(
    'half of the voters are a majority',
    'quorum',
    'ends[Math.floor(voters.length / 2)]',
    'ends[Math.floor((voters.length - 1) / 2)]',
  ),
  bug(
    'our own promise is not asked for',
    'quorum',
    'if (this.#voter.ask(this.#self, this.#term) !== PromiseWord.given) return;',
    '',
  ),
  bug(
    'the kernel is not told when to close the fence',
    'member',
    'const limit = quorum === undefined ? {} : { until: quorum.until };',
    'const limit = {};',
  ),
  bug(
    'an answer counts after its promise was given back',
    'quorum',
    'this.#asked.clear();\n    this.#end.cancel();',
    'this.#end.cancel();',
  ),
  bug(
    'a promise is given back before the fence is closed',
    'member',
    'why: string): void {\n    const { quorum } = this;',
    'why: string): void {\n    this.quorum?.release();\n    const { quorum } = this;',
  ),
  bug(
    'a role without promises is taken',
    'member',
    'return this.quorum === undefined || this.quorum.canvass();',
    'return this.quorum === undefined || this.quorum.canvass() || true;',
  ),
];

/** Of first activations. */
const debuts: readonly Planted[] = [
  bug(
    'nobody asks before its first activation whether the address is free',
    'election',
    '(member.lastActive !== 0 || member.debut.isReady())',
    'true',
  ),
  bug(
    'an answer to that question is not heeded',
    'debut',
    "if (this.#phase !== 'probing' && this.#phase !== 'free') return;",
    'return;',
  ),
  bug(
    'of two that ask at once, both go on',
    'debut',
    "if (this.#phase !== 'probing' || this.#rivalries >= rivalriesMax) return;",
    'return;',
  ),
  bug(
    'nobody asks again after an answer',
    'debut',
    "if (this.#phase === 'inUse') this.#begin();\n    else if",
    'if',
  ),
  bug(
    'a port that passes nothing is not waited for',
    'debut',
    "if (this.#portIsSilent()) return 'port';",
    '',
  ),
];

export const planted: readonly Planted[] = [
  ...leases,
  ...causes,
  ...roles,
  ...upkeep,
  ...proxies,
  ...strict,
  ...debuts,
];
