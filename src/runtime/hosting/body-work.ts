/** What the parts of a body share: what they know of it, and how to call a function of its definition. */
import type { SteadyClock } from '../time/clock.ts';
import { isPending, whenSettled } from '../definition/agent-self.ts';
import type { AgentLog } from '../definition/contexts.ts';
import { isThenable } from '../values/thenable.ts';
import type { LineTeller } from './body-log.ts';
import type { BodyReport } from './host.ts';
import type { SavesOwner, StateSaves } from './state-saves.ts';
import type { KnownVariables } from './variables.ts';

/** The body whose work its parts do. */
export interface WorkOwner extends LineTeller, SavesOwner {
  readonly saves: StateSaves;
  readonly clock: SteadyClock;
  /** The values that it knows, by name. */
  readonly variables: KnownVariables;
  readonly log: AgentLog;
  readonly isServing: boolean;
  readonly isGone: boolean;
  /** Reports, unless the body is gone. */
  tell(report: BodyReport): void;
  /** Tells of a state that has changed by itself, unless an answer is under way, with which it goes. */
  tellChanged(): void;
  crash(thrown: unknown): void;
}

/** Runs `work`, then one of the two: at once when it did not give a promise. */
export function settle<Value>(
  work: () => Value | PromiseLike<Value>,
  done: (value: Value) => void,
  failed: (thrown: unknown) => void,
): void {
  let result: Value | PromiseLike<Value>;
  let isPromised: boolean;
  try {
    result = work();
    if (isPending(result)) return whenSettled(result, done as (output: unknown) => void, failed);
    isPromised = isThenable(result);
  } catch (thrown) {
    return failed(thrown);
  }
  // Resolving guards against foreign thenables: those that answer twice, at once, or throw.
  if (isPromised) Promise.resolve(result).then(done, failed);
  else done(result as Value);
}
