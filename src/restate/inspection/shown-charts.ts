/** Charts of one kind, as an inspector is shown them: each under a key, with where it stands by what the fleet says of it. */
import type { AnyStateMachine } from 'xstate';
import type { ChartObservation, ChartObserver } from '../../runtime/engine/chart.ts';

/** Where a chart stands. */
export interface Standing {
  /** Dotted path of its state. */
  readonly path: string;
  /** What is shown as its context. */
  readonly context: object;
}

interface Shown {
  /** What the inspector tells charts apart by. */
  readonly chart: object;
  /** Its last standing, as text. */
  last: string;
}

export class ShownCharts {
  readonly #definition: AnyStateMachine;
  readonly #observe: ChartObserver;
  readonly #shown = new Map<string, Shown>();

  constructor(definition: AnyStateMachine, observe: ChartObserver) {
    this.#definition = definition;
    this.#observe = observe;
  }

  has(key: string): boolean {
    return this.#shown.has(key);
  }

  keys(): readonly string[] {
    return [...this.#shown.keys()];
  }

  /** It stands there after this event. */
  show(key: string, standing: Standing, event: string): void {
    const last = JSON.stringify(standing);
    const known = this.#shown.get(key);
    const shown = known ?? { chart: {}, last };
    shown.last = last;
    this.#shown.set(key, shown);
    this.#tell(known === undefined ? 'started' : 'stepped', shown, standing, event);
  }

  /** The same, of one that may stand where it stood. */
  showChanged(key: string, standing: Standing, event: string): void {
    if (this.#shown.get(key)?.last !== JSON.stringify(standing)) this.show(key, standing, event);
  }

  /** Nothing more is told of it; nothing at all of one that was not shown. */
  end(key: string, standing: Standing, event: string): void {
    const shown = this.#shown.get(key);
    this.#shown.delete(key);
    if (shown !== undefined) this.#tell('ended', shown, standing, event);
  }

  #tell(type: ChartObservation['type'], { chart }: Shown, { path, context }: Standing, event: string): void {
    const status = type === 'ended' ? 'done' : 'active';
    const snapshot = { status, value: valueAt(path), context } as ChartObservation['snapshot'];
    this.#observe({ type, chart, definition: this.#definition, snapshot, event: { type: event } });
  }
}

/** `alive.serving` as a chart has it. */
function valueAt(path: string): unknown {
  const [first = '', ...rest] = path.split('.');
  return rest.length === 0 ? first : { [first]: valueAt(rest.join('.')) };
}
