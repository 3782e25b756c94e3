/** The coordinator's chart on the engine, with a clock of its own: every move in every state, next to its model. */
import { SimulatedClock } from 'xstate';
import {
  type ConsensusEffect,
  type ConsensusEvent,
  type ConsensusInput,
  type consensusMachine,
  type CoordinatorEffect,
  type coordinatorMachine,
  restartPolicy,
} from '../../../src/machines/index.ts';
import {
  type Chart,
  type ChartDriverName,
  type ChildInvocation,
  type ChildReport,
  createChart,
} from '../../../src/runtime/engine/chart.ts';
import { TableChart } from '../../../src/runtime/engine/table.ts';
import { MAX_FAILURES, MAX_OPEN, type Move, type RoundName, tellCoordinator, type Told } from './model.ts';

/** What is being tested: the product's own chart, or a mutant of it; and what drives it. */
export interface CoordinatorParts {
  readonly coordinatorMachine: typeof coordinatorMachine;
  readonly consensusMachine: typeof consensusMachine;
  readonly driver?: ChartDriverName;
}

const RECOVERY_MS = 100;

const rounds: readonly RoundName[] = ['keep', 'retry', 'custom', 'broken', 'empty'];
const open: readonly RoundName[] = ['keep', 'retry', 'custom'];
const MOVES: readonly Move[] = [
  ...rounds.map((round): Move => ({ type: 'ask', round })),
  ...open.flatMap((round): Move[] => [
    { type: 'vote', round, vote: 'accept' },
    { type: 'vote', round, vote: 'reject' },
    { type: 'supersede', round },
  ]),
  { type: 'lead', term: 1 },
  { type: 'lead', term: undefined },
  ...(['suspend', 'resume', 'fail', 'wait', 'close'] as const).map((type): Move => ({ type })),
];

/**
 * Makes every move in every state that the model knows, on a chart that was brought there.
 *
 * @throws Error at the first move where the two differ, with the way to it
 */
export function exploreCoordinator(parts: CoordinatorParts): {
  readonly states: number;
  readonly moves: number;
} {
  const run = runnerOf(parts);
  const ways = new Map<string, readonly Move[]>([[keyOf(run([])), []]]);
  let moves = 0;
  for (const [, way] of ways) {
    for (const move of MOVES) {
      const history = [...way, move];
      const seen = run(history);
      const [chart, model] = [seen.told, tellCoordinator(history)].map((one) => JSON.stringify(one));
      if (chart !== model) {
        const steps = history.map((step) => JSON.stringify(step)).join('\n');
        throw new Error(`the coordinator and the model differ\n${steps}\nchart: ${chart}\nmodel: ${model}`);
      }
      moves += 1;
      const key = keyOf(seen);
      if (!ways.has(key)) ways.set(key, history);
    }
  }
  return { states: ways.size, moves };
}

interface Seen {
  readonly told: Told;
  /** What the chart has in mind beside that. */
  readonly kept: string;
}

/** A state is what the chart and the model are in: where one of the two forgets something, they part. */
function keyOf({ told: { mode, open, failures, term }, kept }: Seen): string {
  return JSON.stringify([mode, open, failures, term, kept]);
}

type Rounds = Map<string, Chart<typeof consensusMachine>>;

/** Runs a history on a chart of its own. */
function runnerOf({ coordinatorMachine, consensusMachine, driver = 'table' }: CoordinatorParts) {
  const recovery = {
    policy: 'immediate' as const,
    delayMs: RECOVERY_MS,
    maxDelayMs: RECOVERY_MS,
    maxRestarts: MAX_FAILURES,
    withinMs: 1_000_000,
  };
  return (history: readonly Move[]): Seen => {
    const clock = new SimulatedClock();
    const rounds: Rounds = new Map();
    let did: string[] = [];
    const child = ({ id, input }: ChildInvocation, report: ChildReport) => {
      const perform = ({ type }: ConsensusEffect) => {
        if (type === 'askVoters' && id === 'broken') throw new Error('broken');
      };
      const round = createChart(
        consensusMachine,
        input as ConsensusInput,
        {
          clock,
          perform: (effect) => perform(effect as ConsensusEffect),
          onBug: (error) => report.error(error),
          onDone: (output) => {
            rounds.delete(id);
            report.done(output);
          },
        },
        driver,
      );
      if (round.status === 'active') rounds.set(id, round);
      return {
        stop: () => {
          rounds.delete(id);
          round.stop();
        },
        send: (event: object) => round.send(event as ConsensusEvent),
      };
    };
    const chart = createChart(
      coordinatorMachine,
      { maxOpenRounds: MAX_OPEN, recovery },
      {
        clock,
        child,
        perform: (effect) => did.push(inWords(effect as CoordinatorEffect)),
        onBug: (error) => did.push(`a bug: ${String(error)}`),
      },
      driver,
    );
    for (const move of history) {
      did = [];
      make(move, { chart, rounds, clock, early: () => did.length > 0 && did.push('too early') });
    }
    const { path, context } = chart;
    const told: Told = {
      mode: path.replace('away.', '') as Told['mode'],
      open: [...rounds].map(([id, round]) => `${id} ${round.context.term}`),
      did,
      failures: context.history.recent.length,
      term: context.term,
    };
    const kept = JSON.stringify([path, context.rounds]);
    // Children that have ended are a chart's until it lets go of them.
    if (chart instanceof TableChart && chart.children.length !== rounds.size)
      did.push('keeps rounds that are over');
    chart.stop();
    return { told, kept };
  };
}

