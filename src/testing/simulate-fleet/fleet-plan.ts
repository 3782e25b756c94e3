/**
 * What a seed makes of a fleet: which faults, which deeds, whose policies, and the script. Pure: the same seed, the
 * same plan.
 *
 * Swarm testing: each seed draws a few kinds of fault and deed and leaves the others out, so that each kind is seen
 * with and without each other.
 */
import type { ExitReason } from '../../machines/index.ts';
import { seededRandom } from '../seeded-random.ts';
import { type Deed, type FleetFault, fleetFaults, type ReportKind, type StoreTrouble } from './deeds.ts';

/** What the plan has to know of the fleet. */
export interface FleetOutline {
  /** Agents by id, with the inputs of each task. */
  readonly agents: readonly { readonly id: string; readonly tasks: TaskInputs }[];
  readonly pools: readonly {
    readonly name: string;
    readonly min: number;
    readonly max: number;
    readonly tasks: TaskInputs;
  }[];
  /** Values of each variable. */
  readonly variables: ReadonlyMap<string, readonly unknown[]>;
  /** Names of its budgets. */
  readonly budgets: readonly string[];
  readonly faults: readonly FleetFault[];
  readonly hours: number;
}

export type TaskInputs = ReadonlyMap<string, readonly unknown[]>;

/** The parts of an agent's spec that the seed draws. */
export interface DrawnSpec {
  readonly restart: object;
  readonly health: object;
  readonly tasks: object;
  readonly coordination: object;
  readonly startTimeoutMs: number;
  readonly shutdownMs: number;
}

export interface FleetPlan {
  readonly seed: number;
  readonly faults: readonly FleetFault[];
  readonly maxConcurrentRestarts: number;
  /** Whether each program in turn has a provider of secrets; without one, deeds give the secrets. */
  readonly areSecretsProvided: readonly boolean[];
  /** Drawn specs by agent id or pool name. */
  readonly specs: ReadonlyMap<string, DrawnSpec>;
  /** Durations of an agent's tasks, one after the other, ms. */
  readonly workMs: readonly number[];
  /** How long the agents' bodies take to be ready, ms. */
  readonly readyMs: readonly number[];
  readonly script: readonly Deed[];
}

/** Random choices of one seed. */
class Dice {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = seededRandom(seed);
    // Skipped: the first numbers of neighbouring seeds are alike.
    for (let n = 0; n < 8; n++) this.#next();
  }

  share(): number {
    return this.#next();
  }

  isLucky(share: number): boolean {
    return this.#next() < share;
  }

  of<Value>(values: readonly Value[]): Value {
    return values[Math.floor(this.#next() * values.length)]!;
  }

  /** Draws one value by its weight. @param weights not all 0 */
  by<Value>(weights: readonly (readonly [Value, number])[]): Value {
    let at = this.#next() * weights.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [value, weight] of weights) {
      at -= weight;
      if (at < 0) return value;
    }
    return weights.at(-1)![0];
  }

  some<Value>(values: readonly Value[], share: number): Value[] {
    return values.filter(() => this.isLucky(share));
  }
}

const HOUR_MS = 3_600_000;
const crashes: readonly ExitReason[] = [
  'out_of_memory',
  { exitCode: 1 },
  { signal: 'SIGKILL' },
  'disconnected',
  { error: { name: 'Error', message: 'a defect of the agent' } },
];
const troubles: readonly StoreTrouble[] = ['throws', 'rejects', 'keeps and rejects', 'answers late', 'hangs'];
const losable: readonly ReportKind[] = ['ready', 'task', 'saved', 'acknowledged', 'vote', 'health'];
const delayable: readonly ReportKind[] = [...losable, 'exit'];

export function planFleet(seed: number, outline: FleetOutline): FleetPlan {
  const dice = new Dice(seed);
  // Drawn for every fault: what a seed makes of the fleet does not depend on which are allowed, so that a script is
  // played again without saying them.
  const held = new Dice(seed + 1_000_003);
  const ordered = new Dice(seed + 2_000_003);
  const drawn = fleetFaults.filter((fault) => (fault === 'limited' ? held : dice).isLucky(0.5));
  const faults = drawn.filter((fault) => outline.faults.includes(fault));
  const specs = new Map(
    [...outline.agents.map(({ id }) => id), ...outline.pools.map(({ name }) => name)].map((name) => [
      name,
      specOf(dice),
    ]),
  );
  return {
    seed,
    faults,
    maxConcurrentRestarts: dice.of([1, 1, 2, 32]),
    areSecretsProvided: Array.from({ length: 8 }, () => ordered.isLucky(0.5)),
    specs,
    workMs: Array.from({ length: 16 }, () => dice.of([0, 0, 0, 1, 20, 100, 500, 2_000])),
    readyMs: dice.isLucky(0.5) ? [0] : Array.from({ length: 16 }, () => dice.of([0, 0, 10, 50, 200, 1_000])),
    script: scriptOf(dice, outline, faults, held, ordered),
  };
}

