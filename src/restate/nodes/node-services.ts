/** The services of one node: an object for the messages to each of its bodies, and a service for all of them at once. */
import { object, type ObjectContext, service } from '@restatedev/restate-sdk';
import { exclusive, keyless } from '../engine/handlers.ts';
import type { Context } from '@restatedev/restate-sdk';
import { hostOf, type MessageBatch, nodeOf } from '../engine/names.ts';
import { wire } from '../engine/wire.ts';

/** The parts of a node that its services call. */
export interface NodeParts {
  readonly name: string;
  readonly leaseMs: number;
  deliver(agentId: string, batch: MessageBatch): void;
  /** Questions to all bodies at once, by name; the answer is data. */
  serve(what: string, given: unknown): Promise<unknown>;
}

/**
 * A node that does not take its messages for as long as its lease is gone (node-watch.ts), and nobody waits for it: only
 * then are they dropped, so that they block nothing.
 */
const retryOf = (leaseMs: number) =>
  ({
    initialInterval: 50,
    exponentiationFactor: 2,
    maxInterval: 1_000,
    // Some ten seconds, and twice its lease.
    maxAttempts: 12 + Math.min(Math.ceil((2 * leaseMs) / 1_000), 1_000_000),
    onMaxAttempts: 'kill',
  }) as const;
/** A question to all bodies is waited for: its answer has to come soon. */
const BRIEF_RETRY = {
  initialInterval: 50,
  exponentiationFactor: 2,
  maxInterval: 200,
  maxAttempts: 3,
  onMaxAttempts: 'kill',
} as const;

export function servicesOf(parts: NodeParts) {
  const bodies = object({
    name: hostOf(parts.name),
    handlers: {
      post: exclusive({ input: wire, output: wire }, (ctx: ObjectContext, given: unknown) => {
        parts.deliver(ctx.key, given as MessageBatch);
        return Promise.resolve();
      }),
    },
    options: {
      retryPolicy: retryOf(parts.leaseMs),
      inactivityTimeout: 10_000,
      abortTimeout: 5_000,
      journalRetention: 0,
    },
  });
  const all = service({
    name: nodeOf(parts.name),
    handlers: {
      // Asked again if the answer got lost: a second time changes nothing more.
      serve: keyless({ input: wire, output: wire }, (_: Context, given: unknown) => {
        const { what, parameter } = given as { what: string; parameter: unknown };
        return parts.serve(what, parameter);
      }),
    },
    options: { retryPolicy: BRIEF_RETRY, journalRetention: 0 },
  });
  return [bodies, all] as const;
}
