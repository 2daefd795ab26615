/** Two relays' one connection, over addresses of a namespace of its own: whoever else is at the first path's far end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeCrypto } from '../../src/link/crypto.ts';
import { monotonicUs } from '../../src/linux/clock.ts';
import { EPOLLIN } from '../../src/linux/epoll.ts';
import { ServiceListener } from '../../src/linux/service-socket.ts';
import { Conduit, type Identity, Tally } from '../../src/mirror/conduit.ts';
import { bodyAt, frameAt } from '../../src/mirror/frame.ts';
import { MessageType } from '../../src/mirror/message.ts';
import { Peering } from '../../src/relay/peering.ts';
import { Readiness } from '../../src/relay/readiness.ts';
import { type IpAddress, parseIp } from '../../src/wire/address.ts';
import { inNamespace, ip } from '../namespace.ts';

inNamespace(import.meta.filename);

const port = 7946;
const key = Uint8Array.from({ length: 32 }, (_, index) => index);
const [nearHome, nearElse, farHome, farElse] = ['192.0.2.1', '192.0.2.2', '192.0.2.11', '192.0.2.12'].map(
  (text) => {
    ip(`address add ${text}/32 dev lo`);
    return address(text);
  },
) as [IpAddress, IpAddress, IpAddress, IpAddress];

function address(text: string): IpAddress {
  const parsed = parseIp(text);
  assert.ok(parsed !== undefined);
  return parsed;
}

function identity(name: string): Identity {
  return { crypto: nodeCrypto, scope: 'shop/web', name, keys: [key], protection: 'sign' };
}

/** One end, and what became of its connection. */
class End {
  readonly readiness = new Readiness();
  readonly peering: Peering;
  readonly #waiting: Uint8Array[] = [];
  connected = 0;
  disconnected = 0;
  received = '';

  constructor(
    name: string,
    peer: string,
    listens: boolean,
    routes: readonly (readonly [IpAddress, IpAddress])[],
  ) {
    const ends = routes.map(([local, remote]) => ({ local, remote }));
    this.peering = new Peering(
      { identity: identity(name), peer, listens, routes: ends, port },
      this.readiness,
      {
        connected: () => this.connected++,
        produce: (into) => {
          const next = this.#waiting.shift();
          if (next !== undefined) into.set(next);
          return next?.length ?? 0;
        },
        received: (bytes) => {
          this.received += Buffer.from(bytes).toString();
          return true;
        },
        disconnected: () => this.disconnected++,
      },
    );
  }

  say(text: string): void {
    this.#waiting.push(Buffer.from(text));
  }

  turn(): void {
    this.readiness.turn(500);
    this.peering.turn();
    this.peering.flush();
  }
}

/** Turns all of them until it is so; each says something now and then, so that nobody is given up. */
function untilSo(ends: readonly End[], isSo: () => boolean, withinUs = 10_000_000): void {
  const endUs = monotonicUs() + withinUs;
  let saidUs = 0;
  while (!isSo()) {
    const nowUs = monotonicUs();
    assert.ok(nowUs < endUs, 'it did not come to that in time');
    if (nowUs - saidUs > 100_000) {
      for (const end of ends) end.say('.');
      saidUs = nowUs;
    }
    for (const end of ends) end.turn();
  }
}

/** All that a source once said to a sink of ours: its hello, and the frame that proved it then. */
function recording(): Uint8Array {
  const tally = new Tally();
  const sink = new Conduit('sink', identity('near'), tally, 'far');
  const source = new Conduit('source', identity('far'), tally, 'near');
  const hello = sink.produce();
  assert.ok(hello !== undefined);
  const { frame } = frameAt(hello, 0, 4096);
  assert.ok(frame !== undefined);
  source.accept(frame);
  const answer = source.produce();
  assert.ok(answer !== undefined && source.open);
  const proof = new Uint8Array(bodyAt + source.overhead);
  source.seal(MessageType.piece, proof);
  return Buffer.concat([answer, proof]);
}

test('a recording at the far end of the first path takes nothing from the connection over another', () => {
  const near = new End('near', 'far', false, [
    [nearHome, farHome],
    [nearElse, farElse],
  ]);
  const far = new End('far', 'near', true, [[farElse, nearElse]]);
  const ends = [near, far];
  const stranger = ServiceListener.open({ address: farHome, port, backlog: 4 });
  let visits = 0;
  let refusals = 0;
  near.readiness.watch(stranger.fd, EPOLLIN, () => {
    const visitor = stranger.accept();
    if (visitor === undefined) return;
    visits++;
    visitor.socket.write(recording());
    near.readiness.watch(visitor.socket.fd, EPOLLIN, () => {
      const bytes = new Uint8Array(4096);
      if (visitor.socket.read(bytes) > 0) return;
      refusals++;
      near.readiness.forget(visitor.socket.fd);
      visitor.socket.close();
    });
  });
  // At first it is taken for the peer, because there is no other connection; then the other path is.
  untilSo(ends, () => near.received !== '' && far.received !== '');
  const { connected, disconnected } = near;
  const before = visits;
  untilSo(ends, () => visits >= before + 1 && refusals === visits);
  assert.deepEqual([near.connected, near.disconnected], [connected, disconnected]);
  assert.deepEqual([far.connected, far.disconnected], [1, 0]);
  assert.ok((near.peering.refused['forged'] ?? 0) >= 2, JSON.stringify(near.peering.refused));

  near.readiness.forget(stranger.fd);
  stranger.close();
  const home = new End('far', 'near', true, [[farHome, nearHome]]);
  untilSo([...ends, home], () => home.received !== '');
  assert.deepEqual([near.connected, near.disconnected], [connected + 1, disconnected + 1]);
});