function specOf(dice: Dice): DrawnSpec {
  return {
    restart: {
      policy: dice.by([
        ['delayed', 5],
        ['immediate', 3],
        ['manual', 1],
        ['never', 1],
      ]),
      delayMs: dice.of([0, 50, 1_000]),
      maxDelayMs: dice.of([1_000, 60_000]),
      maxRestarts: dice.of([1, 2, 5, 100]),
      withinMs: dice.of([1_000, 60_000]),
    },
    health: {
      intervalMs: dice.of([5_000, 30_000, 30_000, 60_000]),
      timeoutMs: dice.of([100, 1_000, 5_000]),
      failuresBeforeKill: dice.of([1, 2, 3]),
    },
    tasks: { concurrency: dice.of([1, 1, 2, 3]), queueLimit: dice.of([0, 2, 1_000]) },
    coordination: {
      participatesInConsensus: dice.isLucky(0.8),
      leadershipEligible: dice.isLucky(0.6),
      communicationPattern: dice.of(['async', 'sync']),
      voteWeight: dice.of([1, 1, 2]),
    },
    startTimeoutMs: dice.of([100, 1_000, 30_000]),
    shutdownMs: dice.of([0, 100, 1_000, 5_000]),
  };
}

/** How often each kind of deed comes in one script: weights that the seed draws. */
interface Mood {
  readonly lives: number;
  readonly tasks: number;
  readonly values: number;
  readonly rounds: number;
  readonly pools: number;
  readonly faults: number;
  readonly settles: number;
  readonly reopens: number;
}

function scriptOf(
  dice: Dice,
  outline: FleetOutline,
  drawn: readonly FleetFault[],
  held: Dice,
  ordered: Dice,
): Deed[] {
  const { agents, pools, variables, hours } = outline;
  const faults = drawn.filter((fault) => fault !== 'limited');
  const holds = held.of([0, 0.1, 0.3]);
  const orders = ordered.of([0, 0.1, 0.4]);
  const weight = () => dice.of([0, 1, 2, 5]);
  const mood: Mood = {
    lives: dice.of([1, 2, 5]),
    tasks: dice.of([1, 2, 5]),
    values: variables.size === 0 ? 0 : weight(),
    rounds: variables.size === 0 ? 0 : weight(),
    pools: pools.length === 0 ? 0 : weight(),
    faults: faults.length === 0 ? 0 : dice.of([0.5, 1, 2, 4]),
    settles: dice.of([0.3, 0.6, 1]),
    reopens: dice.isLucky(0.3) ? 0.1 : 0,
  };
  const deeds: Deed[] = [
    ...pools.map(({ name }): Deed => ({ do: 'open pool', pool: name })),
    ...agents.flatMap(({ id }): Deed[] => [
      { do: 'register', agent: id },
      { do: 'start', agent: id },
    ]),
    { do: 'settle' },
  ];
  for (let passed = 0; passed < hours * HOUR_MS; ) {
    deeds.push(...deedOf(dice, outline, mood, faults).map((deed) => withOrder(ordered, orders, deed)));
    if (held.isLucky(holds)) deeds.push(...holdOf(held, ordered, outline, drawn.includes('limited')));
    if (ordered.isLucky(orders / 4)) deeds.push(...crowdOf(ordered, outline));
    if (dice.isLucky(mood.settles)) deeds.push({ do: 'settle' });
    if (!dice.isLucky(0.35)) continue;
    const pause = pauseOf(dice);
    deeds.push(pause);
    passed += pause.do === 'wait' ? pause.ms : 1_000;
  }
  return deeds;
}

function pauseOf(dice: Dice): Extract<Deed, { do: 'wait' | 'wait for deadline' }> {
  if (dice.isLucky(0.4)) return { do: 'wait for deadline', offMs: dice.of([-1, 0, 0, 1]) };
  const ms = dice.by([
    [dice.of([1, 20, 50, 100, 500]), 6],
    [dice.of([1_000, 2_000, 5_000, 10_000]), 4],
    [dice.of([30_000, 60_000]), 2],
    [dice.of([300_000, 1_200_000]), 1],
  ]);
  return { do: 'wait', ms };
}

