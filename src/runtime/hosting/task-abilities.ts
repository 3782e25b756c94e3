/**
 * What a task's context offers of its system: each method is one request by name, and what it gives along.
 *
 * The name and its arguments are what the system's side has a handler for (system.ts).
 */
import type { BudgetAmount } from '../../machines/index.ts';
import type {
  AgentCalls,
  CalledTask,
  CallTarget,
  Reservation,
  SpawnedSpec,
  StreamedTask,
  TaskBudget,
} from '../definition/task-abilities.ts';
import type { TaskStream } from '../definition/task-stream.ts';
import { hasFields } from '../values/instances.ts';
import type { AskSystem } from './ask-system.ts';
import { CalledStream } from './called-stream.ts';

/** Its method is bound when it is asked for: it may be taken off it. */
export class BudgetOfTask implements TaskBudget {
  readonly #system: AskSystem;

  constructor(system: AskSystem) {
    this.#system = system;
  }

  get reserve() {
    return async (amount: BudgetAmount): Promise<Reservation> => {
      const id = await this.#system.ask('budget.reserve', amount);
      const settle = async (actual: unknown) => {
        await this.#system.ask('budget.settle', { id, actual });
      };
      return { settle: (used = {}) => settle(used), release: () => settle('released') };
    };
  }
}

/** Its methods are bound when they are asked for: they may be taken off it. */
export class TaskAgents implements AgentCalls {
  readonly #system: AskSystem;
  /** How many it has begun to read. */
  #streams = 0;

  constructor(system: AskSystem) {
    this.#system = system;
  }

  get execute() {
    return (target: CallTarget, asked: CalledTask): Promise<unknown> => {
      const { signal, task } = withoutSignal(asked);
      return this.#system.ask('agents.execute', { target, task }, signal);
    };
  }

  get stream() {
    return <Chunk, Output>(target: CallTarget, asked: StreamedTask): TaskStream<Chunk, Output> => {
      const { signal, task } = withoutSignal(asked);
      this.#streams += 1;
      const stream: TaskStream = new CalledStream(this.#system, this.#streams, { target, task }, signal);
      return stream as TaskStream<Chunk, Output>;
    };
  }

  get spawn() {
    return async (given: SpawnedSpec): Promise<string> => {
      const { parent, module, ...spec } = hasFields(given) ? given : NO_SPEC;
      const told = module instanceof URL ? { url: module.href } : module;
      return (await this.#system.ask('agents.spawn', { spec, module: told, parent })) as string;
    };
  }

  get stop() {
    return async (id: string, options: { readonly timeoutMs?: number | undefined } = {}): Promise<void> => {
      await this.#system.ask('agents.stop', hasFields(options) ? { ...options, id } : options);
    };
  }
}

/** Without a module, which is refused. */
const NO_SPEC: Partial<SpawnedSpec> = {};

/** A task without its signal, which stays here. What has no fields goes as it came, and is refused. */
function withoutSignal(asked: CalledTask): { readonly task: unknown; readonly signal?: AbortSignal } {
  if (!hasFields(asked)) return { task: asked };
  const { signal, ...task } = asked;
  return signal === undefined ? { task } : { task, signal };
}
