import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectOrdinary } from 'node:net';
import { test } from 'node:test';
import { cable, inNamespace, inPeer, ip } from '../../test/namespace.ts';
import { untilReady } from '../../test/readiness.ts';
import { formatIp, type IpAddress, parseIp } from '../wire/address.ts';
import { EPOLLOUT } from './epoll.ts';
import { EINPROGRESS, ENETUNREACH, ENODEV } from './errno.ts';
import { Stream, StreamListener } from './stream-socket.ts';

const port = 7169;
const holder = 'holder';
const near4 = address('192.0.2.1');
const far4 = address('192.0.2.2');

function address(text: string): IpAddress {
  const parsed = parseIp(text);
  assert.ok(parsed !== undefined);
  return parsed;
}

function listen(at: IpAddress = near4): StreamListener {
  return StreamListener.open({ interface: 'near0', localAddress: at, port, minTtl: 255 });
}

function connect(from: IpAddress = far4, to: IpAddress = near4, interfaceName = 'far0'): Stream {
  const link = { interface: interfaceName, localAddress: from, minTtl: 255 };
  return Stream.connect({ ...link, to, port, userTimeoutMs: 300 });
}

/** What the next read that is not `again` says: text, or how the stream ended. */
function next(stream: Stream): string {
  const into = Buffer.alloc(100);
  for (;;) {
    const result = stream.read(into);
    if (result !== 'again')
      return typeof result === 'string' ? result : into.toString('utf8', 0, result.bytes);
    untilReady(stream.fd);
  }
}

/** Both ends of a connection: `far` began it, `near` accepted it. */
function pair(near = near4, far = far4): { listener: StreamListener; near: Stream; far: Stream } {
  const listener = listen(near);
  const outgoing = inPeer('peer', () => connect(far, near));
  untilReady(outgoing.fd, EPOLLOUT);
  assert.equal(outgoing.connectError(), 0);
  untilReady(listener.fd);
  const accepted = listener.accept();
  assert.ok(accepted !== undefined);
  assert.equal(accepted.from, far);
  assert.equal(listener.accept(), undefined);
  return { listener, near: accepted.stream, far: outgoing };
}

if (process.argv[2] === holder) {
  const stream = connect();
  untilReady(stream.fd, EPOLLOUT);
  process.stdout.write('open\n');
  setInterval(() => undefined, 1000);
} else {
  inNamespace(import.meta.filename);
  cable('near0', 'far0', 'peer');
  ip('addr add 192.0.2.1/24 dev near0');
  ip('addr add 2001:db8::1/64 dev near0 nodad');
  ip('-n peer addr add 192.0.2.2/24 dev far0');
  ip('-n peer addr add 2001:db8::2/64 dev far0 nodad');
  tests();
}

function tests(): void {
  for (const [near, far] of [
    [near4, far4],
    [address('2001:db8::1'), address('2001:db8::2')],
  ] as const) {
    test(`bytes pass both ways, and a close is the end (${formatIp(near)})`, () => {
      const { listener, ...ends } = pair(near, far);
      assert.equal(ends.near.read(Buffer.alloc(10)), 'again');
      assert.equal(ends.far.write(Buffer.from('greeting')), 0);
      assert.equal(next(ends.near), 'greeting');
      assert.equal(ends.near.write(Buffer.from('answer')), 0);
      assert.equal(next(ends.far), 'answer');
      ends.far.close();
      assert.equal(next(ends.near), 'end');
      ends.near.close();
      listener.close();
    });

    test(`a connection from further away is not let in (${formatIp(near)})`, async () => {
      const listener = listen(near);
      const before = minTtlDrops();
      const stranger = inPeer('peer', () => connectOrdinary({ host: formatIp(near), port }));
      stranger.on('error', () => undefined);
      while (minTtlDrops() === before) await new Promise((resolve) => setImmediate(resolve));
      assert.equal(listener.accept(), undefined);
      stranger.destroy();
      listener.close();
    });
  }

  test('a peer that has no such connection any more is a reset', () => {
    const { listener, near, far } = pair();
    near.write(Buffer.from('never read'));
    untilReady(far.fd);
    far.close();
    assert.equal(next(near), 'reset');
    near.close();
    listener.close();
  });

  test('a killed process is the end', async () => {
    const listener = listen();
    const words = ['netns', 'exec', 'peer', process.execPath, import.meta.filename, holder];
    const child = spawn('ip', words, { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    const accepted = listener.accept();
    assert.ok(accepted !== undefined);
    assert.equal(accepted.stream.read(Buffer.alloc(10)), 'again');
    child.kill('SIGKILL');
    assert.equal(next(accepted.stream), 'end');
    accepted.stream.close();
    listener.close();
  });

  test('what is refused at once is told by connectError, and the descriptor is ready', () => {
    for (const [stream, errno] of [
      [connect(near4, far4, 'lan9'), ENODEV],
      [connect(address('203.0.113.9'), far4, 'near0'), ENETUNREACH],
    ] as const) {
      untilReady(stream.fd, EPOLLOUT);
      assert.equal(stream.connectError(), errno);
      assert.equal(stream.connectError(), errno);
      stream.close();
    }
  });

  test('a listener opens before its address is here, and hears once it is', () => {
    const late = address('192.0.2.7');
    const listener = listen(late);
    ip('addr add 192.0.2.7/24 dev near0');
    const outgoing = inPeer('peer', () => connect(far4, late));
    untilReady(listener.fd);
    assert.equal(listener.accept()?.from, far4);
    outgoing.close();
    assert.throws(() => listen(late), { errno: 'EADDRINUSE', remedy: /another process/ });
    listener.close();
  });

  test('a listener’s interface must be here', () => {
    const link = { interface: 'lan9', localAddress: near4, minTtl: 255 };
    assert.throws(() => StreamListener.open({ ...link, port }), {
      errno: 'ENODEV',
      code: 'operationFailed',
      remedy: /lo, near0/,
    });
  });

  test('silence is a timeout: of a connection with data on its way, and of one that never came about', () => {
    const { listener, near, far } = pair();
    ip('link set near0 down');
    assert.equal(far.write(Buffer.from('lost')), 0);
    assert.equal(next(far), 'timeout');
    const late = inPeer('peer', () => connect());
    assert.equal(late.connectError(), EINPROGRESS);
    untilReady(late.fd, EPOLLOUT);
    assert.notEqual(late.connectError(), 0);
    assert.notEqual(late.connectError(), EINPROGRESS);
    for (const one of [near, far, late, listener]) one.close();
  });
}

function minTtlDrops(): number {
  const lines = readFileSync('/proc/thread-self/net/netstat', 'utf8')
    .split('\n')
    .map((line) => line.split(' '));
  const [names = [], values = []] = lines.filter(([group]) => group === 'TcpExt:');
  return Number(values[names.indexOf('TCPMinTTLDrop')]);
}
