/**
 * The experiment: a supervised fleet cross-validates a grid of configurations, one of its agents is killed on
 * purpose, and the best configuration is trained once more and judged on digits that nobody has seen.
 *
 * Nothing is printed but through `out` and `onProgress`, and no figure is returned that was not measured.
 */
import { type AgentSystem, createAgentSystem, type Isolation } from '../../src/index.ts';
import { majorityClass, nearestMean } from './baseline.ts';
import { CrashPlan } from './crash-plan.ts';
import { type Deal, loadDigits, type SplitName, splitOf } from './data.ts';
import { type BatchProgress, insist, type TaskRequest } from './fleet.ts';
import { Ledger } from './ledger.ts';
import { type Config, configSchema } from './model.ts';
import { type Findings, percent, type Ranked, reportOf } from './report.ts';
import { type Score, stateSchema, type TrainerState } from './trainer.ts';

/** Where the trainers live: `process` gives each its own memory and core, `in-process` starts faster. */
const ISOLATION: Isolation = 'in-process';
const TRAINER = new URL('./trainer.ts', import.meta.url);

const DEFAULTS = {
  seed: 1,
  digits: 10_000,
  folds: 3,
  epochs: 3,
  learningRates: [0.1, 0.3, 0.9],
  hiddenUnits: [32, 64, 128],
  /** How many trainers work at the same time. */
  lanes: 2,
  restartDelayMs: 250,
  /** Whether a trainer is killed on purpose. */
  crash: true,
};
type Settings = typeof DEFAULTS;

export interface DigitsOptions extends Partial<Settings> {
  readonly out: (text: string) => void;
  readonly onProgress?: (line: string) => void;
  /** How a heading of the report is set off; as it is, by default. */
  readonly heading?: (text: string) => string;
  readonly signal?: AbortSignal;
}

interface Candidate {
  readonly id: string;
  readonly config: Config;
}

/** Runs it all and reports through `out`; what went wrong is listed in `problems` of what comes back. */
export async function runDigits(options: DigitsOptions): Promise<Findings> {
  await using system = await createAgentSystem();
  const experiment = new Experiment(system, options);
  const findings = await experiment.run();
  options.out(reportOf(findings, options.heading));
  return findings;
}

class Experiment {
  readonly #system: AgentSystem;
  readonly #options: DigitsOptions;
  readonly #settings: Settings;
  readonly #deal: Deal;
  readonly #candidates: Candidate[];
  readonly #ledger = new Ledger();
  readonly #crash: CrashPlan | undefined;
  readonly #ranking: Ranked[] = [];
  readonly #working = new Map<string, number>();
  readonly #problems: string[] = [];
  #epochsDone = 0;

  constructor(system: AgentSystem, options: DigitsOptions) {
    const settings = { ...DEFAULTS, ...options };
    const { seed, digits, folds, epochs } = settings;
    this.#system = system;
    this.#options = options;
    this.#settings = settings;
    this.#deal = { seed, digits, folds };
    this.#candidates = settings.learningRates
      .flatMap((learningRate) =>
        settings.hiddenUnits.map((hiddenUnits) => configSchema.parse({ learningRate, hiddenUnits, seed })),
      )
      .map((config, index) => ({ id: `trainer-${index + 1}`, config }));
    const victim = this.#candidates[Math.floor(this.#candidates.length / 2)];
    if (settings.crash && victim) {
      this.#crash = new CrashPlan(system, victim.id, { split: 1, epoch: Math.min(2, epochs) });
    }
  }

