/** A real pool whose members' bodies do as they are told: plays the moves of the model, and says what is to be seen. */
import type { Watching } from '../../kit/drivers.ts';
import { pino } from 'pino';
import {
  type AgentSystem,
  AgentSystemError,
  createAgentSystem,
  defineAgent,
  memoryStore,
} from '../../../src/index.ts';
import {
  type ScriptedBody,
  type ScriptedHost,
  scriptedHost,
  type SimulatedClock,
  simulatedClock,
} from '../../../src/testing/index.ts';
import { quiet } from '../../pools/quiet.ts';
import {
  BACKOFF_MS,
  CLOSE_MS,
  MAX_RESTARTS,
  type Move,
  type PoolOutcome,
  type PoolSetup,
  PROBE_MS,
} from './model.ts';

const worker = defineAgent({
  type: 'worker',
  init: () => ({}),
  tasks: { work: { run: () => 'done' }, again: { retry: 'on_host_loss', run: () => 'done' } },
});

const POOL = 'pool';
const RIVAL = 'rival';
type Told = { -readonly [Field in keyof PoolOutcome]: string[] };

export class PoolWorld {
  readonly clock: SimulatedClock;
  readonly #setup: PoolSetup;
  readonly #system: AgentSystem;
  readonly #host: ScriptedHost;
  /** The task that each body does. */
  readonly #running = new Map<ScriptedBody, string>();
  /** Bodies that were told to end, and take their time. */
  readonly #leaving = new Set<ScriptedBody>();
  #told: Told = silence();
  #closing: Promise<unknown> | undefined;

  private constructor(
    setup: PoolSetup,
    system: AgentSystem,
    { clock, host }: { clock: SimulatedClock; host: ScriptedHost },
  ) {
    this.#setup = setup;
    this.#system = system;
    this.clock = clock;
    this.#host = host;
    system.events.subscribe((event) => {
      if (event.type === 'pool.scaled') this.#told.scaled.push(`${event.from} to ${event.to}`);
      if (event.type === 'alert.raised' && event.pool === POOL)
        this.#told.alerts.push(`raised ${event.alert}`);
      if (event.type === 'alert.cleared' && event.pool === POOL)
        this.#told.alerts.push(`cleared ${event.alert}`);
    });
  }

  static async open(setup: PoolSetup, watching: Watching): Promise<PoolWorld> {
    const clock = simulatedClock();
    const host = scriptedHost();
    const system = await createAgentSystem({
      clock,
      inspect: watching,
      store: memoryStore({ maxEvents: 1 }),
      random: () => 0,
      logger: pino({ level: 'silent' }),
      limits: { maxAgents: setup.maxAgents },
      hosts: { 'in-process': host },
    });
    await system.agents.register({
      id: RIVAL,
      module: worker,
      restart: { policy: 'never' },
      shutdownMs: Infinity,
      startTimeoutMs: Infinity,
      health: { intervalMs: Infinity },
    });
    const world = new PoolWorld(setup, system, { clock, host });
    const created = system.pools.create({
      name: POOL,
      min: setup.min,
      max: setup.max,
      target: setup.target,
      queueLimit: setup.queueLimit,
      maxConcurrentStarts: setup.maxStarts,
      restart: {
        delayMs: 2 * BACKOFF_MS[0]!,
        maxDelayMs: PROBE_MS,
        maxRestarts: MAX_RESTARTS,
        withinMs: Infinity,
      },
      spec: {
        module: worker,
        restart: { policy: setup.policy },
        shutdownMs: Infinity,
        startTimeoutMs: Infinity,
        health: { intervalMs: Infinity },
      },
    });
    world.#note('created', created);
    await world.#settle();
    while (!setup.isOpening && world.#told.created.length === 0) {
      for (const body of host.live) body.ready();
      await world.#settle();
    }
    world.#told = silence();
    return world;
  }

  async play(move: Move): Promise<PoolOutcome> {
    this.#told = silence();
    await this.#act(move);
    await this.#settle();
    return this.#told;
  }

  record() {
    const pool = this.#system.pools.get(POOL);
    const { status, wanted, live, idle, starting, down, draining, waiting, retryAt } = pool;
    const retryInMs = retryAt === undefined ? undefined : retryAt - this.clock.now();
    return { status, wanted, live, idle, starting, down, draining, waiting, retryInMs };
  }

