/** What the parts of a mailbox need from their agent, and report to it. */
import type { Parked, ProgressInput } from '../../machines/index.ts';
import type { ParkRequest } from '../definition/parking.ts';
import type { BodyRequest } from '../hosting/host.ts';
import type { Journal } from '../journal/journal.ts';
import type { SteadyClock } from '../time/clock.ts';
import type { ProgressWatch, ProgressWatcher } from './progress-watch.ts';
import type { KeptSteps } from './task-steps.ts';

/** The agent of a mailbox. */
export interface MailboxOwner {
  readonly id: string;
  readonly incarnation: number;
  readonly clock: SteadyClock;
  readonly journal: Journal;
  newTaskId(): string;
  /** Steps that a task kept when it ran before; rarely any. */
  stepsOf(taskId: string): KeptSteps | undefined;
  /** Whether its system is closing. */
  readonly isClosing: boolean;
  /** Whether tasks may go on in the next program: this one is closing, and its store is durable. */
  readonly leavesTasks: boolean;
  /** Whether it has a body and was not asked to end for good, or a restart is on its way. */
  readonly mayComeBack: boolean;
  /** A number in [0, 1). */
  random(): number;
  post(request: BodyRequest): void;
  becameBusy(): void;
  becameIdle(): void;
  /** Nothing runs any more; reported only after `rest`. */
  becameRested(): void;
  /** A task ran into a limit. `told` gets what the agent waits for. */
  limitReached(request: ParkRequest, told: (parked: Parked) => void): void;
  /** A task is done. */
  taskPassed(): void;
  /** There may be fewer tasks. */
  loadFell(): void;
  /** The figures of the tasks may have changed. */
  changed(): void;
  /** A task that had been begun was answered. */
  taskAnswered(taskId: string): void;
  /** Watches the progress of a task. */
  watchProgress(policy: ProgressInput, watcher: ProgressWatcher): ProgressWatch;
  /** A task has stalled, and its kind has the agent crash for that. */
  crashForStall(taskId: string): void;
  /** A report of the body was malformed. */
  bodyDropped(): void;
  reportFault(message: string, thrown: unknown): void;
}
