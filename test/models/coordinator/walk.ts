/** The coordinator's chart, running, with a clock of its own: every move in every state, next to its model. */
import { type Actor, createActor, SimulatedClock } from 'xstate';
import {
  type consensusMachine,
  type ConsensusOutput,
  type coordinatorMachine,
  restartPolicy,
} from '../../../src/machines/index.ts';
import { MAX_FAILURES, MAX_OPEN, type Move, type RoundName, tellCoordinator, type Told } from './model.ts';

/** What is being tested: the product's own, or a mutant of it. */
export interface CoordinatorParts {
  readonly coordinatorMachine: typeof coordinatorMachine;
  readonly consensusMachine: typeof consensusMachine;
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

/** Runs a history on a chart of its own. */
function runnerOf({ coordinatorMachine, consensusMachine }: CoordinatorParts) {
  let did: string[] = [];
  const note =
    (what: string) =>
    (_: unknown, { output: { roundId, outcome, cut } }: { output: ConsensusOutput }): void => {
      did.push(`${what} ${roundId} ${outcome}${cut === undefined ? '' : ` ${cut}`}`);
    };
  const logic = coordinatorMachine.provide({
    actors: {
      consensus: consensusMachine.provide({
        actions: {
          askVoters: (_, { roundId }) => {
            if (roundId === 'broken') throw new Error('broken');
          },
        },
      }),
    },
    actions: {
      refuseRound: (_, { roundId, why }) => void did.push(`refuse ${roundId} ${why}`),
      enact: note('enact'),
      reopen: note('reopen'),
      consult: note('consult'),
      conclude: note('conclude'),
      writeOff: (_, { roundId }) => void did.push(`writeOff ${roundId}`),
      announceAway: (_, { why, error }) => void did.push(`away ${why}${error ? `: ${error.message}` : ''}`),
      announceBack: () => void did.push('back'),
    },
  });
  const recovery = {
    policy: 'immediate' as const,
    delayMs: RECOVERY_MS,
    maxDelayMs: RECOVERY_MS,
    maxRestarts: MAX_FAILURES,
    withinMs: 1_000_000,
  };
  return (history: readonly Move[]): Seen => {
    const clock = new SimulatedClock();
    const actor = createActor(logic, { clock, input: { maxOpenRounds: MAX_OPEN, recovery } });
    did = [];
    make(
      actor,
      clock,
      history,
      () => (did = []),
      () => did.length > 0 && did.push('too early'),
    );
    const { value, children, status, context } = actor.getSnapshot();
    actor.stop();
    const told: Told = {
      mode: typeof value === 'string' ? value : value.away,
      open: Object.entries(children).map(([id, child]) => `${id} ${child?.getSnapshot().context.term}`),
      did: status === 'active' ? did : [...did, `the chart is ${status}`],
      failures: context.history.recent.length,
      term: context.term,
    };
    return { told, kept: JSON.stringify([value, context.rounds]) };
  };
}

function make(
  actor: Actor<typeof coordinatorMachine>,
  clock: SimulatedClock,
  history: readonly Move[],
  begin: () => void,
  early: () => void,
): void {
  actor.subscribe({ error: () => {} });
  actor.start();
  const childOf = (round: RoundName) => actor.getSnapshot().children[round];
  for (const move of history) {
    begin();
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
        actor.send({ type: 'round.requested', round: { roundId: round, terms, voters, weight: voters } });
        break;
      }
      case 'vote': {
        const none = { accept: 0, reject: 0, abstain: 0, failed: 0 };
        const one = { ...none, [move.vote]: 1 };
        childOf(move.round)?.send({ type: 'ballots.counted', ballots: { voters: one, weight: one } });
        break;
      }
      case 'supersede':
        childOf(move.round)?.send({ type: 'round.cut', why: 'superseded' });
        break;
      case 'lead':
        actor.send({ type: 'leader.changed', term: move.term });
        break;
      case 'fail':
        actor.send({
          type: 'coordination.failed',
          at: clock.now(),
          chance: 0,
          error: { name: 'Error', message: 'it' },
        });
        break;
      case 'wait': {
        clock.increment(RECOVERY_MS - 1);
        early();
        clock.increment(1);
        break;
      }
      default:
        actor.send({ type: `coordination.${move.type}` });
    }
  }
}

/** How long a coordinator is away after each of four failures in a row, and then of others 10, 5, 4 and 7 s apart, when 10 s are a healthy period; ms. */
export function recoveryTimes(machine: typeof coordinatorMachine): readonly number[] {
  const clock = new SimulatedClock();
  const recovery = restartPolicy.parse({ delayMs: 100, maxDelayMs: 300, maxRestarts: 9, withinMs: 10_000 });
  const actor = createActor(machine, { clock, input: { maxOpenRounds: 1, recovery } });
  actor.start();
  const error = { name: 'Error', message: 'it' };
  const fail = () => {
    const at = clock.now();
    actor.send({ type: 'coordination.failed', at, chance: 0.5, error });
    while (!actor.getSnapshot().matches('available') && clock.now() < at + 1_000) clock.increment(1);
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
