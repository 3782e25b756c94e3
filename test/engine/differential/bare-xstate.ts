/**
 * XState as it comes, without the engine: the interpreter driver must not have changed what XState means.
 *
 * XState performs effects inside the step and before everything it puts off, so only what does not depend on that is
 * compared: where a chart stands, its custom effects among themselves, and its deadlines.
 */
import { isDeepStrictEqual } from 'node:util';
import { type ActorLogic, type AnyStateMachine, createActor, type EventObject, type Snapshot } from 'xstate';
import { CHILDREN, ChartWorld, type Move, by } from './chart-world.ts';

/** Names that generated machines give their effects. */
const EFFECTS = ['ring', 'tell', 'show'] as const;

interface View {
  readonly value: unknown;
  readonly context: unknown;
  readonly status: string;
  readonly output: unknown;
  /** `undefined` when the step has thrown: XState has performed some of its effects then. */
  readonly effects: unknown;
  readonly armed: readonly number[];
}

const quiet: ActorLogic<Snapshot<unknown>, EventObject> = {
  getInitialSnapshot: () => ({ status: 'active', output: undefined, error: undefined }),
  transition: (snapshot, { type }) =>
    type === 'xstate.stop' ? { status: 'stopped', output: undefined, error: undefined } : snapshot,
  getPersistedSnapshot: (snapshot) => snapshot,
};

class BareWorld {
  readonly #effects: unknown[] = [];
  readonly #timers: { run: () => void; delayMs: number }[] = [];
  readonly #actor;

  constructor(definition: AnyStateMachine, input: unknown, maxIterations: number) {
    const note = (type: string) => (_: unknown, params: unknown) => this.#effects.push([type, params]);
    const machine: AnyStateMachine = definition.provide({
      actions: Object.fromEntries(EFFECTS.map((type) => [type, note(type)])),
      actors: Object.fromEntries(CHILDREN.map((src) => [src, quiet])),
    } as never);
    machine.options = { ...machine.options, maxIterations };
    this.#actor = createActor(machine, {
      input,
      logger: () => {},
      clock: {
        setTimeout: (run, delayMs) => {
          if (Number.isNaN(delayMs)) throw new TypeError('NaN ms');
          const timer = { run, delayMs };
          if (delayMs !== Infinity) this.#timers.push(timer);
          return timer;
        },
        clearTimeout: (timer: never) => {
          const at = this.#timers.indexOf(timer);
          if (at >= 0) this.#timers.splice(at, 1);
        },
      },
    });
    this.#actor.subscribe({ error: () => {} });
    this.#actor.start();
  }

  move(move: Move): void {
    if (move.do === 'send') this.#actor.send(move.event);
    else if (move.do === 'stop') this.#actor.stop();
    else if (move.do === 'fire') {
      const [timer] = this.#timers.splice(move.which % (this.#timers.length || 1), 1);
      timer?.run();
    }
  }

  view(): View {
    const { value, context, status, output } = this.#actor.getSnapshot();
    const effects = this.#effects.splice(0);
    return {
      value,
      context,
      status,
      output,
      effects: status === 'error' ? undefined : effects,
      armed: status === 'active' ? this.#timers.map(({ delayMs }) => delayMs) : [],
    };
  }
}

function viewOf(world: ChartWorld): View {
  const { said, standing, armed } = world.read() as {
    said: [string, string, unknown][];
    standing: [unknown, unknown, string, { value: unknown; context: unknown; output: unknown }];
    armed: number[];
  };
  const [, , status, { value, context, output }] = standing;
  const effects = said
    .filter(([word, type]) => word === 'perform' && EFFECTS.includes(type as 'ring'))
    .map(([, type, params]) => [type, params]);
  return { value, context, status, output, effects: status === 'error' ? undefined : effects, armed };
}

export interface BareDifference {
  readonly at: number;
  readonly bare: View;
  readonly driven: View;
}

/** How many steps were compared, or where the interpreter driver and XState part. */
export function differenceFromBare(
  definition: AnyStateMachine,
  input: unknown,
  moves: readonly Move[],
): number | BareDifference {
  const bare = new BareWorld(definition, input, 40);
  const driven = new ChartWorld(by('interpreter'), definition, input, { maxIterations: 40, isSilent: true });
  for (let at = -1; at < moves.length; at++) {
    const move = moves[at];
    if (move !== undefined) for (const world of [bare, driven]) world.move(move);
    const views = { bare: bare.view(), driven: viewOf(driven) };
    if (!isDeepStrictEqual(views.bare, views.driven)) return { at, ...views };
    if (views.bare.status !== 'active') return at + 2;
  }
  return moves.length + 1;
}
