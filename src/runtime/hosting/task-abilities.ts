/**
 * What a task's context offers of its system: each method is one request by name, and what it gives along.
 *
 * The name and its arguments are what the system's side has a handler for (system.ts).
 */
import type {
  AgentCalls,
  CalledTask,
  CallTarget,
  SpawnedSpec,
  TaskBudget,
} from '../definition/task-abilities.ts';

/** Asks the system, for one task. */
export type AskSystem = (name: string, args: unknown, signal?: AbortSignal) => Promise<unknown>;

export function taskBudget(ask: AskSystem): TaskBudget {
  return {
    reserve: async (amount) => {
      const id = await ask('budget.reserve', amount);
      const settle = async (actual: unknown) => {
        await ask('budget.settle', { id, actual });
      };
      return { settle: (used = {}) => settle(used), release: () => settle('released') };
    },
  };
}

/** Its methods are bound when they are asked for: they may be taken off it. */
export class TaskAgents implements AgentCalls {
  readonly #ask: AskSystem;

  constructor(ask: AskSystem) {
    this.#ask = ask;
  }

  get execute() {
    return (target: CallTarget, asked: CalledTask): Promise<unknown> => {
      const { signal, ...task } = { ...asked };
      return this.#ask('agents.execute', { target, task }, signal);
    };
  }

  get spawn() {
    return async (given: SpawnedSpec): Promise<string> => {
      const { parent, module, ...spec } = { ...given };
      const told = module instanceof URL ? { url: module.href } : module;
      return (await this.#ask('agents.spawn', { spec, module: told, parent })) as string;
    };
  }

  get stop() {
    return async (id: string, options: { readonly timeoutMs?: number } = {}): Promise<void> => {
      await this.#ask('agents.stop', { ...options, id });
    };
  }
}
