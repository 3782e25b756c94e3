/**
 * A walk: a small fleet of ordinary agents, commanded by many hands at once, on simulated time.
 *
 * Nothing waits for anything: commands, tasks, crashes and time overlap as they come.
 */
import * as fc from 'fast-check';
import { pino } from 'pino';
import {
  type AgentSystem,
  AgentSystemError,
  type CloseReport,
  createAgentSystem,
  defineAgent,
  type SystemEvent,
} from '../../../src/index.ts';
import type { Watching } from '../../kit/drivers.ts';
import { seededRandom, settled, type SimulatedClock, simulatedClock } from '../../../src/testing/index.ts';

const AGENTS = ['a', 'b', 'fragile'] as const;
export const PERMITS = 1;
export const RESTART = { policy: 'delayed', delayMs: 50, maxRestarts: 1, withinMs: 10_000 } as const;

const lifeCommands = ['register', 'start', 'restart', 'stop', 'stop now', 'kill', 'forget', 'check'] as const;
const taskNames = ['count', 'count', 'fail', 'hang', 'obey', 'complete'] as const;

/** One thing that somebody does, or that time does. */
export type Deed =
  | { readonly on: string; readonly ask: (typeof lifeCommands)[number] }
  | { readonly on: string; readonly task: (typeof taskNames)[number]; readonly timeoutMs: number | undefined }
  | { readonly cancel: number }
  | { readonly passMs: number }
  | { readonly settle: true };

const on = fc.constantFrom(...AGENTS);
export const deeds: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ on, ask: fc.constant('start' as const) }) },
  { weight: 4, arbitrary: fc.record({ on, ask: fc.constantFrom(...lifeCommands) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      on,
      task: fc.constantFrom(...taskNames),
      timeoutMs: fc.constantFrom(undefined, undefined, 50, 1_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ cancel: fc.nat(20) }) },
  { weight: 4, arbitrary: fc.record({ passMs: fc.constantFrom(0, 1, 20, 100, 400, 1_000) }) },
  { weight: 4, arbitrary: fc.record({ settle: fc.constant(true as const) }) },
);

/** What a walk left behind, once its system was closed. */
export interface Walked {
  readonly events: readonly SystemEvent[];
  /** What `count` answered, by agent, in the order of the answers; a new registration begins a new list. */
  readonly counts: readonly (readonly number[])[];
  /** Promises of commands and tasks that were never settled. */
  readonly unsettled: number;
  /** What was thrown that is no refusal of the system's. */
  readonly strange: readonly unknown[];
  readonly closed: CloseReport;
  /** Who was up, or waited for a restart, when the system was closed. */
  readonly leaving: readonly string[];
  readonly timersLeft: number;
  readonly reservedLeft: number;
  readonly bodiesLeft: number;
}

export async function walk(seed: number, path: readonly Deed[], watching: Watching): Promise<Walked> {
  const fleet = new Fleet(seed);
  await fleet.open(watching);
  for (const deed of path) await fleet.take(deed);
  return fleet.close();
}

class Fleet {
  readonly #clock: SimulatedClock = simulatedClock();
  readonly #chance: () => number;
  readonly #events: SystemEvent[] = [];
  readonly #counts = new Map<string, number[]>();
  readonly #allCounts: number[][] = [];
  readonly #strange: unknown[] = [];
  readonly #controllers: AbortController[] = [];
  #unsettled = 0;
  #bodies = 0;
  #system!: AgentSystem;

  constructor(seed: number) {
    this.#chance = seededRandom(seed);
  }

