/** Random walks through a pool of real agents on simulated time: what must hold whatever happens, checked at each step. */
import fc from 'fast-check';
import {
  type AgentStatus,
  type AgentSystem,
  AgentSystemError,
  createAgentSystem,
  defineAgent,
  memoryStore,
  type Store,
} from '../../../src/index.ts';
import { settled, type SimulatedClock, simulatedClock } from '../../../src/testing/index.ts';
import { silent } from '../../kit/rig.ts';

const MAX = 6;
const CONCURRENCY = 2;
/** Longer than all that a walk lets pass, and than all that a pool waits for. */
const LOOK_MS = 10_000_000;
/** How the agents of members may be; one that somebody else has told to stop counts until it has. */
const FITTING: Readonly<Record<'live' | 'starting' | 'down', readonly AgentStatus[]>> = {
  live: ['running', 'stopping'],
  starting: ['registered', 'starting'],
  down: ['crashed', 'starting'],
};

export type Step =
  | { readonly do: 'execute'; readonly timeoutMs?: number; readonly again: boolean }
  | { readonly do: 'address'; readonly which: number }
  | { readonly do: 'finish'; readonly which: number; readonly isFailure: boolean }
  | { readonly do: 'cancel'; readonly which: number }
  | { readonly do: 'kill' | 'stop' | 'forget'; readonly which: number }
  /** Each before what the one before it began has settled. */
  | { readonly do: 'size'; readonly sizes: readonly number[] }
  | { readonly do: 'init'; readonly how: 'return' | 'hold' | 'fail' }
  | { readonly do: 'release'; readonly isFailure: boolean }
  | { readonly do: 'pass'; readonly ms: number }
  /** What the next step begins has not settled when the one after it comes. */
  | { readonly do: 'hurry' };

const which = fc.nat(9);
export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record(
      {
        do: fc.constant('execute' as const),
        timeoutMs: fc.constantFrom(0, 100, 5_000),
        again: fc.boolean(),
      },
      { requiredKeys: ['do', 'again'] },
    ),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('address' as const), which }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('finish' as const), which, isFailure: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const), which }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('kill', 'kill', 'stop', 'forget'), which }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('size' as const),
      sizes: fc.array(fc.integer({ min: 1, max: MAX }), { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('init' as const),
      how: fc.constantFrom('return', 'hold', 'fail'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('release' as const), isFailure: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(0, 50, 1_000, 60_000) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('hurry' as const) }) },
);

export interface Ending {
  readonly by: 'pool' | 'system';
  readonly timeoutMs: number;
}
export const ending: fc.Arbitrary<Ending> = fc.record({
  by: fc.constantFrom('pool', 'system'),
  timeoutMs: fc.constantFrom(0, 1_000),
});

export interface Setting {
  /** Whether members restart by a policy of their own. */
  readonly isRestarted: boolean;
  /** Whether a commit takes its time. */
  readonly isSlowStore: boolean;
}
export const setting: fc.Arbitrary<Setting> = fc.record({
  isRestarted: fc.boolean(),
  isSlowStore: fc.boolean(),
});

function slowStore(): Store {
  const kept = memoryStore({ maxEvents: 1 });
  return {
    isDurable: false,
    recover: () => kept.recover(),
    append: async (batch) => {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      return kept.append(batch);
    },
    read: (query) => kept.read(query),
    state: (agentId) => kept.state(agentId),
    close: () => kept.close(),
  };
}

interface Job {
  readonly agentId: string;
  readonly settle: (isFailure: boolean) => void;
}

interface Call {
  readonly controller: AbortController;
  answers: number;
}

class Walk {
  readonly clock: SimulatedClock = simulatedClock();
  readonly jobs = new Set<Job>();
  readonly #inits: PromiseWithResolvers<void>[] = [];
  readonly #calls: Call[] = [];
  /** Agents that an operator has told to end. */
  readonly #told = new Set<string>();
  readonly #faults: string[] = [];
  #seenShare = 0;
  #isEnding = false;
  #init: 'return' | 'hold' | 'fail' = 'return';
  #system: AgentSystem | undefined;

  get system(): AgentSystem {
    return this.#system!;
  }

