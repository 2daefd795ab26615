/** A session that only hears: the journal's entries as they are made, each checked against the one before. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Chronicle } from './chronicle.ts';
import type { Dialogue } from './dialogue.ts';
import { follows } from './exchange.ts';
import type { SessionLog } from './session-log.ts';

/** What the exchange has confirmed is in the feed by then, milliseconds. */
const missingAfterMs = 1000;

/** Follows the journal until `stop` and until everything confirmed was in it. */
export async function followJournal(
  dialogue: Dialogue,
  log: SessionLog,
  { chronicle, stop }: { readonly chronicle: Chronicle; readonly stop: AbortSignal },
): Promise<void> {
  log.await();
  dialogue.say('FEED');
  const greeting = await dialogue.line();
  const [, first, heardChain = ''] = /^1 OK journal from (\d+) ([\da-f]{8})$/.exec(greeting) ?? [];
  log.hear(greeting.length + 1, first === undefined ? greeting.length : 0);
  if (first === undefined) throw new Error(`no feed: '${greeting}'`);
  let number = Number(first);
  let chain = heardChain;
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
    const right = follows(line, number, chain);
    log.hear(Buffer.byteLength(line) + 1, right ? 0 : Buffer.byteLength(line) + 1);
    number++;
    chain = line.slice(line.lastIndexOf(' ') + 1);
    chronicle.show(line.slice(line.indexOf(' ') + 1, line.lastIndexOf(' ')));
  }
  // What never came counts as wrong as what came wrong.
  for (const entry of chronicle.missing) log.hear(0, entry.length);
}