function inWords(effect: CoordinatorEffect): string {
  switch (effect.type) {
    case 'refuseRound':
      return `refuse ${effect.params.roundId} ${effect.params.why}`;
    case 'writeOff':
      return `writeOff ${effect.params.roundId}`;
    case 'announceAway': {
      const { why, error } = effect.params;
      return `away ${why}${error ? `: ${error.message}` : ''}`;
    }
    case 'announceBack':
      return 'back';
    default: {
      const { roundId, outcome, cut } = effect.params.output;
      return `${effect.type} ${roundId} ${outcome}${cut === undefined ? '' : ` ${cut}`}`;
    }
  }
}

interface Stage {
  readonly chart: Chart<typeof coordinatorMachine>;
  readonly rounds: Rounds;
  readonly clock: SimulatedClock;
  /** Notes whether anything has happened that was not due. */
  readonly early: () => void;
}

function make(move: Move, { chart, rounds, clock, early }: Stage): void {
  switch (move.type) {
    case 'ask': {
      const { round } = move;
      const voters = round === 'empty' ? 0 : 1;
      const terms = {
        rule: 'majority' as const,
        tie: 'reject' as const,
        deadlineMs: 1_000_000,
        fallback: round === 'retry' ? { retry: 1 } : round === 'custom' ? round : ('keep' as const),
      };
      chart.send({ type: 'round.requested', round: { roundId: round, terms, voters, weight: voters } });
      break;
    }
    case 'vote': {
      const none = { accept: 0, reject: 0, abstain: 0, failed: 0 };
      const one = { ...none, [move.vote]: 1 };
      rounds.get(move.round)?.send({ type: 'ballots.counted', ballots: { voters: one, weight: one } });
      break;
    }
    case 'supersede':
      rounds.get(move.round)?.send({ type: 'round.cut', why: 'superseded' });
      break;
    case 'lead':
      chart.send({ type: 'leader.changed', term: move.term });
      break;
    case 'fail': {
      const error = { name: 'Error', message: 'it' };
      chart.send({ type: 'coordination.failed', at: clock.now(), chance: 0, error });
      break;
    }
    case 'wait':
      clock.increment(RECOVERY_MS - 1);
      early();
      clock.increment(1);
      break;
    default:
      chart.send({ type: `coordination.${move.type}` });
  }
}

/** How long a coordinator is away after each of four failures in a row, and then of others 10, 5, 4 and 7 s apart, when 10 s are a healthy period; ms. */
export function recoveryTimes(
  machine: typeof coordinatorMachine,
  driver: ChartDriverName = 'table',
): readonly number[] {
  const clock = new SimulatedClock();
  const recovery = restartPolicy.parse({ delayMs: 100, maxDelayMs: 300, maxRestarts: 9, withinMs: 10_000 });
  const options = { clock, perform: () => {}, child: () => ({ stop: () => {} }), onBug: () => {} };
  const chart = createChart(machine, { maxOpenRounds: 1, recovery }, options, driver);
  const error = { name: 'Error', message: 'it' };
  const fail = () => {
    const at = clock.now();
    chart.send({ type: 'coordination.failed', at, chance: 0.5, error });
    while (chart.path !== 'available' && clock.now() < at + 1_000) clock.increment(1);
    return clock.now() - at;
  };
  clock.increment(1_000_000);
  const inARow = [fail(), fail(), fail(), fail()];
  const later = [10_000, 5_000, 4_000, 7_000].map((ms) => {
    clock.increment(ms);
    return fail();
  });
  return [...inARow, ...later];
}
