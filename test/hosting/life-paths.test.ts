/**
 * The same lives on every host, in real time: what a caller sees does not depend on where an agent lives.
 *
 * The paths are generated (life-paths-model.ts); all of a host's agents share one system. Nothing is timed here:
 * each step waits for the events that its model foresees. Two deadlines, of a start that hangs and of a stop whose
 * task goes on, pass when the path says so: how long a machine takes to get as far is not known.
 */
import { strict as assert } from 'node:assert';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { isDeepStrictEqual } from 'node:util';
import type { Worker } from 'node:worker_threads';
import { pino } from 'pino';
import { afterAll, describe, expect, test } from 'vitest';
import {
  type AgentCommand,
  type AgentHandle,
  type AgentRecord,
  type AgentStatus,
  type AgentSystem,
  type Clock,
  createAgentSystem,
  type ExitReason,
  type Isolation,
  type SystemEventType,
  systemClock,
} from '../../src/index.ts';
import { awaited, codeOf } from '../kit/rig.ts';
import { livingChildren } from './hosts.ts';
import {
  after,
  firstLife,
  isCommand,
  isPossible,
  type Life,
  lifePaths,
  type Move,
  type Place,
  places,
  type Profile,
  profiles,
  type Reason,
} from '../models/hosted-life/model.ts';
import { eventually } from '../kit/eventually.ts';

const mortal = new URL('../fixtures/agents/mortal.ts', import.meta.url);
const paths = profiles.map((profile) => ({ profile, ...lifePaths(profile) }));

const isolations = ['in-process', 'thread', 'process'] as const satisfies readonly Isolation[];

/** Lives that are lived at once on one host. */
const LIVES_AT_ONCE = 4;
const FAR_MS = 3_600_000;
/** Deadlines that only a path brings forward: no machine is too busy to keep them. */
const START_TIMEOUT_MS = 1_000_000;
const OBEYED_STOP_MS = 2_000_000;
const DRAIN_SHARE = 0.8;
/** A stop that nothing obeys. */
const IGNORED_STOP_MS = 300;
/** An event that has not come by now does not come. */
const LOST_MS = 60_000;

const workers: Worker[] = [];
const noteWorker = (message: unknown) => void workers.push((message as { readonly worker: Worker }).worker);
subscribe('worker_threads', noteWorker);
const handlesBefore = openHandles();
afterAll(async () => {
  unsubscribe('worker_threads', noteWorker);
  expect(livingChildren()).toEqual([]);
  // A thread that has ended has no id.
  expect(workers.filter(({ threadId }) => threadId !== -1)).toEqual([]);
  // Node lets go of the handle of a process some turns after it has told of its exit.
  await eventually(openHandles, (now) => isDeepStrictEqual(now, handlesBefore));
});

describe('the paths', () => {
  test('lead to every place of a life', () => {
    const seen = new Set<Place>();
    for (const { profile, tours } of paths) {
      for (const tour of tours) {
        let life = firstLife;
        for (const move of tour) {
          expect(isPossible(life, move)).toBe(true);
          life = after(profile, life, move);
          seen.add(life.place);
        }
      }
    }
    expect([...seen].toSorted()).toEqual(Object.keys(places).toSorted());
  });
});

describe.concurrent('a life is as its model says', () => {
  for (const isolation of isolations) {
    test(isolation, async ({ onTestFinished }) => {
      const world = await World.open(isolation);
      onTestFinished(() => world.close());
      const lives = paths.flatMap(({ profile, lives }) => lives.map((life) => ({ profile, ...life })));
      // The longest first, so that none is left alone at the end.
      const left = lives.toSorted((a, b) => b.end.incarnation - a.end.incarnation);
      const live = async (): Promise<void> => {
        for (let next = left.shift(); next !== undefined; next = left.shift()) {
          await new Player(world, next.profile, next.end).play(next.moves);
        }
      };
      await Promise.all(Array.from({ length: LIVES_AT_ONCE }, live));
      await world.close();
      expect(world.system.resources().agents).toBe(0);
      expect(world.clock.pending).toBe(0);
      if (isolation === 'thread') expect(workers.length).toBeGreaterThan(0);
    });
  }
});

/** Real time, of which a test can have one deadline pass at once. */
class HurriedClock implements Clock {
  readonly #clock = systemClock();
  readonly #armed = new Map<unknown, { readonly callback: () => void; readonly ms: number }>();

  now(): number {
    return this.#clock.now();
  }

