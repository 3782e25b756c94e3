/**
 * What a task may ask of its system: the contracts of `context.agents` and its like.
 *
 * The same in every host: what is given along and what comes back is cloned where the agent lives elsewhere.
 */

/** Who is to do a task: an agent, the least loaded agent of a type, or a pool. */
export type CallTarget = string | { readonly type: string } | { readonly pool: string };

/** A task that one agent asks of another. */
export interface CalledTask {
  readonly type: string;
  readonly input?: unknown;
  /** From acceptance to answer; never longer than what is left of the caller's own time. */
  readonly timeoutMs?: number;
  /** Cancels the task, as the end of the caller's own task does. */
  readonly signal?: AbortSignal;
}

/** The fleet, as one task sees it. */
export interface AgentCalls {
  /**
   * Has another agent do a task. Resolves with its output.
   *
   * It goes with what the caller has: its trace, what is left of its time, and its end: a caller that is cancelled or
   * ends has what it asked for cancelled.
   *
   * @throws AgentSystemError `WAIT_CIRCLE` where the other agent could only answer once this task has ended,
   * `REQUEST_INVALID` for a malformed call, and as `agents.execute`
   */
  execute(target: CallTarget, task: CalledTask): Promise<unknown>;
}
