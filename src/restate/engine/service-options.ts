/** How the engine treats the fleet's own services. */

/**
 * The node that answers for them may be frozen. A server that checks its connections (docs/scale.md) finds that within
 * two seconds; any other after these times. A failed call is repeated until a node answers. It is never given
 * up: that would lose what it is about, and never paused: that would block its agent until a person comes.
 */
export const fleetOptions = {
  inactivityTimeout: 10_000,
  abortTimeout: 5_000,
  retryPolicy: {
    initialInterval: 50,
    exponentiationFactor: 2,
    maxInterval: 500,
    maxAttempts: 1_000_000_000,
    onMaxAttempts: 'pause',
  },
  journalRetention: 0,
  /** How long a repeated call finds the answer of the first. */
  idempotencyRetention: { hours: 1 },
} as const;
