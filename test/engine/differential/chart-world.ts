/**
 * One chart under one driver, and everything it says: effects with their params and what can be read meanwhile,
 * deadlines, children, bugs. Time moves when it is told to.
 */
import type { AnyStateMachine, EventObject } from 'xstate';
import {
  type Chart,
  type ChartDriverName,
  type ChartOptions,
  type ChildReport,
  createChart,
} from '../../../src/runtime/engine/chart.ts';

/** How a child of this name behaves. */
export const CHILDREN = ['quiet', 'doneAtOnce', 'failsAtOnce', 'throws', 'answers', 'throwsAtStop'] as const;

/** What may be done to a chart, by its place among what it has. */
export type Move =
  | { readonly do: 'send'; readonly event: EventObject }
  | { readonly do: 'fire'; readonly which: number }
  | { readonly do: 'childDone'; readonly which: number; readonly output: unknown }
  | { readonly do: 'childError'; readonly which: number; readonly error: unknown }
  | { readonly do: 'childSend'; readonly which: number; readonly event: EventObject }
  | { readonly do: 'stop' };

const ANSWERS = 4;

interface Timer {
  readonly run: () => void;
  readonly delayMs: number;
}

/** An effect that is answered in the middle of its step says so in its params. */
interface Answered {
  readonly send?: EventObject;
  readonly throws?: true;
  readonly stop?: true;
}

export type Maker = (
  definition: AnyStateMachine,
  input: never,
  options: ChartOptions,
) => Chart<AnyStateMachine>;

export class ChartWorld {
  /** What was said since `forget`. */
  said: unknown[] = [];
  readonly timers: Timer[] = [];
  readonly #reports: ChildReport[] = [];
  #chart: Chart<AnyStateMachine> | undefined;
  /** Answers that may still be given to this move: a chart and its world could go on for ever. */
  #answers = 0;
  /** Whether it answers nothing at all. */
  readonly #isSilent: boolean;

  constructor(
    make: Maker,
    definition: AnyStateMachine,
    input: unknown,
    { maxIterations, isSilent = false }: { maxIterations?: number; isSilent?: boolean } = {},
  ) {
    this.#isSilent = isSilent;
    this.#answers = isSilent ? 0 : ANSWERS;
    this.#chart = make(definition, input as never, {
      perform: (effect) => {
        this.said.push(['perform', effect.type, effect.params, this.standing()]);
        const { send, throws, stop } = (effect.params ?? {}) as Answered;
        if (send !== undefined && this.#mayAnswer()) this.#chart?.send(send);
        if (stop === true && !isSilent) this.#chart?.stop();
        if (throws === true && !isSilent) throw new Error('perform');
      },
      child: ({ id, src, input }, report) => {
        this.said.push(['child', id, src, input]);
        this.#reports.push(report);
        if (src === 'throws' && this.#mayAnswer()) throw new Error('no child');
        if (src === 'doneAtOnce' && this.#mayAnswer()) report.done('at once');
        if (src === 'failsAtOnce' && this.#mayAnswer()) report.error(new Error('at once'));
        return {
          stop: () => {
            this.said.push(['childStopped', id]);
            if (src === 'throwsAtStop' && !isSilent) throw new Error('stop');
          },
          send: (event) => {
            this.said.push(['childTold', id, event]);
            if (src === 'answers' && this.#mayAnswer()) report.send({ type: 'a' });
          },
        };
      },
      clock: {
        setTimeout: (run, delayMs) => {
          if (Number.isNaN(delayMs)) throw new TypeError('NaN ms');
          const timer = { run, delayMs };
          this.timers.push(timer);
          this.said.push(['armed', delayMs]);
          return timer;
        },
        clearTimeout: (timer) => {
          const at = this.timers.indexOf(timer as Timer);
          if (at >= 0) this.timers.splice(at, 1);
          this.said.push(['cleared', (timer as Timer).delayMs]);
        },
      },
      onBug: (error) => this.said.push(['bug', messageOf(error), this.standing()]),
      onDone: (output) => this.said.push(['done', output]),
      observe: ({ type, event, snapshot }) => {
        this.said.push(['observed', type, event.type, snapshot]);
      },
      maxIterations,
    });
  }

  get hasEnded(): boolean {
    return this.#chart?.status !== 'active';
  }

  standing(): unknown {
    const chart = this.#chart;
    return chart === undefined ? undefined : [chart.path, chart.context, chart.status, chart.snapshot()];
  }

  /** Moves that are about nothing are no moves. */
  move(move: Move): void {
    this.#answers = this.#isSilent ? 0 : ANSWERS;
    switch (move.do) {
      case 'send':
        this.#chart!.send(move.event);
        break;
      case 'fire': {
        const at = move.which % (this.timers.length || 1);
        const [timer] = this.timers.splice(at, 1);
        timer?.run();
        break;
      }
      case 'childDone':
        this.#report(move.which)?.done(move.output);
        break;
      case 'childError':
        this.#report(move.which)?.error(move.error);
        break;
      case 'childSend':
        this.#report(move.which)?.send(move.event);
        break;
      case 'stop':
        this.#chart!.stop();
        break;
    }
  }

  /** Everything that can be seen; then it is forgotten. */
  read(): unknown {
    const said = this.#chart?.status === 'active' ? this.said : withSortedClearings(this.said);
    this.said = [];
    return { said, standing: this.standing(), armed: this.timers.map(({ delayMs }) => delayMs) };
  }

  #mayAnswer(): boolean {
    this.#answers -= 1;
    return this.#answers >= 0;
  }

  #report(which: number): ChildReport | undefined {
    return this.#reports[which % (this.#reports.length || 1)];
  }
}

export const by =
  (driver: ChartDriverName): Maker =>
  (definition, input, options) =>
    createChart(definition, input, options, driver);

function messageOf(error: unknown): unknown {
  return error instanceof Error ? `${error.name}: ${error.message}` : error;
}

/** In which order the deadlines of a chart that ends are cleared is nobody's business. */
function withSortedClearings(said: readonly unknown[]): unknown[] {
  const sorted: unknown[] = [];
  let cleared: unknown[][] = [];
  for (const word of [...said, undefined]) {
    if (Array.isArray(word) && word[0] === 'cleared') cleared.push(word);
    else {
      sorted.push(...cleared.toSorted(([, a], [, b]) => Number(a) - Number(b)), word);
      cleared = [];
    }
  }
  return sorted.slice(0, -1);
}
