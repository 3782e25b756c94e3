/** The choice among the agents of a type, beside one that looks at all of them. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type AgentSystem, type AgentSystemError, createAgentSystem, defineAgent } from '../../src/index.ts';
import type { Agent, AgentRank } from '../../src/runtime/agent/agent.ts';
import { LeastLoadedAgents } from '../../src/runtime/fleet/least-loaded.ts';
import {
  type ScriptedBody,
  type ScriptedHost,
  scriptedHost,
  seededRandom,
  settled,
  type SimulatedClock,
  simulatedClock,
} from '../../src/testing/index.ts';
import { silent } from '../kit/rig.ts';
import { LIMIT_MS, walks } from '../models/fleet/runs.ts';
import { plain } from './plain.ts';

const IDS = ['a', 'b', 'c', 'd', 'e', 'f'] as const;
const task = { run: () => undefined };
const worker = defineAgent({
  type: 'worker',
  init: () => ({}),
  tasks: { once: task, again: { ...task, retry: { attempts: 3, backoff: { delayMs: 50 } } } },
});

const commands = [
  'register',
  'forget',
  'start',
  'start',
  'stop',
  'stop now',
  'kill',
  'pause',
  'resume',
] as const;
const acts = [
  'ready',
  'ready',
  'done',
  'done',
  'fails',
  'parks',
  'answers',
  'saves',
  'finishes',
  'exits',
] as const;
const whenDown = fc.constantFrom('refuse', 'wait');
const on = fc.constantFrom(...IDS);

type Deed =
  | { readonly on: string; readonly ask: (typeof commands)[number] }
  | { readonly on: string; readonly act: (typeof acts)[number] }
  | { readonly to: string | { readonly type: string }; readonly task: Given }
  | { readonly cancel: number }
  | { readonly passMs: number }
  | { readonly settle: true };

interface Given {
  readonly type: string;
  readonly whenDown: 'refuse' | 'wait';
  readonly timeoutMs?: number;
  readonly delayMs?: number;
}

const given: fc.Arbitrary<Given> = fc.record(
  {
    type: fc.constantFrom('once', 'again'),
    whenDown,
    timeoutMs: fc.constantFrom(20, 1_000),
    delayMs: fc.constant(20),
  },
  { requiredKeys: ['type', 'whenDown'] },
);
const deed: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ on, ask: fc.constantFrom(...commands) }) },
  { weight: 8, arbitrary: fc.record({ on, act: fc.constantFrom(...acts) }) },
  { weight: 5, arbitrary: fc.record({ to: on, task: given }) },
  { weight: 3, arbitrary: fc.record({ to: fc.constant({ type: 'worker' }), task: given }) },
  { weight: 1, arbitrary: fc.record({ cancel: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ passMs: fc.constantFrom(0, 20, 60, 1_000) }) },
  { weight: 5, arbitrary: fc.record({ settle: fc.constant(true as const) }) },
);

test(
  'whatever has happened, the least loaded agent is the one that looking at all of them finds',
  async () => {
    const path = fc.array(fc.record({ deed, isAsked: fc.boolean() }), {
      minLength: 20,
      maxLength: 120,
      size: 'max',
    });
    const chosen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.nat(), path, async (seed, path) => {
        const fleet = new Fleet(seed);
        await fleet.open();
        for (const { deed, isAsked } of path) {
          await fleet.take(deed);
          if (!isAsked) continue;
          for (const whenDown of ['refuse', 'wait'] as const) {
            const expected = fleet.found(whenDown);
            expect(fleet.chosen(whenDown)).toBe(expected);
            chosen.add(expected);
          }
        }
        await fleet.close();
      }),
      walks(60),
    );
    expect([...chosen].toSorted()).toEqual(['AGENT_NOT_RUNNING', ...IDS]);
  },
  LIMIT_MS,
);

/** What is read of an agent. */
class Known implements Pick<Agent, 'order' | 'load' | 'takesWork' | 'rank'> {
  readonly order: number;
  load = 0;
  readonly takesWork = true;
  rank: AgentRank | undefined = undefined;

  constructor(order: number) {
    this.order = order;
  }
}

test('of many agents that come, go, and have more or less to do, it is the first of those that have least', () => {
  const moves = fc.array(fc.tuple(fc.nat(25), fc.nat(20)), { minLength: 50, maxLength: 100, size: 'max' });
  fc.assert(
    fc.property(moves, (moves) => {
      const there = Array.from({ length: 20 }, (_, order) => new Known(order));
      const index = new LeastLoadedAgents(there as unknown as Agent[]);
      let order = there.length;
      for (const [which, load] of moves) {
        const known = there[which];
        if (known === undefined) {
          const late = new Known(order++);
          late.load = load;
          there.push(late);
          index.add(late as unknown as Agent);
        } else if (load > 15) {
          there.splice(which, 1);
          known.rank!.leave();
        } else {
          known.load = load;
          known.rank!.look();
        }
      }
      const inOrder = there.toSorted((one, other) => one.load - other.load || one.order - other.order);
      for (const known of inOrder) {
        expect(index.first).toBe(known);
        known.rank!.leave();
      }
      expect(index.first).toBeUndefined();
    }),
    walks(200),
  );
});

