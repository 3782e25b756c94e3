/** What the parts of a mailbox need of their agent, and what they tell it. */
import type { Parked, ProgressInput } from '../../machines/index.ts';
import type { ParkRequest } from '../definition/parking.ts';
import type { BodyRequest } from '../hosting/host.ts';
import type { Journal } from '../journal/journal.ts';
import type { SteadyClock } from '../time/clock.ts';
import type { ProgressWatch, ProgressWatcher } from './progress-watch.ts';
import type { KeptSteps } from './task-steps.ts';

/** What a mailbox needs of its agent. */
export interface MailboxOwner {
  readonly id: string;
  readonly incarnation: number;
  readonly clock: SteadyClock;
  readonly journal: Journal;
  newTaskId(): string;
  /** What a task kept when it ran before; nearly always nothing. */
  stepsOf(taskId: string): KeptSteps | undefined;
  /** Whether its system closes: nothing goes on in this program. */
  readonly isClosing: boolean;
  /** Whether what has to end now may go on in another program: this one closes, and its store is durable. */
  readonly leavesTasks: boolean;
  /** Whether it has a body, and was not asked to end for good; or has none, and is about to have another one. */
  readonly mayComeBack: boolean;
  /** A number in [0, 1). */
  random(): number;
  post(request: BodyRequest): void;
  becameBusy(): void;
  becameIdle(): void;
  /** Nothing runs any more, as it was asked to tell. */
  becameRested(): void;
  /** A task ran into a limit. `told` hears what is waited for. */
  limitReached(request: ParkRequest, told: (parked: Parked) => void): void;
  /** A task is done. */
  taskPassed(): void;
  /** A task may have left. */
  loadFell(): void;
  /** What is to be seen of the tasks may have changed. */
  changed(): void;
  /** Nobody waits for a task that had been begun any more: it has been answered. */
  taskAnswered(taskId: string): void;
  /** Looks at whether a task gets on. */
  watchProgress(policy: ProgressInput, watcher: ProgressWatcher): ProgressWatch;
  /** A task has stalled, and its agent is to end for that. */
  crashForStall(taskId: string): void;
  /** The body said what it may not. */
  bodyDropped(): void;
  reportFault(message: string, thrown: unknown): void;
}
