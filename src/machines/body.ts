/**
 * The body as an agent's chart sees it: a child actor that is told of its exit, and then is done.
 *
 * The chart supervises; who opens a body, and where its code runs, is provided by the runtime.
 */
import type { ActorLogic, ActorRefFrom, EventObject, Snapshot } from 'xstate';
import type { ExitReason } from './exit-reason.ts';

/** What the body actor is told at its start. */
export interface BodyInput {
  readonly agentId: string;
  readonly incarnation: number;
}

/** What the body actor says at its end. `chance` in [0, 1) is the dice for the backoff's jitter. */
export interface BodyExit {
  readonly reason: ExitReason;
  readonly at: number;
  readonly chance: number;
}

export interface BodyExited extends EventObject {
  readonly type: 'body.exited';
  readonly exit: BodyExit;
}
export type BodySnapshot = Snapshot<BodyExit> & { readonly input: BodyInput | undefined };
export type BodyLogic = ActorLogic<BodySnapshot, BodyExited, BodyInput>;
export type BodyRef = ActorRefFrom<BodyLogic>;

const ACTIVE = { status: 'active', output: undefined, error: undefined } as const;

/** A body that `opened` has to bring to life: it is given the actor that has to hear of the exit. */
export function bodyLogic(opened: (input: BodyInput, body: BodyRef) => void): BodyLogic {
  return {
    getInitialSnapshot: (_, input) => ({ ...ACTIVE, input }),
    start: ({ input }, { self }) => {
      if (input) opened(input, self);
    },
    transition: (snapshot, event) => {
      const { input } = snapshot;
      if (event.type === 'body.exited')
        return { status: 'done', output: event.exit, error: undefined, input };
      const { type }: EventObject = event;
      return type === 'xstate.stop' ? { ...ACTIVE, status: 'stopped', input } : snapshot;
    },
    getPersistedSnapshot: (snapshot) => snapshot,
  };
}

/** What stands in the bare chart: it fails, and says what was forgotten. */
export const missingBody: BodyLogic = {
  getInitialSnapshot: (_, input) => ({
    status: 'error',
    output: undefined,
    error: new Error('agentMachine: no actor "body" was provided'),
    input,
  }),
  transition: (snapshot) => snapshot,
  getPersistedSnapshot: (snapshot) => snapshot,
};