function deedOf(dice: Dice, outline: FleetOutline, mood: Mood, faults: readonly FleetFault[]): Deed[] {
  const { agents, pools, variables } = outline;
  const kind = dice.by([
    ['life', agents.length === 0 ? 0 : mood.lives],
    ['task', agents.length === 0 ? 0 : mood.tasks],
    ['pool', mood.pools],
    ['pool task', mood.pools * 2],
    ['value', mood.values],
    ['round', mood.rounds],
    ['fault', mood.faults],
    ['reopen', mood.reopens],
    ['nothing', 0.01],
  ] as const);
  switch (kind) {
    case 'life':
      return lifeOf(dice, dice.of(agents).id);
    case 'task': {
      if (dice.isLucky(0.1))
        return [{ do: dice.isLucky(0.7) ? 'cancel' : 'retry', ago: 1 + Math.floor(dice.share() * 4) }];
      const { id, tasks } = dice.of(agents);
      return taskOf(dice, id, tasks);
    }
    case 'pool': {
      const { name, min, max } = dice.of(pools);
      const size = min + Math.floor(dice.share() * (max - min + 1));
      return [
        dice.by<Deed>([
          [{ do: 'resize', pool: name, size }, 8],
          [{ do: 'open pool', pool: name }, 2],
          [{ do: 'close pool', pool: name }, 0.5],
        ]),
      ];
    }
    case 'pool task': {
      const { name, tasks } = dice.of(pools);
      return taskOf(dice, { pool: name }, tasks);
    }
    case 'value': {
      const [variable, values] = dice.of([...variables]);
      return [{ do: 'set', variable, value: dice.of(values) }];
    }
    case 'round': {
      const [variable, values] = dice.of([...variables]);
      return [
        {
          do: 'propose',
          variable,
          value: dice.of(values),
          deadlineMs: dice.of([100, 1_000, 10_000]),
          tie: dice.of(['keep', 'leader', 'reject'] as const),
          fallback: dice.of(['keep', 'leader_decides', { retry: 1 }] as const),
        },
      ];
    }
    case 'fault':
      return faultOf(dice, outline, dice.of(faults));
    case 'reopen':
      return [{ do: 'reopen' }];
    default:
      return [];
  }
}

/** Gives a share of the tasks a priority or a start time. */
function withOrder(dice: Dice, share: number, deed: Deed): Deed {
  if ('fault' in deed || (deed.do !== 'execute' && deed.do !== 'submit') || !dice.isLucky(share)) return deed;
  const delayMs = deed.do === 'submit' ? dice.of([undefined, 50, 2_000, 60_000]) : undefined;
  const priority = dice.of([-1, 0, 5]);
  return { ...deed, priority, ...(delayMs === undefined ? {} : { delayMs }) };
}

/** More tasks for one agent than it can run at once, of different priority. */
function crowdOf(dice: Dice, { agents }: FleetOutline): Deed[] {
  if (agents.length === 0) return [];
  const { id, tasks } = dice.of(agents);
  const crowd = Array.from({ length: dice.of([3, 12]) }, () => taskOf(dice, id, tasks)).flat();
  return crowd.map((deed) => withOrder(dice, 0.8, deed));
}

