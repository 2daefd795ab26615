/** A session that only hears: the journal's entries as they are made, each checked against the one before. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Chronicle } from './chronicle.ts';
import type { Dialogue } from './dialogue.ts';
import { follows, Journal } from './journal.ts';
import type { SessionLog } from './session-log.ts';

/** What the exchange has confirmed is in the feed by then, milliseconds. */
const missingAfterMs = 1000;

/** Follows the journal, or the chronicle's one station, until `stop` and until everything confirmed was in it. */
export async function followJournal(
  dialogue: Dialogue,
  log: SessionLog,
  { chronicle, stop }: { readonly chronicle: Chronicle; readonly stop: AbortSignal },
): Promise<void> {
  const { station } = chronicle;
  log.await();
  dialogue.say(station === undefined ? 'FEED' : `FEED ${station}`);
  const greeting = await dialogue.line();
  const start =
    station === undefined
      ? /^1 OK after (\d+ [\da-f]{8})$/.exec(greeting)?.[1]
      : greeting === `1 OK ${station} from the first on`
        ? new Journal(station).position
        : undefined;
  log.hear(greeting.length + 1, start === undefined ? greeting.length : 0);
  if (start === undefined) throw new Error(`no feed: '${greeting}'`);
  let position: string = start;
  let quit = false;
  const leave = async (): Promise<void> => {
    const end = performance.now() + missingAfterMs;
    while (chronicle.missing.length > 0 && performance.now() < end) await delay(5);
    quit = true;
    log.await();
    dialogue.say('QUIT');
  };
  stop.addEventListener('abort', () => leave(), { once: true });
  for (;;) {
    if (!quit) log.await();
    let line: string;
    try {
      line = await dialogue.line();
    } catch (error) {
      if (quit && error instanceof Error && error.message === 'ended by the exchange') break;
      throw error;
    }
    const next = follows(line, position);
    log.hear(Buffer.byteLength(line) + 1, next === undefined ? Buffer.byteLength(line) + 1 : 0);
    // What follows a wrong one is compared with that one.
    const [number = '0', chain = ''] = [line.split(' ')[0], line.slice(line.lastIndexOf(' ') + 1)];
    position = next ?? `${number} ${chain}`;
    chronicle.show(line.slice(line.indexOf(' ') + 1, line.lastIndexOf(' ')));
  }
  // What never came counts as wrong as what came wrong.
  for (const entry of chronicle.missing) log.hear(0, entry.length);
}
