/**
 * The chart that is an agent's own behaviour, while somebody watches the agent, and the last steps that it took.
 *
 * The chart is read after each event of its agent (every step that changes the saved state makes one), and once a
 * second. Between two reads there may have been several steps.
 *
 * I1  There is one read at a time; an event during it makes another one follow.
 * I2  A chart that cannot be read now is shown as it was read last.
 */
import type { AgentChart } from '../index.ts';
import type { SeenStep } from './protocol.ts';

const MAX_STEPS = 6;
/** Between two reads, ms. */
const PAUSE_MS = 40;

export interface OwnChartOptions {
  /** `null` if there is none that can be shown now. */
  readonly look: () => Promise<AgentChart | null>;
  /** Called when it has changed. */
  readonly changed: () => void;
}

export class OwnChart {
  readonly #options: OwnChartOptions;
  #chart: AgentChart | null = null;
  /** The newest first. */
  #steps: readonly SeenStep[] = [];
  #text = JSON.stringify({ chart: null, steps: [] });
  #isLooking = false;
  #isDue = false;
  #isClosed = false;

  constructor(options: OwnChartOptions) {
    this.#options = options;
  }

  /** What viewers get, as JSON. */
  get text(): string {
    return this.#text;
  }

  /** It may have moved. */
  look(): void {
    this.#isDue = true;
    if (!this.#isLooking) void this.#look();
  }

  close(): void {
    this.#isClosed = true;
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    while (this.#isDue && !this.#isClosed) {
      this.#isDue = false;
      const chart = await this.#options.look().catch(() => null);
      if (chart !== null && !this.#isClosed) this.#take(chart);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS).unref());
    }
    this.#isLooking = false;
  }

  #take(chart: AgentChart): void {
    const before = this.#chart?.active ?? chart.active;
    const left = before.filter((path) => !chart.active.includes(path));
    const entered = chart.active.filter((path) => !before.includes(path));
    this.#chart = chart;
    if (left.length + entered.length > 0) {
      this.#steps = [{ at: Date.now(), left, entered }, ...this.#steps].slice(0, MAX_STEPS);
    }
    const text = JSON.stringify({ chart, steps: this.#steps });
    if (text === this.#text) return;
    this.#text = text;
    this.#options.changed();
  }
}
