/** How the engine treats the fleet's own services. */

/**
 * Whoever answers for them may be frozen: a call that says nothing for a second is asked elsewhere, and one that failed
 * is tried again until somebody answers. It is never given up: that would lose what it is about, and never paused: that
 * would block its agent until a person comes.
 */
export const fleetOptions = {
  inactivityTimeout: 1_000,
  abortTimeout: 1_000,
  retryPolicy: {
    initialInterval: 50,
    exponentiationFactor: 2,
    maxInterval: 500,
    maxAttempts: 1_000_000_000,
    onMaxAttempts: 'pause',
  },
  journalRetention: 0,
  /** As long as a caller may take to find out what became of a call. */
  idempotencyRetention: { hours: 1 },
} as const;
