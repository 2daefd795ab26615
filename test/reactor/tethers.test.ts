import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { ReactorConfig } from '../../src/daemon/bridge.ts';
import { type Path, Paths } from '../../src/daemon/reactor/paths.ts';
import { Tethers } from '../../src/daemon/reactor/tethers.ts';
import { Watch } from '../../src/daemon/reactor/watch.ts';
import { monotonicUs } from '../../src/linux/clock.ts';
import { destroyTcpSockets } from '../../src/linux/sockdiag.ts';
import { parseIp } from '../../src/wire/address.ts';
import { ControlType, MemberState, noTerm } from '../../src/wire/control/message.ts';
import { cable, inNamespace, inPeer, ip } from '../namespace.ts';

inNamespace(import.meta.filename);
cable('near0', 'far0', 'peer');
ip('address add 198.51.100.1/24 dev near0');
ip('-n peer address add 198.51.100.2/24 dev far0');

const key = '11'.repeat(32);
const heartbeat = {
  type: ControlType.heartbeat,
  ...{
    flags: 0,
    scope: 0,
    term: noTerm,
    state: MemberState.starting,
    intervalUs: 2000,
    groups: [],
    target: 0,
  },
};

/** What a side was told of its tether. */
interface Told {
  readonly up: boolean;
  readonly proof: boolean;
}

interface Side {
  readonly paths: Paths;
  readonly path: Path;
  readonly tethers: Tethers;
  readonly told: Told[];
}

function configOf(self: number, onCable: boolean): ReactorConfig {
  const link = {
    peer: 3 - self,
    path: 1,
    interface: self === 1 ? 'near0' : 'far0',
    localAddress: `198.51.100.${self}`,
    peerAddress: `198.51.100.${3 - self}`,
    ...{ port: 7169, cable: onCable, tether: true, hops: 0 },
  };
  return { engine: { self }, cluster: 77, keys: [key], paths: [link] } as unknown as ReactorConfig;
}

function side(self: number, watch: Watch, onCable: boolean): Side {
  const paths = new Paths(configOf(self, onCable), 1000 + self, () => undefined);
  const [path] = paths.all;
  assert.ok(path !== undefined);
  const told: Told[] = [];
  const tethers = new Tethers(self, paths, watch, (_, up, proof) => told.push({ up, proof }));
  return { paths, path, tethers, told };
}

/** Two sides whose tether is proven at both. `until`: lets both go on until it holds. */
function tethered(
  context: TestContext,
  onCable = true,
): { near: Side; far: Side; until: (holds: () => boolean) => void } {
  const watch = new Watch();
  const near = side(1, watch, onCable);
  const far = inPeer('peer', () => side(2, watch, onCable));
  const until = (holds: () => boolean): void => {
    for (const endUs = monotonicUs() + 5_000_000; !holds(); ) {
      assert.ok(monotonicUs() < endUs, `near ${JSON.stringify(near.told)}, far ${JSON.stringify(far.told)}`);
      watch.dispatch(watch.wait(1000));
    }
  };
  until(() => {
    for (const { paths, path } of [near, far]) {
      paths.send(path, heartbeat);
      for (const socket of paths.sockets()) paths.receive(socket, () => undefined);
    }
    // The higher id connects, once it has heard the other one.
    if (far.path.freshness.proven !== 0) inPeer('peer', () => far.tethers.tend(far.path, monotonicUs()));
    return near.told.length > 0 && far.told.length > 0;
  });
  assert.deepEqual([near.told[0]?.up, far.told[0]?.up], [true, true]);
  context.after(() => {
    near.tethers.close();
    near.paths.close();
    inPeer('peer', () => far.tethers.close());
    far.paths.close();
    watch.close();
  });
  return { near, far, until };
}

for (const [onCable, proof] of [
  [true, true],
  [false, false],
] as const) {
  test(`the end of a tether is ${proof ? 'proof of death on a cable' : 'no proof on any other path'}`, (context) => {
    const { near, far, until } = tethered(context, onCable);
    far.tethers.close();
    until(() => near.told.length > 1);
    assert.deepEqual(near.told[1], { up: false, proof });
  });
}

test('a reset is no proof: the kernel that gives a connection up sends it, and the process lives', (context) => {
  const { near, far, until } = tethered(context);
  const address = parseIp('198.51.100.2');
  assert.ok(address !== undefined);
  // Those of the tests before may still be on their way out.
  assert.ok(inPeer('peer', () => destroyTcpSockets(address)) >= 1);
  until(() => near.told.length > 1 && far.told.length > 1);
  assert.deepEqual(near.told[1], { up: false, proof: false });
  assert.deepEqual(far.told[1], { up: false, proof: false });
});
