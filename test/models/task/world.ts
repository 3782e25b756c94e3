/**
 * A real system that a life is played on: program after program on one store, one agent or a pool of one, in any host.
 *
 * Time stands still unless a move passes it. What lives in another thread or process is waited for by what it tells.
 */
import { pino } from 'pino';
import {
  type AgentSystem,
  createAgentSystem,
  type Isolation,
  type Store,
  type TaskTarget,
  variable,
} from '../../../src/index.ts';
import { settled, type SimulatedClock, simulatedClock } from '../../../src/testing/index.ts';
import toiler, { type Deed } from '../../fixtures/agents/toiler.ts';
import { mortalStore } from '../../kit/mortal-store.ts';
import { codeOf } from '../../kit/rig.ts';
import { DELAY_MS, type Life, type Move, type Profile, RESTART_MS, TIME_MS } from './model.ts';

/** A deadline that no life comes to. */
const NEVER_MS = 1_000_000_000;
/** What has not come by now does not come: real time, for what lives elsewhere. */
const LOST_MS = 20_000;
const AGENT = 'a';
const POOL = 'p';
const url = new URL('../../fixtures/agents/toiler.ts', import.meta.url);

export interface Disk {
  open(): Store | Promise<Store>;
}

interface Program {
  readonly system: AgentSystem;
  readonly clock: SimulatedClock;
  readonly die: () => Promise<void>;
}

export class TaskWorld {
  readonly #profile: Profile;
  readonly #isolation: Isolation;
  readonly #disk: Disk;
  #program!: Program;
  #taskId: string | undefined;
  #submitted = 0;
  /** What came up to here was looked at. */
  #sequence = 0;
  /** Ids of tasks, each time that the work of one began. */
  readonly #begun: string[] = [];
  readonly #listeners = new Set<() => void>();

  private constructor(profile: Profile, isolation: Isolation, disk: Disk) {
    this.#profile = profile;
    this.#isolation = isolation;
    this.#disk = disk;
  }

  static async open(profile: Profile, isolation: Isolation, disk: Disk, startAt: number): Promise<TaskWorld> {
    const world = new TaskWorld(profile, isolation, disk);
    await world.#boot(startAt);
    if (profile.target === 'pool') await world.#openPool();
    else await world.#register();
    return world;
  }

  get system(): AgentSystem {
    return this.#program.system;
  }

  get agentId(): string {
    return this.#profile.target === 'pool' ? `${POOL}-1` : AGENT;
  }

