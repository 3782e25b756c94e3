/**
 * The trainers at work: each has its life supervised, and what a crash cut short is asked for again.
 *
 * Insisting is safe because a trainer's tasks name the trial or epoch they mean: what was finished is not done
 * twice.
 */
import { type AgentSystem, AgentSystemError, type Isolation } from '../../src/index.ts';
import type { Recipe } from './model.ts';
import type { Sabotage } from './sabotage.ts';
import {
  type Score,
  stateSchema,
  type Suggestion,
  type TrainerArgs,
  type TrainerState,
  type Trial,
} from './trainer.ts';

export interface SabotagePlan {
  readonly agentId: string;
  readonly trial: number;
  readonly how: Sabotage;
}

export interface FleetOptions {
  readonly system: AgentSystem;
  readonly isolation: Isolation;
  readonly restartDelayMs: number;
  readonly maxMemoryBytes: number;
  readonly sabotage: readonly SabotagePlan[];
  readonly signal?: AbortSignal | undefined;
  /** Told of each finished task, and of how far those under way are. */
  readonly onWork: (work: { readonly done: number; readonly underWay: number }) => void;
}

interface Task {
  readonly type: 'trial' | 'suggest' | 'epoch' | 'judge';
  readonly input?: object;
}

const TRAINER = new URL('./trainer.ts', import.meta.url);
const MAX_ATTEMPTS = 5;
const BACK_WITHIN_MS = 60_000;

export class Fleet {
  readonly #options: FleetOptions;
  /** Orders to strike that were not given yet: an attempt after the strike is left alone. */
  readonly #plans: Set<SabotagePlan>;
  readonly #underWay = new Map<string, number>();
  #done = 0;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#plans = new Set(options.sabotage);
  }

  /** Registers a trainer and starts it. */
  async begin(id: string, initArgs: TrainerArgs): Promise<void> {
    const { system, isolation, restartDelayMs, maxMemoryBytes } = this.#options;
    await system.agents.register({
      id,
      module: TRAINER,
      isolation,
      initArgs,
      resources: isolation === 'process' ? { maxMemoryBytes } : {},
      restart: { policy: 'immediate', delayMs: restartDelayMs },
      startTimeoutMs: 120_000,
    });
    await system.agents.start(id);
  }

  trial(id: string, trial: number, recipe?: Recipe): Promise<Trial> {
    return this.#insist<Trial>(id, () => {
      const plan = [...this.#plans].find((one) => one.agentId === id && one.trial === trial);
      if (plan) this.#plans.delete(plan);
      const sabotage = plan && { sabotage: plan.how };
      return { type: 'trial', input: { trial, ...(recipe && { recipe }), ...sabotage } };
    });
  }

  suggest(id: string, voted: readonly Recipe[]): Promise<Suggestion> {
    return this.#insist<Suggestion>(id, () => ({ type: 'suggest', input: { voted } }));
  }

  /** The final training, and how it did on the held-out digits. */
  async learn(id: string, epochs: number): Promise<Score> {
    for (let epoch = 1; epoch <= epochs; epoch++) {
      await this.#insist(id, () => ({ type: 'epoch', input: { epoch } }));
    }
    return this.#insist<Score>(id, () => ({ type: 'judge' }));
  }

  /** Stops a trainer; what it saved at its end is what comes back. */
  async end(id: string): Promise<TrainerState> {
    const { system } = this.#options;
    await system.agents.stop(id);
    return stateSchema.parse(await system.agents.savedState(id));
  }

  async #insist<Output>(id: string, taskOf: () => Task): Promise<Output> {
    const { system, signal } = this.#options;
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted();
      const task = taskOf();
      try {
        const output = await system.agents.execute(id, {
          ...task,
          ...(signal ? { signal } : {}),
          onProgress: (progress) => {
            const { done, of } = progress as { done: number; of: number };
            this.#underWay.set(id, done / of);
            this.#tell();
          },
        });
        this.#done += task.type === 'trial' || task.type === 'epoch' ? 1 : 0;
        return output as Output;
      } catch (error) {
        const wasCutShort =
          error instanceof AgentSystemError &&
          (error.code === 'TASK_ABANDONED' || error.code === 'AGENT_NOT_RUNNING');
        if (!wasCutShort || attempt === MAX_ATTEMPTS || signal?.aborted) throw error;
        await untilRunning(system, id);
      } finally {
        this.#underWay.delete(id);
        this.#tell();
      }
    }
  }

  #tell(): void {
    const underWay = [...this.#underWay.values()].reduce((sum, share) => sum + share, 0);
    this.#options.onWork({ done: this.#done, underWay });
  }
}

/** Resolves when the agent runs; rejects when its supervisor gave it up, or when it is not back in time. */
async function untilRunning(system: AgentSystem, id: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const unsubscribe = system.events.subscribe((event) => {
    if (event.agentId !== id) return;
    if (event.type === 'agent.started') resolve();
    if (event.type === 'agent.gave_up') reject(new Error(`${id} was given up by its supervisor`));
  });
  const timer = setTimeout(() => reject(new Error(`${id} was not running again in time`)), BACK_WITHIN_MS);
  try {
    if (system.agents.get(id).status !== 'running') await promise;
  } finally {
    clearTimeout(timer);
    unsubscribe();
  }
}