  async open({ isRestarted, isSlowStore }: Setting): Promise<void> {
    const system = await createAgentSystem({
      clock: this.clock,
      random: () => 0.5,
      logger: silent,
      store: isSlowStore ? slowStore() : memoryStore({ maxEvents: 1 }),
    });
    this.#system = system;
    system.events.subscribe(({ type, agentId }) => {
      if (type !== 'agent.stopping' || this.#isEnding || this.#told.has(agentId)) return;
      if (this.#jobsOf(agentId) > 0) this.#faults.push(`${agentId} was told to stop while it was busy`);
    });
    const work = (agentId: string) => this.#work(agentId);
    const worker = defineAgent({
      type: 'worker',
      init: async ({ agentId }) => {
        if (this.#init === 'fail') throw new Error('no key');
        if (this.#init === 'hold') {
          const init = Promise.withResolvers<void>();
          this.#inits.push(init);
          await init.promise;
        }
        return { agentId };
      },
      tasks: {
        work: { run: ({ state }) => work(state.agentId) },
        again: { retry: 'on_host_loss', run: ({ state }) => work(state.agentId) },
      },
    });
    await system.pools.create({
      name: 'p',
      min: 1,
      max: MAX,
      target: 3,
      queueLimit: 4,
      retryAbandoned: 2,
      restart: { maxRestarts: 2 },
      scale: {
        intervalMs: LOOK_MS,
        signal: ({ busyShare }) => {
          this.#seenShare = busyShare;
          return { busyShare: 0.5, waiting: 0 };
        },
      },
      spec: {
        module: worker,
        tasks: { concurrency: CONCURRENCY },
        shutdownMs: 1_000,
        restart: isRestarted ? { policy: 'immediate', delayMs: 50, maxRestarts: 2 } : { policy: 'never' },
        health: { intervalMs: Infinity },
      },
    });
  }

  /** Everything that must hold when nothing is under way. */
  check(): void {
    const { pools, agents } = this.system;
    const pool = pools.get('p');
    const members = agents.list().filter(({ spec }) => spec.pool === 'p');
    const fault = (what: string): void => {
      const seen = members.map(({ id, status }) => `${id} ${status}`).join(', ');
      this.#faults.push(`${what}: ${JSON.stringify(pool)} with ${seen}`);
    };
    const statuses = new Map(members.map(({ id, status }) => [id, status]));
    if (pool.members.length !== statuses.size || pool.members.some((id) => !statuses.has(id)))
      fault('members');
    if (members.length > MAX) fault('too many');
    let rest = pool.members;
    for (const place of ['live', 'starting', 'down'] as const) {
      const there = rest.slice(0, pool[place]).map((id) => statuses.get(id)!);
      if (!there.every((status) => FITTING[place].includes(status))) fault(place);
      rest = rest.slice(pool[place]);
    }
    if (rest.length !== pool.draining) fault('draining');
    const free = pool.members
      .slice(0, pool.live)
      .filter((id) => statuses.get(id) === 'running' && this.#loadOf(id) < CONCURRENCY);
    if (pool.waiting > 0 && free.length > 0) fault('a task waits while a member is free');
    if (this.#faults.length > 0) throw new Error(this.#faults.join('\n'));
  }

  /** When all is quiet again, and one task runs, one place is in use of all that there are. */
  async checkShare(): Promise<void> {
    this.#init = 'return';
    for (const init of this.#inits) init.resolve();
    await this.clock.advance(LOOK_MS);
    while (this.jobs.size > 0) {
      for (const job of this.jobs) job.settle(false);
      await settled();
    }
    this.check();
    this.#call((signal) => this.system.pools.execute('p', { type: 'work', signal }));
    await this.clock.advance(LOOK_MS);
    await this.clock.advance(LOOK_MS);
    const { live, wanted } = this.system.pools.get('p');
    const places = CONCURRENCY * wanted;
    if (live !== wanted || Math.abs(this.#seenShare * places - 1) > 1e-9) {
      throw new Error(`${live} of ${wanted} members live, ${this.#seenShare} of their places is in use`);
    }
  }

  async end({ by, timeoutMs }: Ending): Promise<void> {
    this.#isEnding = true;
    const { pools } = this.system;
    const closed = by === 'pool' ? pools.close('p', { timeoutMs }) : this.system.close({ timeoutMs });
    await this.clock.advance(timeoutMs + 5_000);
    await closed;
    for (const init of this.#inits) init.resolve();
    const isGone = by === 'system' || this.system.agents.list().every(({ spec }) => spec.pool !== 'p');
    if (!isGone) throw new Error('members are left');
    const all = this.system.close({ timeoutMs: 0 });
    await this.clock.advance(5_000);
    await all;
    const wrong = this.#calls.filter(({ answers }) => answers !== 1);
    if (wrong.length > 0) throw new Error(`${wrong.length} calls were not answered once`);
    if (this.clock.pending().length > 0) throw new Error('timers are left');
  }

  #jobsOf(agentId: string): number {
    return [...this.jobs].filter((job) => job.agentId === agentId).length;
  }

  #loadOf(agentId: string): number {
    const { waiting, running } = this.system.agents.get(agentId).metrics;
    return waiting + running;
  }

  #work(agentId: string): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const job: Job = {
      agentId,
      settle: (isFailure) => {
        this.jobs.delete(job);
        if (isFailure) reject(new Error('wrong'));
        else resolve('done');
      },
    };
    this.jobs.add(job);
    return promise;
  }

  #call(start: (signal: AbortSignal) => Promise<unknown>): void {
    const call: Call = { controller: new AbortController(), answers: 0 };
    this.#calls.push(call);
    start(call.controller.signal).then(
      () => (call.answers += 1),
      (thrown: unknown) => {
        call.answers += 1;
        if (!(thrown instanceof AgentSystemError)) this.#faults.push(String(thrown));
      },
    );
  }

  async take(step: Step): Promise<void> {
    const { pools, agents } = this.system;
    const memberOf = (index: number): string | undefined => {
      const { members } = pools.get('p');
      return members[index % Math.max(1, members.length)];
    };
    switch (step.do) {
      case 'execute': {
        const { timeoutMs, again } = step;
        const type = again ? 'again' : 'work';
        this.#call((signal) =>
          pools.execute('p', { type, signal, ...(timeoutMs === undefined ? {} : { timeoutMs }) }),
        );
        return;
      }
      case 'address': {
        const id = memberOf(step.which);
        if (id !== undefined) this.#call((signal) => agents.execute(id, { type: 'work', signal }));
        return;
      }
      case 'finish': {
        const all = [...this.jobs];
        all[step.which % Math.max(1, all.length)]?.settle(step.isFailure);
        return;
      }
      case 'cancel':
        this.#calls[step.which % Math.max(1, this.#calls.length)]?.controller.abort();
        return;
      case 'kill':
      case 'stop':
      case 'forget': {
        const id = memberOf(step.which);
        if (id === undefined || !agents.list().some((agent) => agent.id === id)) return;
        if (step.do === 'stop') this.#told.add(id);
        // A kill frees the agent at once, whatever its work does: that of an in-process agent runs on.
        if (step.do === 'kill') for (const job of this.jobs) if (job.agentId === id) this.jobs.delete(job);
        agents[step.do](id).catch(() => {});
        return;
      }
      case 'size':
        for (const size of step.sizes) {
          pools.ensureSize('p', size).then(
            ({ status, wanted, live, down }) => {
              if (status === 'steady' && live + down === wanted) return;
              this.#faults.push(`a size of ${wanted} is told of ${live} live and ${down} down, ${status}`);
            },
            () => {},
          );
        }
        return;
      case 'init':
        this.#init = step.how;
        return;
      case 'release': {
        const init = this.#inits.shift();
        if (step.isFailure) init?.reject(new Error('no key'));
        else init?.resolve();
        return;
      }
      case 'pass':
        return this.clock.advance(step.ms);
      case 'hurry':
    }
  }
}

/** @throws Error at the first step after which something does not hold */
export async function walk(steps: readonly Step[], end: Ending, setting: Setting): Promise<void> {
  const walk = new Walk();
  await walk.open(setting);
  let isHurried = false;
  for (const step of steps) {
    await walk.take(step);
    const isFollowed = step.do === 'hurry' || isHurried;
    isHurried = step.do === 'hurry';
    if (isFollowed) continue;
    await settled();
    walk.check();
  }
  await settled();
  await walk.checkShare();
  await walk.end(end);
}
