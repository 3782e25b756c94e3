/** The charts that are shipped, with inputs and moves made from chance: whatever they may be told, at any time. */
import type { AnyStateMachine, EventObject } from 'xstate';
import {
  agentMachine,
  autoscalerMachine,
  budgetMachine,
  consensusMachine,
  coordinatorMachine,
  noMembers,
  poolMachine,
  progressMachine,
  questionMachine,
  quotaMachine,
  scalingPolicy,
  supervisorMachine,
  taskMachine,
} from '../../../src/machines/index.ts';
import type { Move } from './chart-world.ts';
import type { Draw } from './draw.ts';

export interface ShippedChart {
  readonly name: string;
  readonly machine: AnyStateMachine;
  inputOf(draw: Draw): unknown;
  /** What an event of any type may carry. */
  payloadOf(draw: Draw): Record<string, unknown>;
  /** What a child may end with. */
  outputOf(draw: Draw): unknown;
}

const restartOf = (draw: Draw) => ({
  policy: draw.of(['delayed', 'immediate', 'manual', 'never'] as const),
  delayMs: draw.of([0, 1_000]),
  maxDelayMs: 60_000,
  maxRestarts: draw.below(4),
  withinMs: draw.of([0, 60_000]),
});
const errorOf = () => ({ name: 'Error', message: 'gone' });
const voteOf = (draw: Draw) => draw.of(['accept', 'reject', 'abstain', undefined]);
const castOf = (draw: Draw) => ({
  accept: draw.below(3),
  reject: draw.below(3),
  abstain: draw.below(2),
  failed: draw.below(2),
});
const termOf = (draw: Draw) => draw.of([undefined, 1, 2]);
const roundOf = (draw: Draw) => ({
  roundId: `round-${draw.below(4)}`,
  terms: {
    rule: draw.of(['majority', 'supermajority', 'unanimous', 'weighted'] as const),
    quorum: draw.of([undefined, 0.3, 1]),
    tie: draw.of(['reject', 'keep', 'leader'] as const),
    deadlineMs: 30_000,
    fallback: draw.of(['keep', 'leader_decides', 'custom', { retry: 2 }] as const),
  },
  voters: draw.below(5),
  weight: draw.below(5) * 1_000,
});

const agent: ShippedChart = {
  name: 'agent',
  machine: agentMachine,
  inputOf: (draw) => ({
    id: 'agent',
    policy: {
      restart: restartOf(draw),
      startTimeoutMs: 30_000,
      shutdownMs: draw.of([0, 5_000]),
      maxRuntimeMs: draw.of([Infinity, 10_000]),
      failuresBeforeKill: 1 + draw.below(3),
    },
  }),
  payloadOf: (draw) => ({
    at: draw.below(100) * 1_000,
    busy: draw.once(2),
    error: errorOf(),
    ...(draw.once(3) ? { timeoutMs: draw.of([0, 100]) } : {}),
    ...(draw.once(2) ? { by: 'ada' } : {}),
    parked: { at: 1, until: 1_000, why: 'limited' },
    life: {
      ...(draw.once(3) ? { paused: { at: 1 } } : {}),
      ...(draw.once(3) ? { parked: { at: 1, until: 1_000, why: 'limited' } } : {}),
      at: draw.of([
        'registered',
        'starting',
        'serving',
        'stopping',
        'waiting',
        'stopped',
        'completed',
        'gaveUp',
      ]),
      incarnation: 3,
      startedFrom: draw.of(['registered', 'restart', 'waiting']),
      restarts: 1,
      history: { attempt: 1, recent: [1] },
      reason: 'killed',
      startedAt: 1,
      endedAt: 2,
      restartAt: draw.of([undefined, 5_000]),
    },
  }),
  outputOf: (draw) => ({
    reason: draw.of(['normal', 'shutdown', 'killed', { error: errorOf() }]),
    at: draw.below(100) * 1_000,
    chance: draw.below(10) / 10,
  }),
};

const supervisor: ShippedChart = {
  name: 'supervisor',
  machine: supervisorMachine,
  inputOf: (draw) => ({ maxConcurrentRestarts: 1 + draw.below(3) }),
  payloadOf: (draw) => ({ agentId: `agent-${draw.below(3)}` }),
  outputOf: () => undefined,
};

const quota: ShippedChart = {
  name: 'quota',
  machine: quotaMachine,
  inputOf: (draw) => ({ quota: draw.of([undefined, 'provider']) }),
  payloadOf: (draw) => ({
    at: draw.below(100) * 1_000,
    why: 'limited',
    chance: draw.below(10) / 10,
    ...(draw.once(2) ? { until: draw.below(100) * 1_000 } : {}),
    ...(draw.once(4) ? { guessed: true } : {}),
  }),
  outputOf: () => undefined,
};

