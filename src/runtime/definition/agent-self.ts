/**
 * The contract between a body and a definition that acts by itself: a chart.
 *
 * A definition of functions acts when it is asked. A chart has timers and invoked work: its state changes, it ends
 * and it breaks between two tasks.
 */
import { types } from 'node:util';
import type { CountedCharts } from '../engine/agent-counts.ts';
import type { ChartInspectionEvent } from '../engine/chart.ts';
import type { SteadyClock } from '../time/clock.ts';
import type { ChartOutline } from './chart-agent/chart-outline.ts';

/** What the body offers from `init` on. After the end of the body it does nothing. */
export interface AgentSelf {
  /** The system's own, where the body lives in this program; else the machine's time. */
  readonly clock: SteadyClock;
  /** The observer of charts, if the body lives in this program: gets XState's inspection events. */
  readonly observe: ((event: ChartInspectionEvent) => unknown) | undefined;
  /** Versions of the variables that the body began with, by name. */
  readonly versions: ReadonlyMap<string, number>;
  /** Told where the steps of its chart are counted; not there in a body of an older copy of this package. */
  readonly count?: ((counted: CountedCharts) => void) | undefined;
  /** The state has changed outside of a task: it is saved, once it is not part of an answer that is under way. */
  changed(): void;
  /** Ends the agent normally. */
  complete(): void;
  /** Crashes the agent. */
  crash(thrown: unknown): void;
}

/** An agent's answer about itself: its state, and the tasks that it takes there. */
export interface Offer {
  /** Names of the tasks that it takes now; a guard may still refuse one for its input. */
  readonly next: readonly string[];
  /** The state value of its chart, as XState has it. */
  readonly state?: unknown;
  /** Whether it takes the task in question. */
  readonly can?: boolean;
  /** Its chart, where that was asked for. */
  readonly outline?: ChartOutline;
}

export interface AskedTask {
  readonly type: string;
  readonly input?: unknown;
}

/** A result that comes later and is handled synchronously: an answer and its state are one step. */
export interface Pending {
  readonly [PENDING]: (done: (output: unknown) => void, failed: (thrown: unknown) => void) => void;
}

/** Known to other copies of this package, too: a definition's may not be its body's. */
const PENDING = Symbol.for('mabeam.pending');
const REFUSAL = Symbol.for('mabeam.refusal');

export function isPending(value: unknown): value is Pending {
  return typeof value === 'object' && value !== null && PENDING in value;
}

export function whenSettled(
  pending: Pending,
  done: (output: unknown) => void,
  failed: (thrown: unknown) => void,
): void {
  pending[PENDING](done, failed);
}

/** Settled once by its maker; it has one listener, and begins when that listens. */
export class Deferred implements Pending {
  readonly #begin: () => void;
  #outcome: { readonly output: unknown } | { readonly thrown: unknown } | undefined;
  #done: ((output: unknown) => void) | undefined;
  #failed: ((thrown: unknown) => void) | undefined;

  constructor(begin: () => void) {
    this.#begin = begin;
  }

  [PENDING](done: (output: unknown) => void, failed: (thrown: unknown) => void): void {
    this.#done = done;
    this.#failed = failed;
    this.#begin();
  }

  resolve(output: unknown): void {
    this.#outcome ??= { output };
    this.#tell();
  }

  reject(thrown: unknown): void {
    this.#outcome ??= { thrown };
    this.#tell();
  }

  #tell(): void {
    const [done, failed] = [this.#done, this.#failed];
    if (this.#outcome === undefined || done === undefined || failed === undefined) return;
    this.#done = undefined;
    this.#failed = undefined;
    if ('thrown' in this.#outcome) failed(this.#outcome.thrown);
    else done(this.#outcome.output);
  }
}

/** Thrown for a task that the agent does not take in its state. */
export class TaskRefusal extends Error {
  override readonly name = 'TaskRefusal';
  readonly [REFUSAL] = true;
  /** Names of the tasks that it takes. */
  readonly expected: readonly string[];

  constructor(message: string, expected: readonly string[]) {
    super(message);
    this.expected = expected;
  }
}

export function isTaskRefusal(thrown: unknown): thrown is TaskRefusal {
  // Called with anything that a task throws: it must not run foreign code, as `instanceof` does for a proxy.
  return types.isNativeError(thrown) && REFUSAL in thrown;
}
