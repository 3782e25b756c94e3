/** One incarnation of an agent, to work with. A handle outlives its incarnation and is refused from then on. */
import type { AgentRecord } from '../agent/agent.ts';
import type { TaskTypes } from '../definition/define-agent.ts';
import type { HealthReport } from '../agent/liveness.ts';
import type { TaskRequest } from '../agent/mailbox.ts';

/** An agent's id: a plain string, and for the compiler the tasks of the agent behind it. */
export type AgentId<Tasks extends TaskTypes = TaskTypes> = string & { readonly [tasks]?: Tasks };
declare const tasks: unique symbol;

/** One kind of task of an agent whose type is known. */
export type TaskOf<Tasks extends TaskTypes, Name extends keyof Tasks> = Omit<
  TaskRequest,
  'type' | 'input'
> & {
  readonly type: Name;
} & (undefined extends Tasks[Name]['input']
    ? { readonly input?: Tasks[Name]['input'] }
    : { readonly input: Tasks[Name]['input'] });

/** Every method throws `AGENT_NOT_RUNNING` once the incarnation has ended. */
export interface AgentHandle<Tasks extends TaskTypes = TaskTypes> {
  readonly id: string;
  readonly incarnation: number;
  execute<Name extends keyof Tasks & string>(task: TaskOf<Tasks, Name>): Promise<Tasks[Name]['output']>;
  /** @param timeoutMs grace in ms; default the spec's `shutdownMs` */
  stop(options?: { readonly timeoutMs?: number }): Promise<AgentRecord>;
  kill(): Promise<AgentRecord>;
  /** One health check, now. */
  health(): Promise<HealthReport>;
}
