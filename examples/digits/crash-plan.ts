/** Kills one agent in the middle of an epoch, on purpose, and finds out what that cost. */
import type { AgentSystem } from '../../src/index.ts';
import type { BatchProgress, TaskInput, TaskRequest } from './fleet.ts';
import type { Ledger } from './ledger.ts';
import type { CrashCost } from './report.ts';
import type { TrainerState } from './trainer.ts';

export class CrashPlan {
  readonly #system: AgentSystem;
  readonly #victim: string;
  readonly #when: TaskInput;
  readonly #begun = new Map<string, number>();
  /** Resolves, with the error if there was one: nobody awaits it before the end. */
  #killing: Promise<unknown> | undefined;
  #killedAtMs = 0;
  #during: BatchProgress | undefined;
  #state: TrainerState | undefined;

  constructor(system: AgentSystem, victim: string, when: TaskInput) {
    this.#system = system;
    this.#victim = victim;
    this.#when = when;
  }

  /** Told of every attempt at a task. */
  attempted(id: string, { type, input: { split, epoch } }: TaskRequest): void {
    if (id !== this.#victim || type !== 'epoch') return;
    const key = `${split}/${epoch}`;
    this.#begun.set(key, (this.#begun.get(key) ?? 0) + 1);
  }

  /** Told of every batch: past the middle of the chosen epoch it strikes, once. */
  progressed(id: string, { input }: TaskRequest, progress: BatchProgress): void {
    if (this.#killing || id !== this.#victim) return;
    const chosen = input.split === this.#when.split && input.epoch === this.#when.epoch;
    if (!chosen || progress.done < progress.of / 2) return;
    this.#during = progress;
    this.#killedAtMs = performance.now();
    this.#killing = this.#system.agents.kill(id).then(
      () => undefined,
      (error: unknown) => error,
    );
  }

  /** Told what an agent had saved when its work was over. */
  finished(id: string, state: TrainerState): void {
    if (id === this.#victim) this.#state = state;
  }

  /** What the crash cost, and what it should not have cost. */
  async outcome(ledger: Ledger, restartDelayMs: number): Promise<{ cost?: CrashCost; problems: string[] }> {
    const victim = this.#victim;
    if (!this.#killing || !this.#during) return { problems: [`${victim} was never killed`] };
    const refusal = await this.#killing;
    if (refusal !== undefined) return { problems: [`${victim} could not be killed: ${String(refusal)}`] };
    const since = (type: 'agent.crashed' | 'agent.started') => {
      const atMs = ledger.firstAfter(victim, type, this.#killedAtMs);
      return atMs === undefined ? undefined : atMs - this.#killedAtMs;
    };
    const history = this.#state?.history ?? [];
    const finished = new Set(history.map(({ split, epoch }) => `${split}/${epoch}`));
    const cost: CrashCost = {
      agentId: victim,
      during: { ...this.#when, ...this.#during },
      crashedAfterMs: since('agent.crashed'),
      runningAfterMs: since('agent.started'),
      restartDelayMs,
      epochsBefore: history.filter(({ life }) => life === 1).length,
      epochsAfter: history.filter(({ life }) => life > 1).length,
      interruptedEpochs: [...this.#begun.values()].filter((times) => times > 1).length,
      repeatedEpochs: history.length - finished.size,
    };
    const problems: string[] = [];
    if (cost.crashedAfterMs === undefined) problems.push(`${victim} was killed and not seen to crash`);
    if (cost.runningAfterMs === undefined) problems.push(`${victim} was killed and did not come back`);
    if (cost.epochsBefore === 0) problems.push(`${victim} came back without its state`);
    if (cost.repeatedEpochs > 0)
      problems.push(`${victim} trained ${cost.repeatedEpochs} finished epochs again`);
    if (cost.interruptedEpochs > 1) problems.push(`${victim} began ${cost.interruptedEpochs} epochs again`);
    return { cost, problems };
  }
}
