/** Two members whose daemons are real up to the reactor, which a test plays; their paths' addresses are on this loopback. */
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { groupId } from '../../src/daemon/config/identity.ts';
import { monotonicUs } from '../../src/daemon/events/journal.ts';
import type { Activation } from '../../src/library/events.ts';
import { shadow } from '../../src/library/index.ts';
import type { ShadowOptions } from '../../src/library/options.ts';
import type { Shadow } from '../../src/library/shadow.ts';
import { exampleKey } from '../daemon/example-config.ts';
import { quietGroup, undisturbed } from '../daemon/reactor-double.ts';
import { DaemonRig } from '../daemon/running-daemon.ts';
import { ip } from '../namespace.ts';

const nodeLine = 2;
const mirrorPort = 7180;
const web = groupId('web');
export const names = ['primary', 'redundant'] as const;
export type Name = (typeof names)[number];

/** The addresses of the example's two paths, both members' of them: an address taken away breaks its connections. */
export function layPaths(): void {
  for (const address of ['198.51.100.1', '198.51.100.2', '192.0.2.1', '192.0.2.2'])
    ip(`addr add ${address}/32 dev lo`);
}

export class Member {
  readonly rig: DaemonRig;
  readonly troubles: string[] = [];
  readonly activations: Activation[] = [];
  readonly id: number;
  readonly name: Name;

  constructor(context: TestContext, name: Name) {
    this.name = name;
    this.id = names.indexOf(name) + 1;
    this.rig = new DaemonRig(context);
    this.rig.configure({ [nodeLine]: `node: ${name}` });
  }

  /** The daemon believes that. */
  role(active: Name | undefined, counter: number, peerUp = true): void {
    const [self, activeId] = [this.id, active === undefined ? 0 : names.indexOf(active) + 1];
    const state = activeId === self ? 'active' : 'standby';
    const term = { counter, member: activeId };
    const path = (id: number) => ({ id, up: peerUp, tether: peerUp, lastHeardUs: 1 });
    const { reactor } = this.rig;
    reactor.status = {
      ...reactor.status,
      groups: [
        {
          id: web,
          state,
          termCounter: counter,
          termMember: activeId,
          active: activeId,
          healthy: true,
          ...quietGroup,
          ...undisturbed,
        },
      ],
      peers: [{ id: 3 - self, up: peerUp, paths: [path(1), path(2)] }],
    };
    const report = {
      code: 'transition',
      group: web,
      from: 'starting',
      to: state,
      term,
      why: 'test',
    } as const;
    reactor.say({ kind: 'report', atUs: monotonicUs(), report });
  }

  /** A program beside it. */
  program(context: TestContext, options: Partial<ShadowOptions> = {}): Shadow {
    const { socket: control } = this.rig;
    const made = shadow({ group: 'web', control, keys: [exampleKey], port: mirrorPort, ...options });
    made.on('trouble', (what) => this.troubles.push(what));
    made.on('active', (activation) => this.activations.push(activation));
    context.after(() => made.close());
    return made;
  }

  async active(program: Shadow): Promise<Activation> {
    if (!program.active) await once(program, 'active');
    const last = this.activations.at(-1);
    if (last === undefined) throw new Error('active without an activation');
    return last;
  }
}

/** Both members up, primary active with term 5. */
export async function pairOf(context: TestContext): Promise<readonly [Member, Member]> {
  const members = names.map((name) => new Member(context, name)) as [Member, Member];
  for (const member of members) {
    await member.rig.start();
    member.role('primary', 5);
  }
  return members;
}

/** Resolves when every standby of the active program is followed live. */
export async function mirrored(program: Shadow): Promise<void> {
  while (!program.standbys.every(({ phase, counts }) => phase === 'live' && counts))
    await once(program, 'standbys');
}