  async run(): Promise<Findings> {
    const startedAt = performance.now();
    this.#system.events.subscribe((event) => this.#ledger.note(event));
    for (const candidate of this.#candidates) await this.#register(candidate);
    await this.#inLanes(this.#candidates, (candidate) => this.#crossValidate(candidate));
    this.#ranking.sort((one, other) => other.mean - one.mean);
    const best = this.#ranking[0];
    if (!best) throw new Error(`no trainer finished:\n${this.#problems.join('\n')}`);
    const champion = { id: 'champion', config: best.config };
    await this.#register(champion);
    const [score] = (await this.#work(champion, ['final'])).scores;
    return this.#findings(score!, startedAt);
  }

  async #register({ id, config }: Candidate): Promise<void> {
    await this.#system.agents.register({
      id,
      module: TRAINER,
      isolation: ISOLATION,
      initArgs: { config, deal: this.#deal },
      restart: { policy: 'immediate', delayMs: this.#settings.restartDelayMs },
      health: { intervalMs: 2_000 },
    });
  }

  /** Bounded parallelism: each lane takes the next item when it is done with its last. */
  async #inLanes<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
    const waiting = items.values();
    const lane = async () => {
      for (const item of waiting) await work(item);
    };
    await Promise.all(Array.from({ length: this.#settings.lanes }, lane));
  }

  async #crossValidate(candidate: Candidate): Promise<void> {
    const folds = Array.from({ length: this.#settings.folds }, (_, fold) => fold);
    const state = await this.#work(candidate, folds).catch((error: unknown) => {
      // One trainer that fails for good is a problem to report, not the end of the others.
      this.#options.signal?.throwIfAborted();
      this.#problems.push(`${candidate.id} did not finish: ${String(error)}`);
      this.#working.delete(candidate.id);
    });
    if (!state) return;
    const { scores, history } = state;
    const foldAccuracies = scores.map(({ accuracy }) => accuracy);
    const mean = foldAccuracies.reduce((sum, accuracy) => sum + accuracy, 0) / foldAccuracies.length;
    const trainedMs = history.reduce((sum, epoch) => sum + epoch.trainedMs, 0);
    this.#ranking.push({ ...candidate, foldAccuracies, mean, trainedMs });
  }

  /** One agent's life: start, every epoch of every split, stop. What it saved at its end is what comes back. */
  async #work({ id }: Candidate, splits: readonly SplitName[]): Promise<TrainerState> {
    const { epochs } = this.#settings;
    await this.#system.agents.start(id);
    for (const split of splits) {
      for (let epoch = 1; epoch <= epochs; epoch++) {
        await this.#insist(id, { type: 'epoch', input: { split, epoch } });
        this.#epochsDone++;
      }
      await this.#insist(id, { type: 'validate', input: { split, epoch: epochs } });
    }
    this.#working.delete(id);
    await this.#system.agents.stop(id);
    const state = stateSchema.parse(await this.#system.agents.savedState(id));
    this.#crash?.finished(id, state);
    return state;
  }

  #insist(id: string, task: TaskRequest): Promise<unknown> {
    const onAttempt = () => this.#crash?.attempted(id, task);
    const onProgress = (progress: BatchProgress) => {
      this.#crash?.progressed(id, task, progress);
      this.#working.set(id, progress.done / progress.of);
      this.#showProgress();
    };
    return insist({ system: this.#system, id, signal: this.#options.signal, onAttempt, onProgress }, task);
  }

  #showProgress(): void {
    const { folds, epochs } = this.#settings;
    const all = (this.#candidates.length * folds + 1) * epochs;
    const partly = [...this.#working.values()].reduce((sum, share) => sum + share, 0);
    const best = this.#ranking.toSorted((one, other) => other.mean - one.mean)[0];
    const share = Math.min(1, (this.#epochsDone + partly) / all);
    const parts = [
      `${'#'.repeat(Math.floor(share * 16)).padEnd(16, '.')} ${percent(share)}`,
      `epoch ${this.#epochsDone} of ${all}`,
      ...(best ? [`best ${percent(best.mean)} (${best.id})`] : []),
      this.#busyWords(),
    ];
    this.#options.onProgress?.(parts.join('  '));
  }

  /** How many agents are in each status, those that wait for their turn or are through with it left out. */
  #busyWords(): string {
    const busy = this.#system.agents
      .list()
      .filter(({ status }) => status !== 'registered' && status !== 'stopped');
    const counts = Object.entries(Object.groupBy(busy, ({ status }) => status));
    return counts.map(([status, records]) => `${records.length} ${status}`).join(', ');
  }

  async #findings(score: Score, startedAt: number): Promise<Findings> {
    const { seed, folds, epochs, restartDelayMs } = this.#settings;
    const digits = await loadDigits();
    const split = splitOf(this.#deal, 'final');
    const heldOutScores = [
      { name: 'the best model', measurement: score },
      { name: 'nearest class mean', measurement: nearestMean(digits, split) },
      { name: 'majority class', measurement: majorityClass(digits, split) },
    ];
    const crash = await this.#crash?.outcome(this.#ledger, restartDelayMs);
    const unbeaten = heldOutScores
      .slice(1)
      .filter(({ measurement }) => measurement.accuracy >= score.accuracy)
      .map(({ name }) => `the best model does not beat the ${name}`);
    return {
      seed,
      folds,
      epochs,
      learnedFrom: split.train.length,
      heldOut: split.measure.length,
      isolation: ISOLATION,
      ranking: this.#ranking,
      heldOutScores,
      lives: [...this.#ledger.lives.values()],
      crash: crash?.cost,
      problems: [...this.#problems, ...(crash?.problems ?? []), ...unbeaten],
      elapsedMs: performance.now() - startedAt,
    };
  }
}