  setTimeout(callback: () => void, ms: number): unknown {
    const timer = this.#clock.setTimeout(() => {
      this.#armed.delete(timer);
      callback();
    }, ms);
    this.#armed.set(timer, { callback, ms });
    return timer;
  }

  clearTimeout(timer: unknown): void {
    this.#armed.delete(timer);
    this.#clock.clearTimeout(timer);
  }

  get pending(): number {
    return this.#armed.size;
  }

  bringForward(ms: number): void {
    const due = [...this.#armed].filter(([, armed]) => armed.ms === ms);
    assert.equal(due.length, 1, `one deadline of ${ms} ms`);
    for (const [timer, { callback }] of due) {
      this.clearTimeout(timer);
      callback();
    }
  }
}

/** A system whose agents live on one host, and what it tells of each of them. */
class World {
  readonly isolation: (typeof isolations)[number];
  readonly system: AgentSystem;
  readonly clock: HurriedClock;
  readonly #told = new Map<string, SystemEventType[]>();
  readonly #hanging: Set<string>;
  readonly #waiting = new Set<() => void>();
  lives = 0;

  static async open(isolation: (typeof isolations)[number]): Promise<World> {
    const hanging = new Set<string>();
    let heard: (() => void) | undefined;
    const logger = pino(
      { level: 'info' },
      {
        write: (line: string) => {
          const { agentId, incarnation, msg } = JSON.parse(line) as Record<string, unknown>;
          if (msg !== 'init hangs') return;
          hanging.add(`${String(agentId)} ${String(incarnation)}`);
          heard?.();
        },
      },
    );
    const clock = new HurriedClock();
    const system = await createAgentSystem({ clock, logger });
    const world = new World(isolation, system, clock, hanging);
    heard = () => world.#tellWaiting();
    return world;
  }

  private constructor(
    isolation: (typeof isolations)[number],
    system: AgentSystem,
    clock: HurriedClock,
    hanging: Set<string>,
  ) {
    this.isolation = isolation;
    this.system = system;
    this.clock = clock;
    this.#hanging = hanging;
    system.events.subscribe(({ type, agentId = '' }) => {
      if (!type.startsWith('agent.') || type === 'agent.registered' || type === 'agent.state_saved') return;
      this.told(agentId).push(type);
      this.#tellWaiting();
    });
  }

  /** What was told of an agent's life so far. */
  told(id: string): SystemEventType[] {
    let told = this.#told.get(id);
    if (told === undefined) this.#told.set(id, (told = []));
    return told;
  }

  isHanging(id: string, incarnation: number): boolean {
    return this.#hanging.has(`${id} ${incarnation}`);
  }

  /** Resolves when `isSo`, which is asked again with everything that is heard; at the latest when it never will be. */
  async until(isSo: () => boolean): Promise<void> {
    if (isSo()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const check = () => {
      if (isSo()) resolve();
    };
    this.#waiting.add(check);
    const lost = setTimeout(resolve, LOST_MS);
    await promise;
    clearTimeout(lost);
    this.#waiting.delete(check);
  }

  async close(): Promise<void> {
    await this.system.close({ timeoutMs: 2_000 });
  }

  #tellWaiting(): void {
    for (const check of this.#waiting) check();
  }
}

/** One agent that lives through a path, and is judged after every step. */
class Player {
  readonly #world: World;
  readonly #agents: AgentSystem['agents'];
  readonly #profile: Profile;
  readonly #end: Life;
  readonly #id: string;
  /** Nobody else's, so that they tell whose deadline it is. */
  readonly #startTimeoutMs: number;
  readonly #obeyedStopMs: number;
  readonly #trail: string[] = [];
  #life = firstLife;
  #handle: AgentHandle | undefined;
  /** The start, the task and the stops that are under way. */
  #starting: Promise<unknown> | undefined;
  #held: Promise<unknown> | undefined;
  #stops: Promise<AgentRecord>[] = [];

  constructor(world: World, profile: Profile, end: Life) {
    this.#world = world;
    this.#agents = world.system.agents;
    this.#profile = profile;
    this.#end = end;
    const n = (world.lives += 1);
    this.#id = `${profile.policy}-${n}`;
    this.#startTimeoutMs = START_TIMEOUT_MS + n;
    this.#obeyedStopMs = OBEYED_STOP_MS + n;
  }

  async play(moves: readonly Move[]): Promise<void> {
    const { policy, maxRestarts, isRestartFar } = this.#profile;
    const { isolation } = this.#world;
    await this.#agents.register({
      id: this.#id,
      module: mortal,
      isolation,
      initArgs: { inits: this.#end.inits },
      restart: { policy, delayMs: isRestartFar ? FAR_MS : 5, maxRestarts, withinMs: FAR_MS },
      startTimeoutMs: this.#startTimeoutMs,
      shutdownMs: 20_000,
      health: { intervalMs: FAR_MS, timeoutMs: FAR_MS, failuresBeforeKill: 2 },
      tasks: { concurrency: 2 },
    });
    await this.#judge([], undefined, undefined);
    for (const move of moves) {
      const before = this.#life;
      this.#trail.push(`${before.place}: ${move}`);
      this.#life = after(this.#profile, before, move);
      const toldBefore = this.#world.told(this.#id).length;
      const refused = await this.#make(move, before);
      const told = toldOn(isolation, move, this.#life);
      await this.#world.until(() => this.#world.told(this.#id).length >= toldBefore + told.length);
      await this.#judge(this.#world.told(this.#id).slice(toldBefore), refused, move);
    }
  }

