/** A body, and a witness to all that it says. */
import assert from 'node:assert/strict';
import type { ExitReason } from '../../machines/index.ts';
import type { Body, BodyListener, BodyReport, BodyStart, Host } from '../../runtime/hosting/host.ts';
import { ownFile } from '../../runtime/hosting/hosts/own-file.ts';

type ReportType = BodyReport['type'];
export type ReportOf<Type extends ReportType> = Extract<BodyReport, { type: Type }>;

export const lawAgent = ownFile('law-agent', import.meta.url);

/** One body and all that was heard of it; it holds the host to its invariants while it listens. */
export class Witness implements BodyListener {
  readonly reports: BodyReport[] = [];
  readonly exits: ExitReason[] = [];
  stuckCount = 0;
  body!: Body;
  readonly #waiting = new Set<() => void>();
  #broken: Error | undefined;

  report(report: BodyReport): void {
    if (this.exits.length > 0) this.#break(`reported ${report.type} after it had exited`);
    const isReady = this.reports.some(({ type }) => type === 'ready');
    if (report.type === 'ready' && isReady) this.#break('was ready twice');
    if (!isReady && report.type !== 'ready' && report.type !== 'log')
      this.#break(`reported ${report.type} before ready`);
    this.reports.push(report);
    this.#look();
  }

  exited(reason: ExitReason): void {
    if (this.exits.length > 0) this.#break('exited twice');
    this.exits.push(reason);
    this.#look();
  }

  stuck(): void {
    this.stuckCount += 1;
    this.#look();
  }

  all<Type extends ReportType>(type: Type): ReportOf<Type>[] {
    return this.reports.filter((report): report is ReportOf<Type> => report.type === type);
  }

  /** Resolves with the first matching report of a type. @throws when the body exits without one */
  until<Type extends ReportType>(
    type: Type,
    matches: (report: ReportOf<Type>) => boolean = () => true,
  ): Promise<ReportOf<Type>> {
    return this.when(() => {
      const found = this.all(type).find(matches);
      if (found === undefined && this.exits.length > 0) {
        throw new Error(`expected ${type}, the body exited with ${JSON.stringify(this.exits[0])}`);
      }
      return found;
    });
  }

  exit(): Promise<ExitReason> {
    return this.when(() => this.exits[0]);
  }

  /** Resolves with what `look` finds, once it finds something. */
  when<Found>(look: () => Found | undefined): Promise<Found> {
    return new Promise((resolve, reject) => {
      const attempt = (): void => {
        try {
          if (this.#broken) throw this.#broken;
          const found = look();
          if (found === undefined) return;
          resolve(found);
        } catch (thrown) {
          reject(thrown);
        }
        this.#waiting.delete(attempt);
      };
      this.#waiting.add(attempt);
      attempt();
    });
  }

  /** Runs one task, and waits for its answer. */
  task(task: string, input?: unknown, taskId = `task-${task}`): Promise<TaskAnswer> {
    this.run(task, input, taskId);
    return this.answer(taskId);
  }

  /** Runs one task, without waiting. */
  run(task: string, input: unknown, taskId: string): void {
    this.body.post({ type: 'task.run', taskId, task, input });
  }

  answer(taskId: string): Promise<TaskAnswer> {
    return this.when(() => {
      const found = this.reports.find(
        (report): report is TaskAnswer =>
          (report.type === 'task.completed' || report.type === 'task.failed') && report.taskId === taskId,
      );
      if (found === undefined && this.exits.length > 0) {
        throw new Error(`${taskId} was not answered, the body exited with ${JSON.stringify(this.exits[0])}`);
      }
      return found;
    });
  }

  async terminate(): Promise<ExitReason> {
    this.body.post({ type: 'terminate' });
    return this.exit();
  }

  #look(): void {
    for (const attempt of this.#waiting) attempt();
  }

  #break(what: string): void {
    this.#broken ??= new assert.AssertionError({ message: `a body ${what}` });
  }
}

export type TaskAnswer = ReportOf<'task.completed' | 'task.failed'>;

/** Opens a body, by default of the law agent, with a witness to it. */
export function openWitnessed(host: Host, start: Partial<BodyStart> = {}): Witness {
  const witness = new Witness();
  witness.body = host.open(
    {
      agentId: 'agent',
      incarnation: 1,
      module: lawAgent,
      initArgs: {},
      restored: undefined,
      previousStop: undefined,
      variables: [],
      resources: { cpuPriority: 'normal', maxRuntimeMs: Infinity },
      ...start,
    },
    witness,
  );
  return witness;
}

export async function openReady(host: Host, start: Partial<BodyStart> = {}): Promise<Witness> {
  const witness = openWitnessed(host, start);
  await witness.until('ready');
  return witness;
}

export function errorOf(reason: ExitReason) {
  assert.ok(
    typeof reason === 'object' && 'error' in reason,
    `expected an error, got ${JSON.stringify(reason)}`,
  );
  return reason.error;
}
