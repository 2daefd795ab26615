/** Claims 7 to 17: registration, the takeover between proxies, other arrangements, the return to service. */
import type { Mutation, NamedTest, Patch } from './mutation.ts';
import { nothingIsAnnounced } from './shared-address.ts';

const part = 'src/engine/proxy-part.ts';
const responder = 'src/daemon/reactor/responder.ts';
const wantedRoutes = 'src/daemon/routing/wanted.ts';

/** In which file a claim of this number is tested. */
function fileOf(claim: number): string {
  if (claim <= 9) return 'registration';
  return claim >= 14 && claim <= 16 ? 'arrangements' : 'takeover';
}

function claim(number: number): { readonly claim: number; readonly test: NamedTest } {
  const file = `test/claims/${fileOf(number)}.test.ts`;
  return { claim: number, test: { file, pattern: `^claim ${number}:` } };
}

const proxyIsMute: Patch = {
  file: part,
  find: 'if (first) this.announcer.begin(this.#whereabouts.succeeded);',
  replace: '',
};

export const proxies: readonly Mutation[] = [
  {
    name: 'the proxy does not answer',
    ...claim(7),
    patches: [
      {
        file: part,
        find: 'this.presence.answer(true);\n    this.presence.release',
        replace: 'this.presence.release',
      },
    ],
  },
  {
    name: 'proxies answer before anybody has registered',
    ...claim(7),
    patches: [
      {
        file: responder,
        find: 'return group !== undefined && this.#answering.has(group);',
        replace: 'return group !== undefined;',
      },
      {
        file: 'src/linux/fence/ruleset.ts',
        find: 'newRule(table, chain, [counter(), drop()]),',
        replace: 'newRule(table, chain, [counter(), comeBack()]),',
      },
    ],
  },
  { name: 'the proxy does not announce the registration', ...claim(8), patches: [proxyIsMute] },
  {
    name: 'the proxy has no route to its client',
    ...claim(9),
    patches: [
      {
        file: wantedRoutes,
        find: 'const hop = link && hopTo(link, node);',
        replace: 'const hop = undefined;',
      },
    ],
  },
  {
    name: 'the client’s answers have no way back through the proxy',
    ...claim(9),
    patches: [
      {
        file: wantedRoutes,
        find: 'link.gateway === undefined ? [] : this.#replies(link, link.gateway)',
        replace: '[]',
      },
    ],
  },
  {
    name: 'the second client does not register that it is active',
    ...claim(10),
    patches: [
      {
        file: 'src/engine/registrant.ts',
        find: 'if (this.#peer?.up !== true) return;',
        replace:
          "if (this.#peer?.up !== true || (this.#member.holds && this.#member.why !== 'startup')) return;",
      },
    ],
  },
  { name: 'the second proxy does not announce', ...claim(11), patches: [proxyIsMute] },
  {
    name: 'the first proxy goes on answering',
    ...claim(12),
    patches: [
      {
        file: part,
        find: "this.#context.emit({ kind: 'yield', group: this.id });\n    this.presence.answer(false);",
        replace: '',
      },
      {
        file: part,
        find: 'this.announcer.cancel();\n    this.presence.answer(false);',
        replace: 'this.announcer.cancel();',
      },
    ],
  },
  { name: 'the hosts are not told of the second proxy', ...claim(13), patches: nothingIsAnnounced },
  {
    name: 'a proxy listens to no member that is on the LAN itself',
    ...claim(14),
    patches: [
      {
        file: 'src/daemon/config/resolve.ts',
        find: '(member) => placeOf(group, member) !== file.node);',
        replace: '(member) => ![file.node, member].includes(placeOf(group, member)));',
      },
    ],
  },
  {
    name: 'the route does not move to the other client of the same proxy',
    ...claim(15),
    patches: [
      {
        file: 'src/engine/presence.ts',
        find: 'if (this.#routesTo === to) return;',
        replace: 'if (this.#routesTo === to || this.#answers) return;',
      },
    ],
  },
  {
    name: 'a proxy announces its other client, too',
    ...claim(15),
    patches: [{ file: part, find: 'const first = !this.presence.answers;', replace: 'const first = true;' }],
  },
  {
    name: 'members do not listen to what came through routers',
    ...claim(16),
    patches: [
      {
        file: 'src/daemon/reactor/paths.ts',
        find: 'hopsAllowed(ttl, path.link.hops)',
        replace: 'hopsAllowed(ttl, 0)',
      },
    ],
  },
  {
    name: 'a proxy that was superseded registers nobody again',
    ...claim(17),
    patches: [
      {
        file: part,
        find: 'superseded(why: string): void {',
        replace:
          'wasSuperseded = false;\n\n  superseded(why: string): void {\n    this.wasSuperseded = true;',
      },
      {
        file: 'src/engine/proxy-server.ts',
        find: 'if (this.#part.open) return undefined;',
        replace:
          'if (this.#part.open) return undefined;\n    if (this.#part.wasSuperseded) return RegistrationCode.unable;',
      },
    ],
  },
  {
    name: 'the repaired primary takes the role back unasked',
    ...claim(17),
    patches: [
      {
        file: 'src/engine/election.ts',
        find: 'if (active !== undefined) {',
        replace: "if (active !== undefined && state !== 'starting') {",
      },
    ],
  },
];