class Fleet {
  readonly #seed: number;
  readonly #clock: SimulatedClock = simulatedClock();
  readonly #host: ScriptedHost = scriptedHost();
  /** Tasks that the bodies were given, and have not ended. */
  readonly #tasks = new Map<ScriptedBody, string[]>();
  readonly #checks = new Map<ScriptedBody, number>();
  readonly #accepted: string[] = [];
  #system!: AgentSystem;

  constructor(seed: number) {
    this.#seed = seed;
  }

  async open(): Promise<void> {
    this.#system = await createAgentSystem({
      clock: this.#clock,
      random: seededRandom(this.#seed),
      logger: silent,
      hosts: { 'in-process': this.#host },
      limits: { maxConcurrentRestarts: 1 },
    });
    await this.#system.agents.register({ id: 'other', module: plain });
    for (const id of IDS) this.#ask(id, 'register');
    await settled();
    this.#ask('a', 'start');
  }

  async take(deed: Deed): Promise<void> {
    if ('settle' in deed) return settled();
    if ('passMs' in deed) return this.#clock.advance(deed.passMs);
    if ('ask' in deed) return this.#ask(deed.on, deed.ask);
    if ('act' in deed) return this.#act(deed.on, deed.act);
    const { tasks } = this.#system;
    if ('task' in deed) {
      return ignored(tasks.submit(deed.to, deed.task).then(({ id }) => this.#accepted.push(id)));
    }
    const taskId = this.#accepted[deed.cancel % this.#accepted.length];
    if (taskId !== undefined) ignored(tasks.cancel(taskId));
  }

  #ask(id: string, command: (typeof commands)[number]): void {
    const { agents } = this.#system;
    switch (command) {
      case 'register':
        return ignored(
          agents.register({
            id,
            module: worker,
            restart: { policy: 'delayed', delayMs: 50, maxRestarts: 2, withinMs: 10_000 },
            health: { intervalMs: 100, timeoutMs: 10, failuresBeforeKill: 2 },
            tasks: { concurrency: id === 'b' ? 2 : 1, queueLimit: 3 },
            ...(id < 'd' ? {} : { quota: 'shared' }),
          }),
        );
      case 'stop now':
        return ignored(agents.stop(id, { timeoutMs: 0 }));
      default:
        return ignored(agents[command](id));
    }
  }

  #act(id: string, act: (typeof acts)[number]): void {
    const body = this.#host.live.find(({ start }) => start.agentId === id);
    if (body === undefined) return;
    const tasks = this.#tasksOf(body);
    const checkId = this.#checks.get(body);
    const error = { name: 'Error', message: 'as the test says' };
    switch (act) {
      case 'ready':
        return body.ready();
      case 'answers':
        return checkId === undefined ? undefined : body.report({ type: 'health.answered', checkId });
      case 'saves':
        return body.report({ type: 'state.saved', state: { stateVersion: 1, json: '{}' } });
      case 'finishes':
        return body.report({ type: 'finished' });
      case 'exits':
        return body.exit({ error });
      default:
    }
    const taskId = tasks.shift();
    if (taskId === undefined) return;
    if (act === 'done') return body.report({ type: 'task.completed', taskId, output: undefined });
    if (act === 'parks') return body.report({ type: 'task.parked', taskId, afterMs: 60, why: 'a limit' });
    body.report({ type: 'task.failed', taskId, code: 'TASK_FAILED', error, retry: true });
  }

  #tasksOf(body: ScriptedBody): string[] {
    let tasks = this.#tasks.get(body);
    if (tasks === undefined) this.#tasks.set(body, (tasks = []));
    for (const request of body.takeRequests()) {
      if (request.type === 'task.run') tasks.push(request.taskId);
      else if (request.type === 'health.check') this.#checks.set(body, request.checkId);
    }
    return tasks;
  }

  chosen(whenDown: 'refuse' | 'wait'): string {
    try {
      return this.#system.agents.leastLoaded('worker', whenDown).id;
    } catch (thrown) {
      return (thrown as AgentSystemError).code;
    }
  }

  /** The first of the least loaded of those that are ready; else of those that are held; else of those that come back. */
  found(whenDown: 'refuse' | 'wait'): string {
    const { agents } = this.#system;
    const ofType = agents.ids().flatMap((id) => {
      const agent = agents.find(id);
      return agent.manifest.type === 'worker' ? [agent] : [];
    });
    const able = ofType.filter(
      ({ position: { legal, comesBack } }) => legal.has('execute') || (whenDown === 'wait' && comesBack),
    );
    const [best] = able.toSorted((one, other) => standing(one) - standing(other) || one.load - other.load);
    return best?.id ?? (ofType.length > 0 ? 'AGENT_NOT_RUNNING' : 'AGENT_NOT_FOUND');
  }

  async close(): Promise<void> {
    const closed = this.#system.close({ timeoutMs: 0 });
    await this.#clock.advance(60_000);
    await closed;
  }
}

function standing({ takesWork, position }: Agent): number {
  if (takesWork) return 0;
  return position.legal.has('execute') ? 1 : 2;
}

function ignored(work: Promise<unknown>): void {
  work.catch(() => undefined);
}
