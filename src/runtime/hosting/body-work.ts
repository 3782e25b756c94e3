/** What the parts of a body share: the definition whose functions they call, and how to call one. */
import { isPending, whenSettled } from '../definition/agent-self.ts';
import type {
  AgentLog,
  AnyAgentDefinition,
  ConnectContext,
  InitContext,
  TaskDefinition,
} from '../definition/define-agent.ts';
import { isThenable } from '../values/thenable.ts';
import type { LineTeller } from './body-log.ts';
import type { BodyState } from './body-state.ts';
import type { BodyReport } from './host.ts';
import type { StateSaves } from './state-saves.ts';

export type CallableTask = TaskDefinition<unknown, unknown, unknown>;

/** A definition whose functions may be called: what they are given is made here, to their types. */
export type CallableDefinition = Omit<
  AnyAgentDefinition,
  'connect' | 'disconnect' | 'init' | 'tasks' | 'onVariable' | 'vote' | 'health' | 'save' | 'terminate'
> & {
  connect?(context: ConnectContext<unknown>): unknown;
  disconnect?(context: object): unknown;
  init(context: InitContext<unknown>): unknown;
  readonly tasks: Readonly<Record<string, CallableTask>>;
  onVariable?(context: object): unknown;
  vote?(context: object): unknown;
  health?(context: object): unknown;
  save?(context: object): unknown;
  terminate?(context: object): unknown;
};

/** The body whose work its parts do. */
export interface WorkOwner extends LineTeller {
  readonly definition: CallableDefinition;
  readonly state: BodyState;
  readonly saves: StateSaves;
  /** The values that it knows, by name. */
  readonly variables: Readonly<Record<string, unknown>>;
  /** What its `connect` gave. */
  readonly resources: unknown;
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
