/**
 * Relays of mirrored services: each is a process of its own, so that nothing in it can delay the reactor. It comes to this
 * socket, gets its plan, and is told of every change of its group's voice as soon as this thread hears of it.
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { FromRelay, RelayPlan, RelayReport, RelayStatus, ToRelay } from '../../api/relay.ts';

export interface RelayListener {
  /** The relay serves from now on, or (`false`) it is gone. */
  ready(group: string, ready: boolean, why: string): void;
  report(group: string, report: RelayReport): void;
}

/** Of one group. */
interface Place {
  readonly plan: RelayPlan;
  voice: { readonly open: boolean; readonly atUs: number };
  socket: Socket | undefined;
  /** The relay's sockets are there; and it serves, because its program is, too. */
  serves: boolean;
  ready: boolean;
  counts: RelayStatus | null;
}

/** A relay says nothing longer. */
const lineMax = 65_536;
const stopTimeoutMs = 1000;

export class RelayDesk {
  readonly server: Server;
  readonly #places: ReadonlyMap<string, Place>;
  readonly #listener: RelayListener;

  constructor(plans: readonly RelayPlan[], listener: RelayListener) {
    this.#listener = listener;
    this.#places = new Map(
      plans.map((plan) => [
        plan.group,
        {
          plan,
          voice: { open: false, atUs: 0 },
          socket: undefined,
          serves: false,
          ready: false,
          counts: null,
        },
      ]),
    );
    this.server = createServer((socket) => this.#connected(socket));
  }

  get groups(): readonly string[] {
    return [...this.#places.keys()];
  }

  /** The group's relay serves. Groups without a mirrored service need none. */
  isReady(group: string): boolean {
    return this.#places.get(group)?.ready ?? true;
  }

  /** Null: not a mirrored group, or the relay has not said yet. */
  counts(group: string): RelayStatus | null {
    return this.#places.get(group)?.counts ?? null;
  }

  /** The group's fence opened or closed. */
  voice(group: string, open: boolean, atUs: number): void {
    const place = this.#places.get(group);
    if (place === undefined) return;
    place.voice = { open, atUs };
    tell(place.socket, { kind: 'role', active: open, atUs });
  }

  /** Every relay ends in order, and nothing of it is left. */
  async stop(): Promise<void> {
    const open = [...this.#places.values()].flatMap(({ socket }) => socket ?? []);
    await Promise.all(
      open.map(
        (socket) =>
          new Promise<void>((resolve) => {
            const timer = setTimeout(() => socket.destroy(), stopTimeoutMs);
            socket.once('close', () => {
              clearTimeout(timer);
              resolve();
            });
            tell(socket, { kind: 'stop' });
          }),
      ),
    );
    this.server.close();
  }

  #connected(socket: Socket): void {
    let rest = '';
    let place: Place | undefined;
    socket.setEncoding('utf8');
    socket.on('error', () => undefined);
    socket.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > lineMax) socket.destroy();
      for (const line of lines) {
        const message = parse(line);
        if (message === undefined) socket.destroy();
        else if (message.kind === 'hello') place = this.#greet(socket, message.group);
        else if (place !== undefined) this.#hear(place, message);
      }
    });
    socket.on('close', () => {
      if (place?.socket !== socket) return;
      place.socket = undefined;
      place.counts = null;
      place.serves = false;
      this.#judge(place);
    });
  }

  #greet(socket: Socket, group: string): Place | undefined {
    const place = this.#places.get(group);
    if (place === undefined || place.socket !== undefined) {
      const why =
        place === undefined
          ? `no service of a group ${group} is mirrored here; those are ${this.groups.join(', ')}`
          : `another relay of ${group} runs`;
      tell(socket, { kind: 'refused', why });
      socket.end();
      return undefined;
    }
    place.socket = socket;
    tell(socket, { kind: 'plan', plan: place.plan });
    tell(socket, { kind: 'role', active: place.voice.open, atUs: place.voice.atUs });
    return place;
  }

  #hear(place: Place, message: FromRelay): void {
    if (message.kind === 'event') return this.#listener.report(place.plan.group, message.report);
    if (message.kind === 'counts') place.counts = message.counts;
    if (message.kind === 'ready') place.serves = true;
    this.#judge(place);
  }

  #judge(place: Place): void {
    const { serves, counts } = place;
    const needsProgram = 'program' in place.plan.answerer;
    const ready = serves && (needsProgram ? counts?.healthy === true : true);
    if (ready === place.ready) return;
    place.ready = ready;
    const why = ready ? 'its relay runs' : serves ? 'its program is not there' : 'its relay does not run';
    this.#listener.ready(place.plan.group, ready, why);
  }
}

function tell(socket: Socket | undefined, message: ToRelay): void {
  socket?.write(`${JSON.stringify(message)}\n`);
}

/** Only root can reach the socket: what comes is a relay's, and is not looked at closely. */
function parse(line: string): FromRelay | undefined {
  try {
    return JSON.parse(line) as FromRelay;
  } catch {
    return undefined;
  }
}
