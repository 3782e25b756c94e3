/**
 * Where an agent's code runs: the contract between the runtime and its hosts (hosts/*.ts).
 *
 * I1  A body reports `ready` at most once, and nothing before it but `log`.
 * I2  `exited` is called exactly once for every body that was opened, and nothing is reported after it.
 * I3  `kill` ends every body; only for a body that its host cannot end (a thread in some loops)
 *     `exited` may be called later, or never.
 * I4  Nothing that a body throws, answers or sends makes the runtime throw.
 */
import type { ErrorInfo, ExitReason, Isolation, ParsedAgentSpec } from '../../machines/index.ts';
import type { AskedTask, Offer } from '../definition/agent-self.ts';
import type { Proposal, Vote } from '../definition/contexts.ts';
import type { AnyAgentDefinition } from '../definition/define-agent.ts';
import type { AgentManifest } from '../definition/manifest.ts';
import type { ParkRequest } from '../definition/parking.ts';
import type { SavedState } from '../definition/saved-state.ts';
import type { ErrorCode } from '../values/errors.ts';

export interface VariableState {
  readonly name: string;
  readonly value: unknown;
  readonly version: number;
}

/** The start of a body. */
export interface BodyStart {
  readonly agentId: string;
  readonly incarnation: number;
  readonly module: AnyAgentDefinition | URL;
  /** The type that the module has to define; default any. */
  readonly agentType?: string | undefined;
  readonly initArgs: unknown;
  /** Paths to secrets in `initArgs`: no state that holds one is to be saved. */
  readonly secrets?: readonly string[] | undefined;
  readonly restored: SavedState | undefined;
  readonly previousStop: ExitReason | undefined;
  readonly variables: readonly VariableState[];
  readonly resources: ParsedAgentSpec['resources'];
}

/** The span that a task's own spans are children of. */
export interface TraceParent {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
}

/** What the runtime asks of a body. */
export type BodyRequest =
  | {
      readonly type: 'task.run';
      readonly taskId: string;
      readonly task: string;
      /** Which attempt it is; default the first. */
      readonly attempt?: number;
      readonly input: unknown;
      /** Buffers of the input that its owner gives away: moved where the host can, and then empty here. */
      readonly transfer?: readonly ArrayBuffer[] | undefined;
      readonly trace?: TraceParent | undefined;
      /** Results of its steps from earlier runs, by key. */
      readonly steps?: readonly (readonly [key: string, value: unknown])[] | undefined;
      /** Its output is kept in its record, or crosses machines: one that is no JSON data fails it. */
      readonly isKept?: boolean | undefined;
    }
  | {
      readonly type: 'task.cancel';
      readonly taskId: string;
      readonly reason: string;
      /** The reason of the caller's own signal, itself, where that has fired; beyond a boundary only if it is JSON data. */
      readonly cause?: unknown;
      /** Another reason, an error in most cases, as data, where it has crossed one. */
      readonly error?: ErrorInfo;
      /** It is this attempt that ends, and not the task: it has failed, whatever its work gives yet. */
      readonly endsAttempt?: 'timed_out' | 'interrupted';
    }
  /** So many chunks of a task were taken, over its whole life: as many more may be told. */
  | { readonly type: 'task.chunks_taken'; readonly taskId: string; readonly taken: number }
  | { readonly type: 'health.check'; readonly checkId: number }
  | { readonly type: 'state.save' }
  | { readonly type: 'variable.changed'; readonly variable: VariableState }
  | { readonly type: 'vote.asked'; readonly proposal: Proposal }
  /** What a task of it asked for. */
  | {
      readonly type: 'request.answered';
      readonly requestId: number;
      readonly taskId: string;
      readonly value: unknown;
    }
  /** What a task of it asked for is not to be had. */
  | {
      readonly type: 'request.refused';
      readonly requestId: number;
      readonly taskId: string;
      readonly code: ErrorCode;
      readonly error: ErrorInfo;
      /** The very value that was thrown, where it does not have to cross a boundary. */
      readonly cause?: unknown;
    }
  /** Asks which tasks the agent takes now. */
  | {
      readonly type: 'offer.asked';
      readonly questionId: number;
      readonly task?: AskedTask | undefined;
      /** Whether its chart is to be told, too. */
      readonly isOutlined?: boolean;
    }
  | { readonly type: 'terminate' };