/** What holds work back, and lets it go on: people, limits, budgets, readers, times. */
function holdOf(dice: Dice, other: Dice, outline: FleetOutline, isLimited: boolean): Deed[] {
  const { agents, budgets } = outline;
  if (agents.length === 0) return [];
  const { id, tasks } = dice.of(agents);
  const members = membersOf(outline);
  // Members of pools are held, too. Deeds that name an agent by its id do not concern them.
  const agent = members.length > 0 && other.isLucky(0.3) ? other.of(members) : id;
  const kind = dice.by([
    ['pause', 2],
    ['resume', 3],
    ['limited', isLimited ? 4 : 0],
    ['lift', isLimited ? 1 : 0],
    ['stream', tasks.size === 0 ? 0 : 2],
    ['answer', 3],
    ['refill', budgets.length],
    ['schedule', tasks.size === 0 ? 0 : 0.5],
    ['unschedule', 1],
    ['give secrets', 3],
  ] as const);
  switch (kind) {
    case 'limited': {
      const afterMs = dice.of([undefined, 10, 1_000, 30_000]);
      const times = dice.of([1, 1, 3]);
      return Array.from({ length: times }, () => ({
        fault: 'limited',
        agent,
        ...(afterMs === undefined ? {} : { afterMs }),
      }));
    }
    case 'stream':
    case 'schedule': {
      const [task, inputs] = dice.of([...tasks]);
      const input = dice.of(inputs);
      const asked = { to: id, task, ...(input === undefined ? {} : { input }) };
      return kind === 'stream'
        ? [{ do: kind, ...asked, chunks: dice.of([0, 1, 2, 100]) }]
        : [{ do: kind, ...asked, everyMs: dice.of([30_000, 600_000]) }];
    }
    case 'answer':
      return [{ do: kind, which: dice.of([0, 1]) }];
    case 'refill':
      return [{ do: kind, budget: dice.of(budgets) }];
    case 'unschedule':
      return [{ do: kind, to: id }];
    case 'give secrets':
      return [{ do: kind, agent: id }];
    default:
      return [{ do: kind, agent }];
  }
}

function lifeOf(dice: Dice, agent: string): Deed[] {
  const what = dice.by([
    ['start', 5],
    ['stop', 4],
    ['kill', 2],
    ['restart', 2],
    ['check', 1],
    ['forget', 1],
    ['register', 1],
  ] as const);
  if (what !== 'stop') return [{ do: what, agent }];
  const timeoutMs = dice.of([undefined, undefined, 0, 50, 1_000]);
  return [{ do: 'stop', agent, ...(timeoutMs === undefined ? {} : { timeoutMs }) }];
}

function taskOf(dice: Dice, to: string | { readonly pool: string }, tasks: TaskInputs): Deed[] {
  if (tasks.size === 0) return [];
  const [task, inputs] = dice.of([...tasks]);
  const timeoutMs = dice.of([undefined, 50, 1_000, 60_000]);
  const input = dice.of(inputs);
  const deed: Deed = {
    do: dice.isLucky(0.35) ? 'submit' : 'execute',
    to,
    task,
    ...(input === undefined ? {} : { input }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
  return Array.from({ length: dice.of([1, 1, 1, 3]) }, () => deed);
}

/** Ids that the members of pools may have. */
function membersOf({ pools }: FleetOutline): readonly string[] {
  return pools.flatMap(({ name, max }) => Array.from({ length: max }, (_, n) => `${name}-${n + 1}`));
}

function faultOf(dice: Dice, outline: FleetOutline, fault: FleetFault): Deed[] {
  const ids = [...outline.agents.map(({ id }) => id), ...membersOf(outline)];
  const agent = dice.of(ids);
  switch (fault) {
    case 'crash': {
      const reason = dice.of(crashes);
      // Agents on one machine crash together.
      const fallen = dice.isLucky(0.25) ? dice.some(ids, 0.7) : [agent];
      const crashed = fallen.map((id): Deed => ({ fault, agent: id, reason }));
      if (fallen.length < 3) return crashed;
      // An operator acts on them while they come back, one after the other.
      const seenTo = Array.from({ length: dice.of([0, 1, 3]) }, () => [
        pauseOf(dice),
        ...lifeOf(dice, dice.of(fallen)),
      ]);
      return [...crashed, { do: 'wait for deadline', offMs: 0 }, ...seenTo.flat()];
    }
    case 'hang':
    case 'failed_start':
      return [{ fault, agent }];
    case 'slow': {
      const report = dice.of(delayable);
      // A killed body ends soon: a host that fails to end one is not simulated here.
      return [
        {
          fault,
          agent,
          report,
          ms: dice.of(report === 'exit' ? [1, 20, 100, 500] : [1, 20, 100, 1_000, 6_000]),
        },
      ];
    }
    case 'lost_report':
      return [{ fault, agent, report: dice.of(losable) }];
    case 'store_failure':
      return dice.isLucky(0.5) ? [{ fault, trouble: dice.of(troubles) }] : [{ do: 'mend store' }];
    case 'program_killed': {
      const inAppends = dice.of([undefined, 0, 0, 1, 2]);
      return [{ fault, inAppends, isKept: dice.isLucky(0.5) }];
    }
    case 'limited':
      return [{ fault, agent }];
    default:
      return dice.isLucky(0.5) ? [{ fault }] : [{ do: 'resume coordination' }];
  }
}
