/** What laws are tried on: one program or a fleet of machines, with a host whose bodies a test may play. */
import { AgentSystemError } from '../../../src/index.ts';
import type { PartlyScripted } from '../../kit/partly-scripted.ts';
import type { Subject } from '../../restate/laws.ts';

export interface PlayedSubject extends Subject {
  /** Who runs the bodies that are in a program. */
  readonly bodies: PartlyScripted;
}

/** A restart that is soon. */
export const SOON = { policy: 'immediate', delayMs: 20 } as const;
/** One that is so late that a test ends before it. */
export const LATE = { policy: 'immediate', delayMs: 60_000 } as const;

/** What is refused with; anything but an `AgentSystemError` fails the test, and so does no refusal. */
export async function refusal(work: Promise<unknown>): Promise<AgentSystemError> {
  let came: unknown;
  try {
    came = await work;
  } catch (thrown) {
    if (thrown instanceof AgentSystemError) return thrown;
    throw new Error('expected an AgentSystemError', { cause: thrown });
  }
  throw new Error(`expected a refusal, got ${JSON.stringify(came)}`);
}
