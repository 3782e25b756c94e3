/**
 * What the functions of a definition are given: types alone.
 *
 * The same in every host; task-abilities.ts has what a task can ask its system for.
 */
import type { ExitReason } from '../../machines/index.ts';
import type { AgentSelf } from './agent-self.ts';
import type { ParkOptions } from './parking.ts';
import type { AgentCalls, AskedQuestion, TaskBudget } from './task-abilities.ts';
import type { VariableValues } from './variable-handle.ts';

/** Lines of an agent's own; they arrive in the system's logger with its id and incarnation. */
export interface AgentLog {
  /** A line for developers. */
  debug(message: string, fields?: object): void;
  /** A line of what happens. The default logger writes neither this nor `debug`. */
  info(message: string, fields?: object): void;
  /** A line of what somebody may want to look at. */
  warn(message: string, fields?: object): void;
  /** A line of what went wrong. */
  error(message: string, fields?: object): void;
}

/** A state that was saved earlier, as JSON gave it back. No type can be known: annotate what `init` returns. */
// oxlint-disable-next-line typescript/no-explicit-any -- `unknown` would make every inferred state `{}`
export type Restored = any;

/** What `connect` is given. */
export interface ConnectContext<Args> {
  /** The id of the agent. */
  readonly agentId: string;
  /** Which life this is: 1, 2, 3 … */
  readonly incarnation: number;
  /** Its `initArgs`, as their schema returns them. */
  readonly initArgs: Args;
  /** Fires when the start is cancelled, timed out or stopped, and at the end of the agent's life. */
  readonly signal: AbortSignal;
  /** The environment of the process that the agent lives in. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Lines for the system's log. */
  readonly log: AgentLog;
}

/** What `init` is given. Hand it on as it is: a copy by `{ ...context }` lacks what is made when it is asked for. */
export interface InitContext<Args, Resources = unknown, Values = VariableValues> {
  /** The id of the agent. */
  readonly agentId: string;
  /** Which life this is: 1, 2, 3 … */
  readonly incarnation: number;
  /** Its `initArgs`, as their schema returns them. */
  readonly initArgs: Args;
  /** The saved state of an earlier incarnation, or `undefined`. */
  readonly restored: Restored;
  /** Why the last incarnation ended, `host_lost` when its whole program did; `undefined` at the first start. */
  readonly previousStop: ExitReason | undefined;
  /** Current values of the variables that the agent declared, by name; typed where it declared them by their handles. */
  readonly variables: Values;
  /** What `connect` gave this life. */
  readonly resources: Resources;
  /** Fires when the start is cancelled, timed out or stopped, and at the end of the agent's life. */
  readonly signal: AbortSignal;
  /** Lines for the system's log. */
  readonly log: AgentLog;
  /** @internal */
  readonly self: AgentSelf;
}

