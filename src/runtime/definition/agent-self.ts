/**
 * What a definition that lives of its own accord needs of its body, and its body of it.
 *
 * A definition of functions acts when it is asked. A chart has timers and invoked work: its state changes, it ends
 * and it breaks between two tasks.
 */
import { types } from 'node:util';
import type { AnyStateMachine } from 'xstate';
import type { ChartInspectionEvent } from '../engine/chart.ts';
import type { SteadyClock } from '../time/clock.ts';
import type { ChartOutline } from './chart-agent/chart-outline.ts';
import type { AnyAgentDefinition } from './define-agent.ts';

/** What the body offers from `init` on. After the body's end all of it does nothing. */
export interface AgentSelf {
  /** The system's own, where the body lives in this program; else the machine's time. */
  readonly clock: SteadyClock;
  /** Who watches charts, where the body lives in this program: given XState's own inspection events. */
  readonly observe: ((event: ChartInspectionEvent) => unknown) | undefined;
  /** Versions of the variables that the body began with, by name. */
  readonly versions: ReadonlyMap<string, number>;
  /** The state has changed outside of a task: it is saved, once it is not part of an answer that is under way. */
  changed(): void;
  /** The agent is to end normally. */
  complete(): void;
  /** The agent breaks. */
  crash(thrown: unknown): void;
}

/** What an agent says of itself when it is asked: where it stands, and what it takes there. */
export interface Offer {
  /** Names of the tasks that it takes now; a guard may still refuse one for its input. */
  readonly next: readonly string[];
  /** Where its chart stands, as XState's state value. */
  readonly state?: unknown;
  /** Whether it takes the task that the question was about. */
  readonly can?: boolean;
  /** Its chart, where that was asked for. */
  readonly outline?: ChartOutline;
}

export interface AskedTask {
  readonly type: string;
  readonly input?: unknown;
}

/** What makes a definition one of a chart. */
export interface ChartFacet {
  /** Tells charts apart whose snapshots do not fit each other. */
  readonly identity: string;
  /** All of the chart that can be read, for the definition's hash. */
  readonly source: unknown;
  /** Makes the same definition of a machine that differs in its implementations, for tests. */
  readonly withMachine: (change: (machine: AnyStateMachine) => AnyStateMachine) => AnyAgentDefinition;
  /** What is restored of a saved state. Pure. @throws Error that names the state and what does not fit */
  fitted(saved: unknown, fromVersion: number): unknown;
  /** The chart as people see it. */
  outline(): ChartOutline;
  /** @param task one whose input is as its schema wants it */
  offer(state: unknown, task?: AskedTask): Offer;
}

/** A result that comes later and is told at once: what answers and what it leaves are one step. */
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

/** Settled once, by whoever made it; heard by one, for whom it begins. */
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

/** Thrown by a task that its agent does not take as it stands. */
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
  // Asked of whatever a task throws: no question here may run code of its own, as `instanceof` does for a proxy.
  return types.isNativeError(thrown) && REFUSAL in thrown;
}
