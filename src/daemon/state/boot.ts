/** The first reservation of a life, before the reactor starts, and what the disk remembered of earlier ones. */
import { describeFailure } from '../../api/errors.ts';
import type { ControlCode } from '../events/catalogue.ts';
import type { Journal } from '../events/journal.ts';
import type { TermsFile, TermsOrigin } from './terms.ts';

const codes: Readonly<Record<TermsOrigin, ControlCode>> = {
  kept: 'termsFound',
  repaired: 'termsRepaired',
  firstBoot: 'firstBoot',
  lost: 'stateLost',
};

/** Counters up to `floor` may have been used; those above it and up to `ceiling` are reserved for this life. */
export async function reserveAtBoot(
  terms: TermsFile,
  lived: boolean,
  block: number,
  journal: Journal,
): Promise<{ readonly floor: number; readonly ceiling: number }> {
  const { floor, origin, explanation } = terms.read(lived);
  journal.say(codes[origin], explanation, { detail: { floor } });
  const ceiling = floor + block;
  try {
    await terms.reserve(ceiling);
    return { floor, ceiling };
  } catch (error) {
    // A bad disk must not keep a healthy machine from serving: it goes on unreserved, and says so.
    const { message } = describeFailure(error);
    journal.say(
      'termsNotReserved',
      `${message}; it goes on without, and has no vote in strict groups meanwhile`,
      {
        detail: { ceiling },
      },
    );
    return { floor, ceiling: floor };
  }
}
