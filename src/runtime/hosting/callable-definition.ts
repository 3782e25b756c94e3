/** A definition whose functions may be called: what they are given is made in this room, to their types. */
import type { ConnectContext, InitContext } from '../definition/contexts.ts';
import type { AnyAgentDefinition, TaskDefinition } from '../definition/define-agent.ts';

export type CallableTask = TaskDefinition<unknown, unknown, unknown>;

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