  async #boot(startAt: number): Promise<void> {
    const clock = simulatedClock({ startAt });
    const store = mortalStore(await this.#disk.open());
    const logger = pino(
      { level: 'info' },
      {
        write: (line: string) => {
          const { msg, taskId } = JSON.parse(line) as { readonly msg: string; readonly taskId?: string };
          if (msg !== 'work begins' || taskId === undefined) return;
          this.#begun.push(taskId);
          this.#tell();
        },
      },
    );
    const system = await createAgentSystem({ store, clock, logger, random: () => 0, agents: this.#agents() });
    system.events.subscribe(() => this.#tell());
    this.#program = {
      system,
      clock,
      die: async () => {
        await store.die().close();
        // Its threads and processes would live on: this test has one process.
        const closed = system.close({ timeoutMs: 0 });
        await clock.advance(NEVER_MS);
        await closed;
      },
    };
    await system.variables.define('order', variable.json({ default: {} }));
    // What was due while nobody was there is due now.
    await clock.advance(0);
  }

  #agents() {
    return [this.#isolation === 'in-process' ? toiler : { type: 'toiler', module: url }];
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  get #spec() {
    return {
      module: this.#isolation === 'in-process' ? toiler : url,
      isolation: this.#isolation,
      restart: { policy: 'immediate' as const, delayMs: RESTART_MS, maxRestarts: 1_000, withinMs: 1 },
      health: { intervalMs: NEVER_MS, timeoutMs: NEVER_MS, failuresBeforeKill: 100 },
      startTimeoutMs: NEVER_MS,
      tasks: { concurrency: 2 },
    };
  }

  async #register(): Promise<void> {
    await this.system.agents.register({ id: AGENT, ...this.#spec });
    await this.system.agents.start(AGENT);
  }

  async #openPool(): Promise<void> {
    await this.system.pools.create({ name: POOL, spec: this.#spec, min: 1, max: 1 });
  }

  /** Makes a move that is possible; gives the code that it was refused with. */
  async play(move: Move, after: Life): Promise<string | undefined> {
    const { system, clock } = this.#program;
    const { agents, tasks, questions } = system;
    const { agentId } = this;
    switch (move) {
      case 'submit':
        return this.#submit({});
      case 'submit with a time':
        return this.#submit({ timeoutMs: TIME_MS });
      case 'submit for later':
        return this.#submit({ timeoutMs: TIME_MS, delayMs: DELAY_MS });
      case 'submit again by its key': {
        const { id } = await tasks.submit(this.#target, this.#task({}));
        return id === this.#taskId ? undefined : `another task, ${id}`;
      }
      case 'complete':
      case 'fail':
      case 'park':
      case 'ask':
        return this.#order(move);
      case 'answer': {
        const open = questions.list().find(({ taskId }) => taskId === this.#taskId);
        if (open === undefined) return 'no question is open';
        await questions.answer(open.id, 'yes');
        return undefined;
      }
      case 'cancel':
      case 'retry':
      case 'forget': {
        const id = this.#taskId ?? 'task-0';
        const asked: Promise<unknown> = tasks[move](id);
        if (after.refused !== undefined) return codeOf(asked);
        await asked;
        return undefined;
      }
      case 'time goes on':
        await clock.advance(Math.max(0, after.now - clock.now()));
        return undefined;
      case 'pause':
        await agents.pause(agentId);
        return undefined;
      case 'resume':
        await agents.resume(agentId);
        return undefined;
      case 'crash':
        await agents.kill(agentId);
        return undefined;
      case 'stop': {
        const stopped = agents.stop(agentId, { timeoutMs: 0 });
        await clock.advance(0);
        await stopped;
        return undefined;
      }
      case 'start':
        await agents.start(agentId);
        return undefined;
      case 'forget agent':
        await agents.forget(agentId);
        return undefined;
      case 'register agent':
        await this.#register();
        return undefined;
      case 'open pool':
        await this.#openPool();
        return undefined;
      case 'close': {
        const closed = system.close({ timeoutMs: 0 });
        await clock.advance(0);
        await closed;
        await this.#boot(clock.now());
        return undefined;
      }
      default:
        await this.#program.die();
        await this.#boot(after.now);
        return undefined;
    }
  }

  get #target(): TaskTarget {
    const { target } = this.#profile;
    return target === 'pool' ? { pool: POOL } : target === 'type' ? { type: 'toiler' } : AGENT;
  }

  #task(terms: object) {
    const key = `key-${this.#submitted}`;
    return { type: this.#profile.kind, input: key, idempotencyKey: key, ...terms };
  }

  async #submit(terms: object): Promise<string | undefined> {
    this.#submitted += 1;
    const submitting = this.system.tasks.submit(this.#target, this.#task(terms));
    try {
      this.#taskId = (await submitting).id;
      return undefined;
    } catch {
      this.#submitted -= 1;
      return codeOf(submitting);
    }
  }

  async #order(deed: Deed): Promise<undefined> {
    await this.system.variables.set('order', { key: `key-${this.#submitted}`, deed });
    return undefined;
  }

  /** What the stream has said of the task since the last look, in order: what is kept, in whatever program. */
  async told(): Promise<string[]> {
    const told: string[] = [];
    for await (const event of this.system.events.read({ after: this.#sequence })) {
      this.#sequence = event.sequence;
      if (!event.type.startsWith('task.') || event.type === 'task.step') continue;
      if ('taskId' in event && event.taskId === this.#taskId) told.push(event.type);
    }
    return told;
  }

  get taskId(): string | undefined {
    return this.#taskId;
  }

  /** How often the work of the task was begun, in truth. */
  get begun(): number {
    return this.#begun.filter((id) => id === this.#taskId).length;
  }

  /** Resolves when `isSo`, or when it never will be. */
  async until(isSo: () => boolean): Promise<void> {
    await settled();
    if (this.#isolation === 'in-process' || isSo()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const check = () => isSo() && resolve();
    this.#listeners.add(check);
    const lost = setTimeout(resolve, LOST_MS);
    await promise;
    clearTimeout(lost);
    this.#listeners.delete(check);
  }

  async close(): Promise<void> {
    const { system, clock } = this.#program;
    const closed = system.close({ timeoutMs: 0 });
    await clock.advance(NEVER_MS);
    await closed;
    const left = clock.pending();
    if (left.length > 0) throw new Error(`${left.length} timers are left`);
  }
}
