/**
 * Tasks that wait for other tasks: what `context.agents.execute` makes of a fleet, as a graph.
 *
 * A task holds a place of its agent until it ends. What it waits for needs a place, too, until it has begun.
 */

/** A task that runs, or waits for its turn. */
export interface WaitingTask {
  readonly taskId: string;
  readonly agentId: string;
  /** Its work has begun: it holds a place of its agent. */
  readonly isBegun: boolean;
  /** What it has asked for and was not answered yet. */
  readonly waits: ReadonlySet<Wait>;
}

/** The places of one agent. */
export interface Places {
  /** A task that was next could begin, or nobody can tell. */
  readonly isFree: boolean;
  /** Tasks that hold the places. */
  readonly holders: Iterable<WaitingTask>;
}

/** Where a task may be done: by one agent, or by any of a pool. */
export interface WaitTarget {
  /** As people are told it. */
  readonly name: string;
  /** More places may come. */
  readonly mayGrow: boolean;
  places(): Iterable<Places>;
}

/** One task that waits for another to be done. */
export interface Wait {
  readonly target: WaitTarget;
  /** The task that was made of it, once an agent has it. */
  readonly task: WaitingTask | undefined;
}
