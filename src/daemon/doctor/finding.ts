/** Findings in few words. */
import type { Finding } from '../../api/finding.ts';
import { OperationError } from '../../linux/errors.ts';

export function ok(name: string, found: string): Finding {
  return { name, state: 'ok', found };
}

/** A daemon runs all the same. */
export function reduced(name: string, found: string, instead: string, remedy: string): Finding {
  return { name, state: 'reduced', found, instead, remedy };
}

export function missing(name: string, found: string, remedy: string): Finding {
  return { name, state: 'missing', found, remedy };
}

/** `work` says what it found; where the operating system refuses it, `otherwise` makes the finding of that. */
export function tried(
  name: string,
  work: () => string,
  otherwise: (error: OperationError) => Finding = (error) => refused(name, error),
): Finding {
  try {
    return ok(name, work());
  } catch (error) {
    if (!(error instanceof OperationError)) throw error;
    return otherwise(error);
  }
}

/** No daemon works without it. */
export function refused(name: string, error: OperationError): Finding {
  return missing(name, said(error), error.remedy);
}

export function said({ operation, subject, errno }: OperationError): string {
  return `cannot ${operation} (${subject}): ${errno}`;
}