/** A report of a body. `state` is what a save would give at that moment, if it differs from the last. */
export type BodyReport =
  | { readonly type: 'ready'; readonly manifest: AgentManifest }
  | { readonly type: 'task.progress'; readonly taskId: string; readonly value: unknown }
  /** A part of the output, in order. At the most `STREAM_WINDOW` are told that were not taken. */
  | { readonly type: 'task.chunk'; readonly taskId: string; readonly chunk: unknown }
  | {
      readonly type: 'task.completed';
      readonly taskId: string;
      readonly output: unknown;
      readonly state?: SavedState | undefined;
      /** Buffers of the output that the agent gave away. */
      readonly transfer?: readonly ArrayBuffer[] | undefined;
    }
  | {
      readonly type: 'task.failed';
      readonly taskId: string;
      readonly code: ErrorCode;
      readonly error: ErrorInfo;
      /** The very value that was thrown, where it did not have to cross a boundary. */
      readonly cause?: unknown;
      /** Names of the tasks that it takes now, if it does not take this one. */
      readonly expected?: readonly string[];
      /** Whether its definition retries this error. */
      readonly retry?: boolean;
    }
  /** It ran into a limit: none of it is done, and it is begun anew later. See `ParkRequest`. */
  | ({
      readonly type: 'task.parked';
      readonly taskId: string;
      /** What its work threw, unless it asked for the wait itself. */
      readonly error?: ErrorInfo;
    } & ParkRequest)
  /** The agent asked to end normally; sent after the task in which it did. */
  | { readonly type: 'finished' }
  | { readonly type: 'health.answered'; readonly checkId: number; readonly detail?: unknown }
  | { readonly type: 'health.failed'; readonly checkId: number; readonly error: ErrorInfo }
  | { readonly type: 'state.saved'; readonly state: SavedState }
  | { readonly type: 'state.save_failed'; readonly error: ErrorInfo }
  /** The state has changed by itself: between tasks, or beside them. */
  | { readonly type: 'state.changed'; readonly state: SavedState }
  | { readonly type: 'variable.acknowledged'; readonly name: string; readonly version: number }
  | {
      readonly type: 'vote.cast';
      readonly roundId: string;
      readonly vote: Vote;
      /** What the vote function threw, or gave instead of a vote: the vote has failed, and `vote` is to be ignored. */
      readonly error?: ErrorInfo;
    }
  | { readonly type: 'offer.told'; readonly questionId: number; readonly offer: Offer }
  /**
   * A task asks its system for something: answered once, unless the task ends first. Ids grow with every request of
   * a body; which incarnation asks is known by the body itself.
   */
  | {
      readonly type: 'request.made';
      readonly requestId: number;
      readonly taskId: string;
      readonly name: string;
      readonly args: unknown;
    }
  /** It is not waited for any more. */
  | {
      readonly type: 'request.withdrawn';
      readonly requestId: number;
      readonly taskId: string;
      readonly error: ErrorInfo;
      /** The reason of the signal that has fired, itself, where it does not have to cross a boundary. */
      readonly cause?: unknown;
    }
  | { readonly type: 'log'; readonly level: LogLevel; readonly message: string; readonly fields?: object };

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface BodyListener {
  report(report: BodyReport): void;
  /** The body is gone. `thrown` is what ended it, itself, where the body lives in this thread. */
  exited(reason: ExitReason, thrown?: unknown): void;
  /** It was killed and does not end, and this program cannot end it. `exited` may still come. */
  stuck?(): void;
  /** The body's thread or process sent something malformed: it was dropped. */
  dropped?(): void;
}

/** A host's measurement of one body. */
export interface Usage {
  readonly memoryBytes: number;
  readonly cpuMs: number;
}

export interface Body {
  post(request: BodyRequest): void;
  /** Ends it at once, with no chance to clean up. It exits with `killed`, unless it was ending already. */
  kill(): void;
  /** The newest measurement, for hosts that measure. */
  usage?(): Usage | undefined;
}

/** The turn of one description; its caller keeps the time. */
export interface DescriptionTurn {
  /** Fires when the answer is no longer needed. */
  readonly signal: AbortSignal;
  /** It has to wait for others; its time does not run, until it `begins`, with all of it. */
  waits(): void;
  begins(): void;
}

export interface Host {
  readonly isolation: Isolation;
  /** Why this host cannot keep a spec's limits, in one line that names the field; `undefined` if it can. */
  refusal(spec: ParsedAgentSpec): string | undefined;
  /**
   * Loads a module where this host would run it, and returns its manifest.
   *
   * @param resources what the spec says of them: a module that is to be sandboxed is so here, too
   * @param turn what a host that takes one module after the other tells when; the time runs from the call
   * @throws Error that says what was expected and what came
   */
  describe(
    module: URL,
    initArgs: unknown,
    resources?: ParsedAgentSpec['resources'],
    turn?: DescriptionTurn,
  ): Promise<AgentManifest>;
  open(start: BodyStart, listener: BodyListener): Body;
  /** Releases what the host itself holds; bodies have ended by then, or are abandoned. */
  close(): Promise<void>;
}