/** What the work of a task is given. */
export interface TaskContext<State, Input, Resources = unknown, Chunk = unknown, Values = VariableValues> {
  /** The id of the task: the same in each of its attempts. */
  readonly taskId: string;
  /** Which attempt this is, from 1. */
  readonly attempt: number;
  /** What the caller sent, as its schema returns it. */
  readonly input: Input;
  /** The agent's state, to be changed in place. If the task fails, its changes are undone. */
  readonly state: State;
  /** Current values of the variables that the definition lists, by name. */
  readonly variables: Values;
  /** What `connect` gave this life. */
  readonly resources: Resources;
  /** Fires when the task is cancelled, timed out or abandoned: work that ends then frees its agent. */
  readonly signal: AbortSignal;
  /** Lines for the system's log. */
  readonly log: AgentLog;
  /** Tells the caller's `onProgress`. */
  readonly progress: (value: unknown) => void;
  /**
   * Emits a part of the output to the reader of the stream; without a reader it is dropped. Resolves when there is room
   * for the next: a slow reader is waited for. Rejects once the task is cancelled or has ended, and for a chunk that
   * does not fit `chunk` of the definition.
   */
  readonly emit: (chunk: Chunk) => Promise<void>;
  /**
   * Asks a person, and resolves with the answer. The task is `waiting_for_input` meanwhile, and `system.questions` lists
   * the question. Question and answer outlive this body and the whole program: the task then runs again from its
   * begin, and the same question is answered at once.
   *
   * @throws AgentSystemError `QUESTION_EXPIRED` past `deadlineMs` without an `otherwise`, `REQUEST_INVALID`
   */
  readonly ask: <Answer = unknown>(question: AskedQuestion<Answer>) => Promise<Answer>;
  /** Other agents of the fleet: tasks that they do for this one. */
  readonly agents: AgentCalls;
  /**
   * Tells that it is about to do this, a tool of that name with these arguments say. Gives how often this task has,
   * this time included; more often than `maxRepeats` of its kind throws `TASK_REPEATED`.
   *
   * @throws AgentSystemError `TASK_REPEATED`, `REQUEST_INVALID` for arguments that are no JSON data
   */
  readonly repeated: (name: string, args?: unknown) => number;
  /** What it may spend: reserved before a call, settled after it. */
  readonly budget: TaskBudget;
  /**
   * A piece of the work whose result is kept: a task that runs again, after a crash, a wait or the loss of its program,
   * is given what it kept and does the work once only. Resolves with the result once that is durable. Work that throws
   * keeps nothing.
   *
   * @param key names the piece, once in a task; 512 characters at the most
   * @param work gives JSON data
   * @throws AgentSystemError `REQUEST_INVALID` for a result that is no JSON data, `STORE_FAILED`; and what `work` throws
   */
  readonly step: <Value>(key: string, work: () => Value | PromiseLike<Value>) => Promise<Value>;
  /** What earlier runs of this task kept, by key. */
  readonly steps: ReadonlyMap<string, unknown>;
  /**
   * Leaves the task because a limit is reached: it goes back to the head of its queue and is begun anew once that is
   * reset. It counts as no attempt. Throws, and what it throws is not to be caught; nothing of the state stays.
   *
   * @param options `until` (epoch ms, or a Date) or `afterMs`, and `why`
   */
  readonly park: (options: ParkOptions) => never;
  /** Ends the agent normally once this task is done: `completed`, and never restarted. */
  readonly complete: () => void;
  /**
   * Gives buffers of the output away: a thread moves them to the caller instead of copying, and they are then
   * empty here. Never give one away that the state still needs. Other hosts copy, or share, as always.
   */
  readonly transfer: (...buffers: ArrayBuffer[]) => void;
}

/** A variable and its value, each name with its own. */
export type NamedValue<Values> = {
  [Name in keyof Values & string]: {
    /** The name of the variable. */
    readonly name: Name;
    /** Its new value. */
    readonly value: Values[Name];
  };
}[keyof Values & string];

/** What `onVariable` is given: the name, the new value, and the state to follow it. */
export type VariableContext<State, Resources = unknown, Values = VariableValues> = NamedValue<Values> & {
  /** Its version: 1, 2, 3 … one per change. */
  readonly version: number;
  /** The agent's state, to be changed in place. */
  readonly state: State;
  /** Current values of the variables that the definition lists, by name. */
  readonly variables: Values;
  /** What `connect` gave this life. */
  readonly resources: Resources;
  /** Lines for the system's log. */
  readonly log: AgentLog;
};

export type Vote = 'accept' | 'reject' | 'abstain';

/** The value that a variable is to take in place of its current one, each name with its own. */
type ProposedValue<Values> = {
  [Name in keyof Values & string]: {
    /** The name of the variable. */
    readonly variable: Name;
    /** The value that it is to take. */
    readonly value: Values[Name];
    /** The value that it has. */
    readonly current: Values[Name];
  };
}[keyof Values & string];

/** What a round asks its voters. */
export type Proposal<Values = VariableValues> = ProposedValue<Values> & {
  /** The id of the round. */
  readonly roundId: string;
  /** When the round ends at the latest, epoch ms. */
  readonly deadlineAt: number;
  /** As what the agent is asked: as one of the electorate, or as the leader, whose word then decides alone. */
  readonly as: 'voter' | 'leader';
};

/** What `vote` is given. */
export interface VoteContext<State, Resources = unknown, Values = VariableValues> {
  /** What is put to the vote. */
  readonly proposal: Proposal<Values>;
  /** The agent's state. */
  readonly state: State;
  /** Current values of the variables that the definition lists, by name. */
  readonly variables: Values;
  /** What `connect` gave this life. */
  readonly resources: Resources;
  /** Lines for the system's log. */
  readonly log: AgentLog;
}