  /** Makes a move, and says what it was refused with. */
  async #make(move: Move, before: Life): Promise<unknown> {
    const agents = this.#agents;
    const id = this.#id;
    const { isolation } = this.#world;
    if (isCommand(move) && !places[before.place].legal.includes(move)) return this.#refusedCommand(move);
    switch (move) {
      case 'start':
      case 'restart':
        this.#handle = await agents[move](id);
        assert.equal(this.#handle.incarnation, this.#life.incarnation);
        return undefined;
      case 'start that throws':
        return codeOf(agents.start(id));
      case 'start that hangs':
        this.#starting = awaited(agents.start(id));
        await this.#world.until(() => this.#world.isHanging(id, this.#life.incarnation));
        return undefined;
      case 'start deadline':
        this.#world.clock.bringForward(this.#startTimeoutMs);
        return this.#failedStart();
      case 'execute':
        assert.equal(await agents.execute(id, { type: 'count' }), this.#life.count);
        return undefined;
      case 'fail':
        return codeOf(agents.execute(id, { type: 'fail' }));
      case 'finish':
        assert.equal(await agents.execute(id, { type: 'finish' }), this.#life.count);
        await this.#heldEnds();
        return undefined;
      case 'hold':
        return this.#hold('hold');
      case 'hold on':
        return this.#hold('holdOn');
      case 'release':
        await agents.execute(id, { type: 'release' });
        assert.equal(await this.#held, 'released');
        this.#held = undefined;
        return undefined;
      case 'ail':
        await agents.execute(id, { type: 'ail', input: 'throws' });
        assert.equal((await agents.checkHealth(id)).status, 'unresponsive');
        return undefined;
      case 'heal':
        await agents.execute(id, { type: 'ail', input: 'none' });
        assert.equal((await agents.checkHealth(id)).status, 'healthy');
        return undefined;
      case 'fault':
      case 'fault, and the restart throws':
        await agents.execute(id, { type: 'ail', input: isolation === 'in-process' ? 'throws' : 'exits' });
        await agents.checkHealth(id);
        if (isolation === 'in-process') await agents.checkHealth(id);
        await this.#heldEnds();
        return undefined;
      case 'stop':
        return this.#stop(before);
      case 'stop deadline':
        this.#world.clock.bringForward(this.#obeyedStopMs * DRAIN_SHARE);
        await this.#ended(this.#stops[0]!);
        return undefined;
      case 'kill': {
        const ending = agents.kill(id);
        if (before.place !== 'starting') return this.#ended(ending);
        const refused = await this.#failedStart();
        assert.equal((await ending).status, places[this.#life.place].status);
        return refused;
      }
      default:
        await agents.forget(id);
        return undefined;
    }
  }

  async #refusedCommand(move: Move): Promise<unknown> {
    const id = this.#id;
    if (move === 'execute') return codeOf(this.#agents.execute(id, { type: 'count' }));
    return codeOf(this.#agents[move as 'start' | 'restart' | 'stop' | 'kill' | 'forget'](id));
  }

  async #hold(type: 'hold' | 'holdOn'): Promise<undefined> {
    const { promise: begun, resolve } = Promise.withResolvers<unknown>();
    this.#held = awaited(this.#agents.execute(this.#id, { type, onProgress: resolve }));
    assert.equal(await begun, 'held');
  }

  async #stop({ place, work }: Life): Promise<unknown> {
    const timeoutMs =
      work === 'holds on' ? IGNORED_STOP_MS : work === 'obeys' ? this.#obeyedStopMs : undefined;
    const stopping = this.#agents.stop(this.#id, timeoutMs === undefined ? {} : { timeoutMs });
    if (this.#life.place === 'stopping') {
      this.#stops.push(awaited(stopping));
      return undefined;
    }
    const refused = place === 'starting' ? await this.#failedStart() : undefined;
    await this.#ended(stopping);
    return refused;
  }

  async #failedStart(): Promise<unknown> {
    const starting = this.#starting;
    assert(starting !== undefined);
    this.#starting = undefined;
    return codeOf(starting);
  }

  /** An end that was asked for: all who wait for it are told the same of it. */
  async #ended(ending: Promise<AgentRecord>): Promise<undefined> {
    const stops = this.#stops.splice(0);
    await this.#heldEnds();
    const records = await Promise.all(stops.length > 0 ? stops : [ending]);
    await ending;
    for (const { status, abandoned } of records) {
      const { place } = this.#life;
      // One that is restarted at once had crashed.
      assert.equal(status, place === 'running' ? 'crashed' : places[place].status);
      if (stops.length > 0) assert.equal(abandoned.length, this.#life.abandoned);
    }
  }

  async #heldEnds(): Promise<void> {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    assert.equal(await codeOf(held), 'TASK_ABANDONED');
  }

  /** Compares all there is to see with what the model says. */
  async #judge(told: readonly SystemEventType[], refused: unknown, move: Move | undefined): Promise<void> {
    const life = this.#life;
    const { isolation } = this.#world;
    const handle = this.#handle;
    const staleHandle =
      handle !== undefined && (handle.incarnation !== life.incarnation || !hasBody(life))
        ? handle
        : undefined;
    const { count, restored, previousStop } = life;
    const expected = {
      view: viewOf(life, isolation),
      told: move === undefined ? [] : toldOn(isolation, move, life),
      refused: life.refused,
      staleHandle: staleHandle && 'AGENT_NOT_RUNNING',
      look:
        life.place === 'running'
          ? { count, restored, previousStop: spelled(previousStop, isolation) }
          : undefined,
    };
    const seen = {
      // It leaves the state it found.
      look: life.place === 'running' ? await this.#look() : undefined,
      view: life.place === 'forgotten' ? undefined : await this.#view(),
      told,
      refused,
      staleHandle: staleHandle && (await codeOf(() => staleHandle.health())),
    };
    if (isDeepStrictEqual(seen, expected)) return;
    const trail = this.#trail.slice(-25).join('\n  ');
    assert.deepStrictEqual(
      seen,
      expected,
      `${isolation}, ${this.#profile.name} (seen + / expected -):\n  ${trail}`,
    );
  }

  async #look(): Promise<unknown> {
    const looked = await this.#agents.execute(this.#id, { type: 'look' });
    const { count, restored, previousStop } = looked as Record<string, unknown>;
    return { count, restored, previousStop: inWords(previousStop as ExitReason | undefined) };
  }

