/**
 * The dashboard's reports on work and its limits: tasks, schedules, questions, budgets, quotas.
 *
 * Owns no state. Inputs, outputs and details of tasks and questions are redacted here.
 */
import { hasTaskEnded, taskStatuses, type TaskStatus } from '../machines/index.ts';
import type { BudgetRecord, QuestionRecord, QuotaRecord, TaskRecord } from '../index.ts';
import { oneLine } from './agent-row.ts';
import type {
  LimitsReport,
  Needs,
  ShownQuota,
  ShownSchedule,
  ShownTask,
  TaskDetail,
  TaskPage,
  WorkReport,
} from './protocol.ts';
import { plain, type Redaction } from './redaction.ts';
import type { WatchedSystem } from './watched-system.ts';

/** The longest list in one answer. */
const MAX_LISTED = 200;
/** Tasks of each status in a list of all statuses. */
const MAX_OF_STATUS = 100;
/** Done tasks in a list of all statuses: fewer, for they are the most and interest least. */
const MAX_DONE = 20;

export interface TaskQuery {
  readonly status?: readonly TaskStatus[] | undefined;
  readonly agent?: string | undefined;
  readonly type?: string | undefined;
  readonly limit?: number | undefined;
}

/** Tasks of a system, or of a store. */
export type ListedTasks = Pick<WatchedSystem['tasks'], 'counts' | 'list' | 'legal'>;

export class WorkReports {
  readonly #system: WatchedSystem;
  readonly #redaction: Redaction;

  constructor(system: WatchedSystem, redaction: Redaction) {
    this.#system = system;
    this.#redaction = redaction;
  }

  needs(): Needs {
    return needsOf(this.#system);
  }

  tasks(query: TaskQuery = {}): TaskPage {
    return taskPageOf(this.#system.tasks, query);
  }

  /** @throws AgentSystemError `TASK_UNKNOWN` */
  task(id: string): TaskDetail {
    const { tasks, questions } = this.#system;
    const record = tasks.get(id);
    return {
      task: shownTask(tasks, record),
      legal: tasks.legal(id),
      ...(record.output === undefined ? {} : { output: this.#redaction.shown('output', record.output) }),
      ...(record.error === undefined ? {} : { error: plain(record.error) }),
      questions: questions.list({ taskId: id }).map((question) => this.#question(question)),
    };
  }

  schedules(): readonly ShownSchedule[] {
    return this.#system.tasks
      .schedules()
      .slice(0, MAX_LISTED)
      .map(({ task: { input, ...task }, lastError, ...schedule }) => ({
        ...schedule,
        task: { ...task, ...(input === undefined ? {} : { input: this.#redaction.shown('input', input) }) },
        ...(lastError === undefined ? {} : { lastError: oneLine(lastError.message) }),
      }));
  }

  work(): WorkReport {
    return { ...this.tasks(), schedules: this.schedules() };
  }

  /** Open ones, oldest first. */
  questions(): readonly QuestionRecord[] {
    return this.#system.questions
      .list()
      .slice(0, MAX_LISTED)
      .map((record) => this.#question(record));
  }

  limits(): LimitsReport {
    const budgets = this.budgets();
    const quotas = this.#system.quotas.list();
    return {
      budgets: budgets.slice(0, MAX_LISTED),
      budgetCount: budgets.length,
      quotas: quotas.toSorted(byUrgency).slice(0, MAX_LISTED).map(shownQuota),
      quotaCount: quotas.length,
      resources: this.#system.resources(),
    };
  }

  /** Budgets with the greatest used share come first. */
  budgets(): readonly BudgetRecord[] {
    return this.#system.budgets.list().toSorted((one, other) => other.share - one.share);
  }

  quotas(): readonly ShownQuota[] {
    return this.#system.quotas.list().map(shownQuota);
  }

  #question(record: QuestionRecord): QuestionRecord {
    const { details } = record;
    return details === undefined ? record : { ...record, details: this.#redaction.shown('details', details) };
  }
}

/** Tasks that match. Without `limit`, the list has some tasks of every status. */
export function taskPageOf(
  tasks: ListedTasks,
  { status = taskStatuses, agent, type, limit }: TaskQuery,
): TaskPage {
  const who = {
    ...(agent === undefined ? {} : { agentId: agent }),
    ...(type === undefined ? {} : { type }),
  };
  const counts = tasks.counts();
  const listed = status.flatMap((one) => {
    // A status without tasks needs no search.
    if (counts[one] === 0) return [];
    const newest = hasTaskEnded(one);
    const most = limit ?? (one === 'done' ? MAX_DONE : MAX_OF_STATUS);
    const found = tasks.list({ ...who, status: one, limit: most, newest });
    return newest ? found.toReversed() : found;
  });
  return {
    counts,
    tasks: (limit === undefined ? listed : listed.slice(0, limit)).map((task) => shownTask(tasks, task)),
  };
}

/** What waits for a person, or for something outside of the fleet. */
export function needsOf({ tasks, questions, quotas, budgets }: WatchedSystem): Needs {
  const states = budgets.list().map(({ status }) => status);
  const counts = tasks.counts();
  const running = counts.running === 0 ? [] : tasks.list({ status: 'running' });
  return {
    tasks: counts,
    failed: LOST.reduce((sum, status) => sum + (counts[status] === 0 ? 0 : retriable(tasks, status)), 0),
    stalled: running.filter(({ stalledAt }) => stalledAt !== undefined).length,
    questions: questions.list().length,
    parked: quotas.list().filter(({ status }) => status === 'parked').length,
    lowBudgets: states.filter((status) => status === 'low').length,
    spentBudgets: states.filter((status) => status === 'exhausted').length,
  };
}

const LOST: readonly TaskStatus[] = ['failed', 'timed_out', 'abandoned', 'unknown'];

/** The failure of a called task reached its caller; that of a submitted one needs attention. */
function retriable(tasks: WatchedSystem['tasks'], status: TaskStatus): number {
  return tasks.list({ status }).filter(({ id }) => tasks.legal(id).includes('retry')).length;
}

export function shownTask(
  tasks: Pick<ListedTasks, 'legal'>,
  { output: _, error, ...record }: TaskRecord,
): ShownTask {
  return {
    ...record,
    ...(error === undefined ? {} : { error: oneLine(`${error.name}: ${error.message}`) }),
    ...(LOST.includes(record.status) && tasks.legal(record.id).includes('retry') ? { canRetry: true } : {}),
  };
}

function shownQuota({ waiting, ...record }: QuotaRecord): ShownQuota {
  return { ...record, waiting: waiting.slice(0, MAX_LISTED), waitingCount: waiting.length };
}

const URGENCY: Readonly<Record<QuotaRecord['status'], number>> = { parked: 0, releasing: 1, open: 2 };

function byUrgency(a: QuotaRecord, b: QuotaRecord): number {
  return URGENCY[a.status] - URGENCY[b.status] || b.waiting.length - a.waiting.length;
}