const amountOf = (draw: Draw) => ({
  tokens: draw.below(6),
  ...(draw.once(2) ? { calls: draw.below(3) } : {}),
});
const budget: ShippedChart = {
  name: 'budget',
  machine: budgetMachine,
  inputOf: (draw) => ({
    limits: { tokens: 1 + draw.below(20), calls: 5 },
    spent: amountOf(draw),
    everyMs: draw.of([Infinity, 60_000]),
    leftMs: 10_000,
  }),
  payloadOf: (draw) => ({
    amount: amountOf(draw),
    reserved: amountOf(draw),
    actual: amountOf(draw),
    limits: { tokens: 1 + draw.below(20) },
  }),
  outputOf: () => undefined,
};

const progress: ShippedChart = {
  name: 'progress',
  machine: progressMachine,
  inputOf: (draw) => ({ stalledAfterMs: 1_000, onStall: draw.of(['warn', 'abort', 'crash'] as const) }),
  payloadOf: () => ({}),
  outputOf: () => undefined,
};

/** Charts that say what may follow what, and no more: of tasks and of their questions. */
const told = (name: string, machine: AnyStateMachine): ShippedChart => ({
  name,
  machine,
  inputOf: () => undefined,
  payloadOf: () => ({}),
  outputOf: () => undefined,
});

const coordinator: ShippedChart = {
  name: 'coordinator',
  machine: coordinatorMachine,
  inputOf: (draw) => ({ maxOpenRounds: 1 + draw.below(3), recovery: restartOf(draw) }),
  payloadOf: (draw) => ({
    round: roundOf(draw),
    term: termOf(draw),
    at: draw.below(100) * 1_000,
    chance: draw.below(10) / 10,
    error: errorOf(),
  }),
  outputOf: (draw) => ({
    roundId: 'round-1',
    isEnacted: draw.once(2),
    next: draw.of(['nothing', 'retry', 'custom']),
  }),
};

const consensus: ShippedChart = {
  name: 'consensus',
  machine: consensusMachine,
  inputOf: (draw) => ({ ...roundOf(draw), term: termOf(draw) }),
  payloadOf: (draw) => ({
    ballots: { voters: castOf(draw), weight: castOf(draw) },
    weight: draw.below(3),
    vote: voteOf(draw),
    term: termOf(draw),
    why: draw.of(['superseded', 'coordination_lost']),
  }),
  outputOf: () => undefined,
};

const pool: ShippedChart = {
  name: 'pool',
  machine: poolMachine,
  inputOf: (draw) => ({
    id: 'pool',
    min: 0,
    max: 5,
    wanted: draw.below(5),
    restart: restartOf(draw),
    closeMs: 5_000,
    maxConcurrentStarts: 1 + draw.below(3),
    found: draw.of([undefined, noMembers, { ...noMembers, live: 2 }]),
  }),
  payloadOf: (draw) => ({
    wanted: draw.below(6),
    why: 'asked',
    finishMs: draw.of([0, 1_000]),
    closeMs: 5_000,
    at: draw.below(100) * 1_000,
    chance: draw.below(10) / 10,
    isExhausted: draw.once(3),
    isFailure: draw.once(2),
    from: draw.of(['live', 'down']),
  }),
  outputOf: () => undefined,
};

const autoscaler: ShippedChart = {
  name: 'autoscaler',
  machine: autoscalerMachine,
  inputOf: (draw) => ({
    id: 'autoscaler',
    policy: { ...scalingPolicy.parse({}), min: draw.below(2), max: 4 },
  }),
  payloadOf: (draw) => ({
    at: draw.below(100) * 10_000,
    metrics: {
      size: draw.below(5),
      waiting: draw.below(6),
      busyShare: draw.below(11) / 10,
      live: draw.below(5),
      admissible: draw.below(3),
      isSettled: draw.once(2),
    },
    why: 'asked',
    from: draw.below(4),
    to: draw.below(4),
  }),
  outputOf: () => undefined,
};

export const shippedCharts: readonly ShippedChart[] = [
  agent,
  supervisor,
  quota,
  budget,
  progress,
  told('task', taskMachine),
  told('question', questionMachine),
  coordinator,
  consensus,
  pool,
  autoscaler,
];

/** Event types of a chart that its runtime sends: not those that XState makes. */
function typesOf(machine: AnyStateMachine): readonly string[] {
  return machine.events.filter((type) => !String(type).startsWith('xstate.')).map(String);
}

export function movesThrough(chart: ShippedChart, draw: Draw, length: number): Move[] {
  const types = typesOf(chart.machine);
  return Array.from({ length }, (): Move => {
    const which = draw.below(4);
    switch (draw.below(12)) {
      case 0:
      case 1:
        return { do: 'fire', which };
      case 2:
      case 3:
        return { do: 'childDone', which, output: chart.outputOf(draw) };
      case 4:
        if (draw.once(3)) return { do: 'childError', which, error: new Error('child') };
        return { do: 'send', event: eventOf(chart, types, draw) };
      case 5:
        if (draw.once(40)) return { do: 'stop' };
        return { do: 'childSend', which, event: eventOf(chart, types, draw) };
      default:
        return { do: 'send', event: eventOf(chart, types, draw) };
    }
  });
}

function eventOf(chart: ShippedChart, types: readonly string[], draw: Draw): EventObject {
  return { type: draw.of(types), ...chart.payloadOf(draw) };
}