  async #view(): Promise<View> {
    const { status, incarnation, restarts, reason, abandoned } = this.#agents.get(this.#id);
    const legal = this.#agents.legal(this.#id).toSorted();
    const saved = await this.#agents.savedState(this.#id);
    return {
      status,
      legal,
      incarnation,
      restarts,
      reason: inWords(reason),
      abandoned: abandoned.length,
      saved,
    };
  }
}

/** What the system shows of an agent when it is asked. */
interface View {
  readonly status: AgentStatus | undefined;
  readonly legal: readonly AgentCommand[];
  readonly incarnation: number;
  readonly restarts: number;
  readonly reason: string | undefined;
  readonly abandoned: number;
  readonly saved: unknown;
}

function viewOf(life: Life, isolation: Isolation): View | undefined {
  if (life.place === 'forgotten') return undefined;
  const { incarnation, restarts, abandoned, saved } = life;
  return {
    ...places[life.place],
    incarnation,
    restarts,
    reason: hasBody(life) ? undefined : spelled(life.reason, isolation),
    abandoned,
    saved: saved === undefined ? undefined : { count: saved },
  };
}

function hasBody({ place }: Life): boolean {
  return places[place].legal.includes('kill');
}

/** What must be told of a move on one host: a fault of an agent in this very program is what its checks show. */
function toldOn(isolation: Isolation, move: Move, { told }: Life): readonly SystemEventType[] {
  return isolation === 'in-process' && move.startsWith('fault') ? ['agent.unresponsive', ...told] : told;
}

function spelled(reason: Reason | undefined, isolation: Isolation): string | undefined {
  switch (reason) {
    case 'fault':
      return isolation === 'in-process' ? 'unresponsive' : 'exit code 3';
    case 'init threw':
      return 'error no start';
    case 'stop timed out':
      return 'shutdown timed_out';
    default:
      return reason;
  }
}

function inWords(reason: ExitReason | undefined): string | undefined {
  if (reason === undefined || typeof reason === 'string') return reason;
  if ('error' in reason) return `error ${reason.error.message}`;
  if ('exitCode' in reason) return `exit code ${reason.exitCode}`;
  return 'shutdown' in reason ? `shutdown ${reason.shutdown}` : `signal ${reason.signal}`;
}

/** How many channels and children are open, as far as they keep this program. */
function openHandles(): Record<string, number> {
  const kinds = ['ProcessWrap', 'PipeWrap', 'MessagePort', 'Worker'];
  const open = process.getActiveResourcesInfo();
  return Object.fromEntries(kinds.map((kind) => [kind, open.filter((name) => name === kind).length]));
}
