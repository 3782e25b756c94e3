/** A pool on a system on simulated time, whose members work until they are told to be done. */
import { onTestFinished } from 'vitest';
import { type AgentSystemOptions, defineAgent, type PoolRecord, type PoolSpec } from '../../src/index.ts';
import { settled } from '../../src/testing/index.ts';
import { type Rig, rig } from '../kit/rig.ts';

export interface Job {
  readonly agentId: string;
  readonly input: unknown;
  readonly signal: AbortSignal;
  done(output?: unknown): void;
  fail(error: Error): void;
}

export interface Workshop {
  readonly definition: ReturnType<typeof workerOf>;
  /** What is being worked on, oldest first. */
  readonly jobs: Job[];
  /** Inits that wait to return or to throw; empty unless `isHeld`. */
  readonly starts: PromiseWithResolvers<void>[];
  /** Whether an init waits for the test; an error is what it throws at once. */
  onInit: 'return' | 'hold' | Error;
  /** How many inits were called. */
  inits: number;
}

/** A type of agent that does what a test tells it to. */
export function workshop(): Workshop {
  const shop: Workshop = {
    jobs: [],
    starts: [],
    onInit: 'return',
    inits: 0,
    definition: workerOf(() => shop),
  };
  // Whatever a test leaves open ends with it.
  onTestFinished(() => {
    shop.onInit = 'return';
    for (const start of shop.starts.splice(0)) start.resolve();
    for (const job of shop.jobs.splice(0)) job.done();
  });
  return shop;
}

function workerOf(shopOf: () => Workshop) {
  const work = async ({
    agentId,
    input,
    signal,
  }: Pick<Job, 'agentId' | 'input' | 'signal'>): Promise<unknown> => {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const { jobs } = shopOf();
    const job: Job = {
      agentId,
      input,
      signal,
      done: (output) => over(() => resolve(output)),
      fail: (error) => over(() => reject(error)),
    };
    const over = (then: () => void) => {
      const index = jobs.indexOf(job);
      if (index >= 0) jobs.splice(index, 1);
      then();
    };
    jobs.push(job);
    return promise;
  };
  return defineAgent({
    type: 'worker',
    capabilities: ['work'],
    init: async ({ agentId, restored }): Promise<{ agentId: string; did: number }> => {
      const shop = shopOf();
      shop.inits += 1;
      if (shop.onInit instanceof Error) throw shop.onInit;
      if (shop.onInit === 'hold') {
        const start = Promise.withResolvers<void>();
        shop.starts.push(start);
        await start.promise;
      }
      return restored ?? { agentId, did: 0 };
    },
    tasks: {
      work: { run: ({ state, input, signal }) => work({ agentId: state.agentId, input, signal }) },
      again: {
        retry: 'on_host_loss',
        run: ({ state, input, signal }) => work({ agentId: state.agentId, input, signal }),
      },
      quick: {
        run: ({ state }) => {
          state.did += 1;
          return state.did;
        },
      },
      fly: { requires: ['wings'], run: () => 'flown' },
      finish: { run: ({ complete }) => complete() },
    },
  });
}

export interface PoolRig extends Rig {
  readonly shop: Workshop;
  readonly pools: Rig['system']['pools'];
  /** The pool's record. */
  pool(): PoolRecord;
  /** Asks for a task, without waiting for it. */
  work(options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal }): Promise<unknown>;
  /** Finishes the oldest job that is being worked on. */
  finishOne(): Promise<void>;
}

type Options = Partial<Omit<PoolSpec, 'spec'>> & { readonly spec?: Partial<PoolSpec['spec']> };

/** A pool named `p` of one member, unless other options say otherwise. */
export async function poolRig(
  { spec, ...options }: Options = {},
  systemOptions: Omit<AgentSystemOptions, 'clock'> = {},
): Promise<PoolRig> {
  const shop = workshop();
  const base = await rig(systemOptions);
  const { pools } = base.system;
  await pools.create({
    name: 'p',
    min: 1,
    max: 4,
    ...options,
    spec: {
      module: shop.definition,
      health: { intervalMs: Infinity },
      restart: { policy: 'never' },
      ...spec,
    },
  });
  return {
    ...base,
    shop,
    pools,
    pool: () => pools.get('p'),
    work: (task) => {
      const working = pools.execute('p', { type: 'work', ...task });
      // What a test leaves open is abandoned at its end.
      working.catch(() => {});
      return working;
    },
    finishOne: async () => {
      shop.jobs[0]!.done('done');
      await settled();
    },
  };
}

/** What listens to a signal, from now on. */
export function listenersOf(signal: AbortSignal): ReadonlySet<unknown> {
  const listeners = new Set<unknown>();
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...given: Parameters<typeof addEventListener>) => {
    listeners.add(given[1]);
    return addEventListener.apply(signal, given);
  };
  signal.removeEventListener = (...given: Parameters<typeof removeEventListener>) => {
    listeners.delete(given[1]);
    return removeEventListener.apply(signal, given);
  };
  return listeners;
}
