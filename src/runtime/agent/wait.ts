/**
 * Tasks that wait for other tasks, by `context.agents.execute`: a graph.
 *
 * A task holds a place of its agent until it ends. The task that it waits for needs a place too, to begin.
 */

/** A task that runs, or waits for its turn. */
export interface WaitingTask {
  readonly taskId: string;
  readonly agentId: string;
  /** Its work has begun: it holds a place of its agent. */
  readonly isUnderWay: boolean;
  /** Its open calls of other agents. */
  readonly waits: ReadonlySet<Wait>;
}

/** The places of one agent. */
export interface Places {
  /** Whether the next task could begin, as far as is known. */
  readonly isFree: boolean;
  /** Tasks that hold the places. */
  readonly holders: Iterable<WaitingTask>;
}

/** Where a task may be done: by one agent, or by any member of a pool. */
export interface WaitTarget {
  /** Its name in error messages. */
  readonly name: string;
  /** More places may come. */
  readonly mayGrow: boolean;
  places(): Iterable<Places>;
}

/** One task that waits for another to be done. */
export interface Wait {
  readonly target: WaitTarget;
  /** The task that is waited for, once an agent has accepted it. */
  readonly task: WaitingTask | undefined;
}
