/** A real pool that sizes itself by a signal that sees what it is told to see. */
import type { Watching } from '../../kit/drivers.ts';
import { pino } from 'pino';
import {
  type AgentSystem,
  createAgentSystem,
  defineAgent,
  memoryStore,
  type ScalingSignalSource,
} from '../../../src/index.ts';
import {
  type ScriptedBody,
  type ScriptedHost,
  scriptedHost,
  type SimulatedClock,
  simulatedClock,
} from '../../../src/testing/index.ts';
import {
  DOWN_COOLDOWN_MS,
  INTERVAL_MS,
  MAX,
  MIN,
  type Move,
  type Scaler,
  type ScalerOutcome,
  type Sight,
  UP_COOLDOWN_MS,
} from './model.ts';
import { quiet } from '../../pools/quiet.ts';

const worker = defineAgent({ type: 'worker', init: () => ({}), tasks: { work: { run: () => 'done' } } });
type Told = { -readonly [Field in keyof ScalerOutcome]: string[] };
type Answer = ReturnType<ScalingSignalSource>;

const SEEN: Readonly<Record<Exclude<Sight, 'silent' | 'outdated'>, () => Answer>> = {
  busy: () => ({ busyShare: 1, waiting: 9 }),
  calm: () => ({ busyShare: 0.5, waiting: 0 }),
  quiet: () => ({ busyShare: 0, waiting: 0 }),
  strained: () => ({ busyShare: 1, waiting: 9, memoryPressure: 1 }),
  broken: () => {
    throw new Error('no figures today');
  },
};

export class AutoscalerWorld {
  readonly clock: SimulatedClock;
  readonly #system: AgentSystem;
  readonly #host: ScriptedHost;
  readonly #startAt: number;
  readonly #isSlowToEnd: boolean;
  /** Bodies that were told to end, and take their time. */
  readonly #leaving: ScriptedBody[] = [];
  #answer: () => Answer;
  #told: Told = { scaled: [], alerts: [] };

  private constructor(
    system: AgentSystem,
    { clock, host, isSlowToEnd }: { clock: SimulatedClock; host: ScriptedHost; isSlowToEnd: boolean },
  ) {
    this.#system = system;
    this.clock = clock;
    this.#host = host;
    this.#isSlowToEnd = isSlowToEnd;
    this.#answer = SEEN.calm;
    this.#startAt = clock.now();
    system.events.subscribe((event) => {
      if (event.type === 'pool.scaled') this.#told.scaled.push(`${event.from} to ${event.to}`);
      if (event.type === 'alert.raised') this.#told.alerts.push(`raised ${event.alert}`);
      if (event.type === 'alert.cleared') this.#told.alerts.push(`cleared ${event.alert}`);
    });
  }

  static async open({ isSlowToEnd }: Scaler, watching: Watching): Promise<AutoscalerWorld> {
    const clock = simulatedClock();
    const host = scriptedHost({ onOpen: (body) => queueMicrotask(() => isFirst && body.ready()) });
    let isFirst = true;
    const system = await createAgentSystem({
      clock,
      inspect: watching,
      store: memoryStore({ maxEvents: 1 }),
      logger: pino({ level: 'silent' }),
      hosts: { 'in-process': host },
    });
    const world: AutoscalerWorld = new AutoscalerWorld(system, { clock, host, isSlowToEnd });
    await system.pools.create({
      name: 'p',
      min: MIN,
      max: MAX,
      target: 1,
      scale: {
        intervalMs: INTERVAL_MS,
        up: { cooldownMs: UP_COOLDOWN_MS },
        down: { cooldownMs: DOWN_COOLDOWN_MS },
        signal: () => world.#answer(),
      },
      spec: {
        module: worker,
        shutdownMs: Infinity,
        startTimeoutMs: Infinity,
        health: { intervalMs: Infinity },
      },
    });
    isFirst = false;
    await world.#settle();
    world.#told = { scaled: [], alerts: [] };
    return world;
  }

  async play(move: Move, before: Scaler): Promise<ScalerOutcome> {
    this.#told = { scaled: [], alerts: [] };
    const [deed, what] = move.split(' ') as [string, string];
    if (deed === 'look') await this.#look(what as Sight, before.dueAt - before.now);
    else if (deed === 'size') void this.#system.pools.ensureSize('p', Number(what)).catch(() => {});
    else if (deed === 'wait') await this.clock.advance(before.dueAt - before.now);
    else if (deed === 'gone') this.#leaving.shift()!.exit('shutdown');
    else if (deed === 'task') await this.#task(what as Sight | undefined);
    else {
      const agents = new Map(this.#system.agents.list().map((agent) => [agent.id, agent.status]));
      this.#host.live.find(({ start }) => agents.get(start.agentId) === 'starting')!.ready();
    }
    await this.#settle();
    return this.#told;
  }

  view() {
    const { wanted, starting, live, waiting, scaling } = this.#system.pools.get('p');
    return {
      now: this.clock.now() - this.#startAt,
      phase: scaling!.status,
      size: wanted,
      live,
      starting,
      waiting,
      timers: this.clock.pending().map(({ dueAt }) => dueAt - this.#startAt),
    };
  }

  async dispose(): Promise<void> {
    const closed = this.#system.close({ timeoutMs: 0 });
    for (const body of this.#leaving.splice(0)) body.exit('shutdown');
    await this.#settle();
    await this.clock.advance(0);
    await this.#settle();
    await closed;
  }

  async #task(sight: Sight | undefined): Promise<void> {
    if (sight === undefined) return this.#execute();
    if (sight === 'broken') return this.#execute(SEEN.broken);
    this.#execute(() => new Promise(() => {}));
    await this.clock.advance(INTERVAL_MS);
  }

  /** From now on the pool's own figures count. */
  #execute(answer: () => Answer = () => ({})): void {
    this.#answer = answer;
    void this.#system.pools.execute('p', { type: 'work' }).catch(() => {});
  }

  async #look(sight: Sight, inMs: number): Promise<void> {
    if (sight === 'outdated') {
      const outdated = Promise.withResolvers<Awaited<Answer>>();
      this.#answer = () => outdated.promise;
      await this.clock.advance(inMs);
      this.#execute();
      return outdated.resolve(SEEN.calm());
    }
    if (sight !== 'silent') {
      this.#answer = SEEN[sight];
      return this.clock.advance(inMs);
    }
    const late = Promise.withResolvers<{ busyShare: number }>();
    this.#answer = () => late.promise;
    await this.clock.advance(inMs + INTERVAL_MS);
    // It is too late, and means nothing any more.
    late.resolve({ busyShare: 1 });
  }

  /** Until nothing happens any more: bodies do their tasks, save and end when they are told to. */
  async #settle(): Promise<void> {
    let isOver = false;
    while (!isOver) {
      await quiet();
      isOver = true;
      for (const body of this.#host.live) {
        for (const request of body.takeRequests()) {
          isOver = false;
          if (request.type === 'task.run') {
            body.report({ type: 'task.completed', taskId: request.taskId, output: 'done' });
          } else if (request.type === 'state.save') {
            body.report({ type: 'state.saved', state: { json: '{}', stateVersion: 1 } });
          } else if (request.type === 'terminate' && this.#isSlowToEnd) this.#leaving.push(body);
          else if (request.type === 'terminate' || request.type === 'kill') body.exit('shutdown');
        }
      }
    }
  }
}
