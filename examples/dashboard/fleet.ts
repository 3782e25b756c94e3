/**
 * A fleet that is never quiet: it works, votes, crashes, comes back and gives up, for somebody to watch.
 *
 * Its chance is seeded, so that two runs look alike.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { type AgentSystem, defineAgent, variable, type VoteContext } from '../../src/index.ts';
import { seededRandom } from '../../src/testing/index.ts';
import { z } from 'zod';

interface Work {
  readonly pages: number;
  readonly tokensUsed: number;
}

export interface LivelyFleet extends AsyncDisposable {
  /** Kills so many agents at once. */
  storm(agents: number): Promise<void>;
}

export interface Liveliness {
  /** Agents of each of the types that work alone. */
  readonly size?: number;
  readonly seed?: number;
  /** How much time passes between two tasks of one agent, ms. */
  readonly paceMs?: number;
}

/** What goes wrong here is what there is to watch. */
function ignore(): undefined {
  return undefined;
}

function args(region: string) {
  return { region, apiKey: 'sk-not-to-be-seen' };
}

/** Fills a system with agents, and keeps them busy until it is disposed of. */
export async function livelyFleet(system: AgentSystem, options: Liveliness = {}): Promise<LivelyFleet> {
  const { size = 8, seed = 7, paceMs = 260 } = options;
  const random = seededRandom(seed);

  const vote = ({ proposal }: VoteContext<Work>) => {
    const chance = random();
    if (proposal.variable === 'budget') return chance < 0.35 ? 'accept' : 'reject';
    return chance < 0.72 ? 'accept' : chance < 0.9 ? 'reject' : 'abstain';
  };
  const worker = (type: string, failing: number, slowMs: number, capabilities: readonly string[]) =>
    defineAgent({
      type,
      capabilities,
      variables: ['temperature', 'budget', 'model'],
      initArgs: z.object({ region: z.string(), apiKey: z.string() }),
      init: ({ restored }): Work => (restored as Work | undefined) ?? { pages: 0, tokensUsed: 0 },
      tasks: {
        work: {
          run: async ({ state, signal }) => {
            await wait(slowMs * (0.4 + random() * random() * 3), undefined, { signal });
            if (random() < failing)
              throw new Error(`429 from the provider, asked again in ${Math.round(1 + random() * 8)} s`);
            Object.assign(state, {
              pages: state.pages + 1,
              tokensUsed: state.tokensUsed + Math.round(200 + random() * 900),
            });
            return state.pages;
          },
        },
      },
      vote,
      health: ({ state }) => ({ pages: state.pages }),
    });

  const researcher = worker('researcher', 0.02, 46, ['search', 'read']);
  const summarizer = worker('summarizer', 0.008, 30, ['write']);
  const scraper = worker('scraper', 0.06, 60, ['search']);
  const planner = worker('planner', 0, 24, ['plan']);
  const embedder = worker('embedder', 0.004, 18, ['embed']);

  await system.variables.define('temperature', variable.float({ min: 0, max: 1, default: 0.7 }));
  await system.variables.define('budget', variable.integer({ min: 0, max: 1_000, default: 400 }));
  await system.variables.define(
    'model',
    variable.choice({ options: ['small', 'medium', 'large'], default: 'medium' }),
  );

  const ids: string[] = [];
  for (const [module, count] of [
    [researcher, size * 2],
    [summarizer, size],
    [scraper, size],
    [planner, 3],
  ] as const) {
    for (let n = 1; n <= count; n++) {
      const id = `${module.type}-${n}`;
      await system.agents.register({
        id,
        module,
        initArgs: args(n % 2 ? 'eu-north' : 'us-east'),
        coordination: { leadershipEligible: module === planner },
        restart:
          module === scraper
            ? { policy: 'delayed', delayMs: 2_500, maxRestarts: 3, withinMs: 60_000 }
            : { delayMs: 1_200 },
        health: { intervalMs: 4_000, timeoutMs: 1_000, failuresBeforeKill: 3 },
      });
      ids.push(id);
    }
  }
  await system.agents.register({ id: 'archivist', module: summarizer, initArgs: args('eu-north') });
  await system.agents.register({
    id: 'night-shift',
    module: researcher,
    initArgs: args('eu-north'),
    restart: { policy: 'manual' },
  });
  await Promise.all([...ids, 'night-shift'].map((id) => system.agents.start(id)));
  const pool = await system.pools.create({
    name: 'embedders',
    spec: { module: embedder, initArgs: args('eu-north') },
    min: 2,
    max: 10,
    scale: {
      intervalMs: 3_000,
      up: { busyShare: 0.7, step: 2, cooldownMs: 4_000 },
      down: { busyShare: 0.25, cooldownMs: 8_000 },
      signal: () => ({}),
    },
  });
  await system.pools.create({
    name: 'rankers',
    spec: { module: summarizer, initArgs: args('us-east') },
    min: 1,
    max: 4,
    target: 3,
  });

  const stopping = new AbortController();
  const { signal } = stopping;
  const loops: Promise<void>[] = [];
  const repeat = (everyMs: number, act: () => unknown) => {
    const loop = async () => {
      for (;;) {
        await wait(everyMs * (0.5 + random()), undefined, { signal });
        await act();
      }
    };
    loops.push(loop().catch(ignore));
  };
  for (const id of ids) {
    repeat(paceMs, () => void system.agents.execute(id, { type: 'work' }).catch(ignore));
  }
  let tide = 0;
  repeat(60, () => {
    tide += 1;
    const demand = Math.sin(tide / 70) > 0.1 ? 5 : 1;
    for (let n = 0; n < demand; n++) void system.pools.execute(pool, { type: 'work' }).catch(ignore);
    if (tide % 3 === 0) void system.pools.execute('rankers', { type: 'work' }).catch(ignore);
  });
  repeat(3_800, () => system.agents.kill(pick(ids.filter((id) => id.startsWith('scraper')))).catch(ignore));
  repeat(6_500, () => system.agents.kill(pick(ids)).catch(ignore));
  repeat(5_000, () => {
    const value = Math.round(random() * 100) / 100;
    void system.consensus
      .propose({ variable: 'temperature', value, by: 'planner-1', why: 'answers drift', deadlineMs: 3_000 })
      .catch(ignore);
  });
  repeat(11_000, () => {
    const value = Math.round(random() * 1_000);
    void system.consensus
      .propose({ variable: 'budget', value, by: 'planner-2', deadlineMs: 3_000, rule: 'supermajority' })
      .catch(ignore);
  });
  repeat(14_000, () =>
    system.variables
      .set('model', pick(['small', 'medium', 'large']), { by: 'operator', why: 'a price changed' })
      .catch(ignore),
  );

  function pick<One>(from: readonly One[]): One {
    return from[Math.floor(random() * from.length)]!;
  }

  return {
    async storm(agents) {
      await Promise.all(ids.slice(0, agents).map((id) => system.agents.kill(id).catch(ignore)));
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await Promise.all(loops);
    },
  };
}
