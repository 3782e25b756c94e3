/** A system for one test: simulated time, no logs, closed when the test leaves it. */
import { pino } from 'pino';
import {
  type AgentSystem,
  type AgentSystemOptions,
  createAgentSystem,
  defineAgent,
  type SystemEvent,
} from '../../src/index.ts';
import { type SimulatedClock, simulatedClock } from '../../src/testing/index.ts';

export interface QuietSystem
  extends AsyncDisposable,
    Pick<AgentSystem, 'agents' | 'alerts' | 'close' | 'coordination' | 'resources' | 'variables'> {
  readonly clock: SimulatedClock;
  /** Every event so far, oldest first. */
  readonly events: readonly SystemEvent[];
}

const CLOSE_MS = 10_000;

export async function quietSystem(options: AgentSystemOptions = {}): Promise<QuietSystem> {
  const clock = (options.clock as SimulatedClock | undefined) ?? simulatedClock();
  const system = await createAgentSystem({
    random: () => 0,
    logger: pino({ level: 'silent' }),
    ...options,
    clock,
  });
  const events: SystemEvent[] = [];
  system.events.subscribe((event) => events.push(event));
  return {
    agents: system.agents,
    alerts: system.alerts,
    coordination: system.coordination,
    variables: system.variables,
    clock,
    events,
    close: (how) => system.close(how),
    resources: () => system.resources(),
    [Symbol.asyncDispose]: async () => {
      const closed = system.close({ timeoutMs: 0 });
      // A body that does only as it is told does not end by itself: it is given up after a grace.
      await clock.advance(CLOSE_MS);
      await closed;
    },
  };
}

/** What the calls of an agent's own functions leave behind. */
export interface Diary {
  readonly entries: string[];
}

/** An agent that counts, and that ends in every way there is when it is told to. */
export function mortal(diary: Diary = { entries: [] }) {
  return defineAgent({
    type: 'mortal',
    onTaskError: 'crash',
    init: ({ incarnation, restored }) => {
      diary.entries.push(`init ${incarnation}`);
      return (restored as { count: number } | undefined) ?? { count: 0 };
    },
    tasks: {
      count: {
        run: ({ state }) => {
          state.count += 1;
          return state.count;
        },
      },
      crash: {
        run: () => {
          throw new Error('the end');
        },
      },
      complete: { run: ({ complete }) => complete() },
      hang: { run: () => new Promise<void>(() => {}) },
    },
    save: ({ state }) => {
      diary.entries.push('save');
      return state;
    },
    terminate: () => {
      diary.entries.push('terminate');
    },
  });
}