  /** How many members have each status, as they say themselves. */
  statuses(): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { status, spec } of this.#system.agents.list()) {
      if (spec.pool === POOL) counts[status] = (counts[status] ?? 0) + 1;
    }
    return counts;
  }

  /** Ms until each timer that is armed. */
  timers(): readonly number[] {
    return this.clock.pending().map(({ dueAt }) => dueAt - this.clock.now());
  }

  /** Lets go of everything. */
  async dispose(): Promise<void> {
    const closed = this.#system.close({ timeoutMs: 0 });
    await this.#settle();
    for (const body of this.#host.live) body.exit('killed');
    await this.clock.advance(2 * CLOSE_MS);
    await this.#settle();
    await this.clock.advance(2 * CLOSE_MS);
    await closed;
    await this.#closing;
  }

  async #act(move: Move): Promise<void> {
    const { pools } = this.#system;
    switch (move) {
      case 'task':
        return this.#note('answers', pools.execute(POOL, { type: 'work' }));
      case 'done':
        return this.#finish(this.#bodyOf('running', true));
      case 'done draining':
        return this.#finish(this.#bodyOf('running', true, true));
      case 'ready':
        return this.#bodyOf('starting', false).ready();
      case 'fail':
        return this.#exit(this.#bodyOf('starting', false));
      case 'crash idle':
        return this.#exit(this.#bodyOf('running', false));
      case 'crash busy':
        return this.#exit(this.#bodyOf('running', true));
      case 'crash draining':
        return this.#exit(this.#bodyOf('running', true, true));
      case 'stop idle': {
        const stopped = this.#system.agents.stop(this.#bodyOf('running', false).start.agentId);
        await this.#settle();
        await stopped;
        return;
      }
      case 'revive': {
        const started = this.#system.agents.start(this.#oneDown());
        await this.#settle();
        this.#host.live.at(-1)!.ready();
        await started;
        return;
      }
      case 'forget down':
        return this.#system.agents.forget(this.#oneDown());
      case 'rival starts': {
        const started = this.#system.agents.start(RIVAL).catch(() => undefined);
        await this.#settle();
        this.#host.live.find(({ start }) => start.agentId === RIVAL)?.ready();
        await started;
        return;
      }
      case 'rival stops': {
        const stopped = this.#system.agents.stop(RIVAL);
        await this.#settle();
        await stopped;
        return;
      }
      case 'end': {
        const [body] = this.#leaving;
        this.#leaving.delete(body!);
        return body!.exit('shutdown');
      }
      case 'retry': {
        const [inMs] = this.timers();
        await this.clock.advance(inMs! - 1);
        const before = JSON.stringify([this.record(), this.#host.live.length]);
        await this.#settle();
        if (JSON.stringify([this.record(), this.#host.live.length]) !== before) {
          throw new Error('something happened before it was due');
        }
        return this.clock.advance(1);
      }
      case 'close':
        this.#closing = pools.close(POOL, { timeoutMs: CLOSE_MS }).then(({ stopped, abandoned }) => {
          this.#told.closed.push(`${stopped.length} stopped, ${abandoned.length} abandoned`);
        });
        return;
      case 'halt':
        this.#closing = this.#system.close({ timeoutMs: CLOSE_MS });
        return;
      case 'deadline':
        for (let passed = 0; passed < CLOSE_MS; passed += 100) {
          await this.clock.advance(100);
          await this.#settle();
        }
        return;
      default:
        return this.#note('resized', pools.ensureSize(POOL, Number(move.slice('size '.length))));
    }
  }

  /** A member's body, by how its agent is, and whether it is on its way out: those are listed last. */
  #bodyOf(status: 'running' | 'starting', isBusy: boolean, isDraining = false): ScriptedBody {
    const [{ members, draining } = { members: [], draining: 0 }] = this.#system.pools.list();
    const out = new Set(draining === 0 ? [] : members.slice(-draining));
    const bodies = this.#host.live.filter(({ start }) => start.agentId !== RIVAL);
    const found = bodies.find((body) => {
      const { agentId } = body.start;
      const agent = this.#system.agents.get(agentId);
      const isStatus = agent.status === status || (isBusy && agent.status === 'stopping');
      return isStatus && this.#running.has(body) === isBusy && out.has(agentId) === isDraining;
    });
    if (found === undefined) {
      const anybody = bodies.find((body) => this.#running.has(body) === isBusy);
      if (anybody !== undefined && this.#closing !== undefined) return anybody;
      throw new Error(`no ${isDraining ? 'draining ' : ''}${isBusy ? 'busy ' : ''}body is ${status}`);
    }
    return found;
  }

  #oneDown(): string {
    return this.#system.agents.list({ status: 'crashed' })[0]!.id;
  }

  #finish(body: ScriptedBody): void {
    const taskId = this.#running.get(body)!;
    this.#running.delete(body);
    body.report({ type: 'task.completed', taskId, output: 'done', state: undefined });
  }

  #exit(body: ScriptedBody): void {
    this.#running.delete(body);
    body.exit({ exitCode: 1 });
  }

  #note(what: 'answers' | 'created' | 'resized', promise: Promise<unknown>): void {
    promise.then(
      () => this.#told[what].push('done'),
      (thrown: unknown) => {
        const answer = thrown instanceof AgentSystemError ? thrown.code : String(thrown);
        // When the whole system is closed is not the pool's affair.
        if (answer !== 'SYSTEM_CLOSED') this.#told[what].push(answer);
      },
    );
  }

  /** Until nothing happens any more: bodies save and end when they are told to. */
  async #settle(): Promise<void> {
    do await quiet();
    while (this.#host.live.filter((body) => this.#obey(body)).length > 0);
  }

  #obey(body: ScriptedBody): boolean {
    const requests = body.takeRequests();
    for (const request of requests) {
      if (request.type === 'task.run') this.#running.set(body, request.taskId);
      else if (request.type === 'state.save') {
        body.report({ type: 'state.saved', state: { json: '{}', stateVersion: 1 } });
      } else if (request.type === 'kill' || request.type === 'terminate') {
        if (request.type === 'terminate' && this.#setup.isSlowToEnd) this.#leaving.add(body);
        else if (body.isLive) {
          this.#running.delete(body);
          this.#leaving.delete(body);
          body.exit(request.type === 'kill' ? 'killed' : 'shutdown');
        }
      }
    }
    return requests.length > 0;
  }
}

function silence(): Told {
  return { answers: [], created: [], resized: [], scaled: [], alerts: [], closed: [] };
}