  async open(inspect: Watching): Promise<void> {
    this.#system = await createAgentSystem({
      clock: this.#clock,
      random: this.#chance,
      logger: pino({ level: 'silent' }),
      limits: { maxConcurrentRestarts: PERMITS },
      inspect,
    });
    this.#system.events.subscribe((event) => this.#events.push(event));
    for (const id of AGENTS) this.#register(id);
    await settled();
  }

  async take(deed: Deed): Promise<void> {
    if ('settle' in deed) return settled();
    if ('passMs' in deed) return this.#clock.advance(deed.passMs);
    if ('cancel' in deed) return this.#controllers[deed.cancel % this.#controllers.length]?.abort();
    if ('task' in deed) return this.#execute(deed.on, deed.task, deed.timeoutMs);
    const { agents } = this.#system;
    switch (deed.ask) {
      case 'register':
        return this.#register(deed.on);
      case 'start':
        return this.#watch(agents.start(deed.on));
      case 'restart':
        return this.#watch(agents.restart(deed.on));
      case 'stop':
        return this.#watch(agents.stop(deed.on));
      case 'stop now':
        return this.#watch(agents.stop(deed.on, { timeoutMs: 0 }));
      case 'kill':
        return this.#watch(agents.kill(deed.on));
      case 'forget':
        return this.#watch(agents.forget(deed.on));
      case 'check':
        return this.#watch(agents.checkHealth(deed.on));
    }
  }

  async close(): Promise<Walked> {
    const leaving = this.#system.agents.list().filter(({ id }) => this.#system.agents.can(id, 'stop'));
    const closing = this.#system.close();
    // Deadlines of the close, a second of grace beyond them, and some more.
    await this.#clock.advance(60_000);
    const closed = await closing;
    await settled();
    return {
      events: this.#events,
      counts: this.#allCounts,
      unsettled: this.#unsettled,
      strange: this.#strange,
      closed,
      leaving: leaving.map(({ id }) => id),
      timersLeft: this.#clock.pending().length,
      reservedLeft: this.#system.resources().agents,
      bodiesLeft: this.#bodies,
    };
  }

  #register(id: string): void {
    const registered = this.#system.agents.register({
      id,
      module: this.#definition(id === 'fragile'),
      restart: RESTART,
      startTimeoutMs: 100,
      shutdownMs: 500,
      health: { intervalMs: 200, timeoutMs: 50, failuresBeforeKill: 2 },
      tasks: { queueLimit: 3 },
    });
    this.#watch(registered.then(() => this.#beginCounting(id)));
  }

  #beginCounting(id: string): void {
    const counts: number[] = [];
    this.#counts.set(id, counts);
    this.#allCounts.push(counts);
  }

  #execute(id: string, task: string, timeoutMs: number | undefined): void {
    const controller = new AbortController();
    this.#controllers.push(controller);
    const { signal } = controller;
    const done = this.#system.agents.execute(id, {
      type: task,
      signal,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
    this.#watch(done.then((output) => (task === 'count' ? this.#counts.get(id)?.push(Number(output)) : 0)));
  }

  #watch(promise: Promise<unknown>): void {
    this.#unsettled += 1;
    promise.then(
      () => {
        this.#unsettled -= 1;
      },
      (thrown: unknown) => {
        this.#unsettled -= 1;
        if (!(thrown instanceof AgentSystemError)) this.#strange.push(thrown);
      },
    );
  }

  /** Counts, and does all else that is asked of it, well or badly. Its init takes a while, or for ever, or fails. */
  #definition(isFragile: boolean) {
    const chance = this.#chance;
    const pause = (ms: number) => new Promise<void>((resolve) => this.#clock.setTimeout(resolve, ms));
    return defineAgent({
      type: 'walker',
      onTaskError: isFragile ? 'crash' : 'fail',
      init: async ({ restored, signal }) => {
        this.#bodies += 1;
        signal.addEventListener('abort', () => {
          this.#bodies -= 1;
        });
        if (chance() < 0.5) await pause(chance() < 0.8 ? 30 : 300);
        if (chance() < 0.1) throw new Error('not today');
        return (restored as { count: number } | undefined) ?? { count: 0 };
      },
      health: () => (chance() < 0.2 ? Promise.reject(new Error('not well')) : 'well'),
      tasks: {
        count: {
          run: ({ state }) => {
            state.count += 1;
            return state.count;
          },
        },
        fail: { run: () => Promise.reject(new Error('no')) },
        hang: { run: () => new Promise<void>(() => {}) },
        obey: {
          run: ({ signal }) =>
            new Promise<void>((_, reject) => {
              signal.addEventListener('abort', () => reject(new Error('obeyed')));
            }),
        },
        complete: { run: ({ complete }) => complete() },
      },
    });
  }
}
