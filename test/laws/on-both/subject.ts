/** What laws are tried on: one program or a fleet of machines, with a host whose bodies a test may play. */
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
