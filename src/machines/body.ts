/**
 * The body as an agent's chart sees it: a child that is done once it has exited. The code that runs the chart opens it,
 * and decides where it runs.
 */
import { type PromiseActorLogic, fromPromise } from 'xstate';
import type { ExitReason } from './exit-reason.ts';

/** What the body is told at its start. */
export interface BodyInput {
  readonly agentId: string;
  readonly incarnation: number;
}

/**
 * What the body gives at its end: when, as a stamp (epoch ms), and on the clock that durations are counted by, where
 * that is another (`tickOf`). `chance` is a random number in [0, 1) for the jitter of the backoff.
 */
export interface BodyExit {
  readonly reason: ExitReason;
  readonly at: number;
  readonly tick?: number;
  readonly chance: number;
}

/** The body as an actor of XState's: it resolves with the exit. */
export type BodyLogic = PromiseActorLogic<BodyExit, BodyInput>;

/** The placeholder in the bare chart: it fails, and says that no body was provided. */
export const missingBody: BodyLogic = fromPromise<BodyExit, BodyInput>(() =>
  Promise.reject(new Error('agentMachine: no actor "body" was provided')),
);
