/**
 * Where a life whose body works on stands in the agent chart of this code, when its snapshot is of another version's.
 *
 * A snapshot means something to its own chart alone. What the last event told of the life, and what is known of its tasks
 * and its health, means the same in every version: a new chart is walked from its beginning to where that life is, by the
 * chart's own events. Pure.
 *
 * I1  Nothing of that way is done again: it has happened. The body hears nothing of it.
 * I2  The time that a body may run is counted from its start. A start or a stop that is under way has its whole time anew.
 * I3  An end that was ordered is ordered again: whether the body has heard of it, the snapshot does not tell.
 */
import {
  type AgentContext,
  type AgentEffect,
  type AgentLife,
  agentMachine,
  exitReason,
  type OrderedEnd,
} from '../../machines/index.ts';
import { policyOf } from '../../runtime/fleet/spec-reading.ts';
import { ChartAtWork, type KeptChart } from '../engine/kept-chart.ts';
import { isAway } from '../engine/names.ts';
import type { AgentState } from './agent-state.ts';

export interface TakenUpLife extends KeptChart<typeof agentMachine> {
  /** What orders the end that is under way, if one is. */
  readonly ending: readonly AgentEffect[];
}

interface Moment {
  readonly now: number;
  nextOrder(): number;
}

/** @param known what the last event told of it: it has a body */
export function takenUpLife(state: AgentState, known: AgentLife, moment: Moment): TakenUpLife {
  const { now } = moment;
  const since = known.at === 'serving' ? (known.startedAt ?? now) : now;
  const kept: KeptChart<typeof agentMachine> = { life: undefined as never, deadlines: [] };
  const effects: AgentEffect[] = [];
  const chart = new ChartAtWork(agentMachine, kept, {
    now: since,
    nextOrder: () => moment.nextOrder(),
    perform: (effect) => effects.push(effect as AgentEffect),
  });
  walk(chart, kept, state, known, since);
  const ordered = orderedIn(state.life.context);
  if (known.at !== 'stopping' && ordered === undefined) {
    const missed = Math.min(state.health.misses, state.spec.health.failuresBeforeKill - 1);
    for (let miss = 0; miss < missed; miss++) chart.send({ type: 'health.missed', at: now });
    return { ...kept, ending: [] };
  }

  effects.length = 0;
  if (known.at === 'stopping' && !isKill(ordered)) {
    const { stopTimeoutMs } = state.life.context as Partial<AgentContext>;
    chart.send({ type: 'agent.stop', at: now, ...(stopTimeoutMs ? { timeoutMs: stopTimeoutMs } : {}) });
    const drainEnd = kept.deadlines.find(({ event }) => event.type.includes('drainDeadline'));
    if (state.mode === 'aborting' && drainEnd !== undefined) {
      effects.length = 0;
      chart.take(drainEnd);
    }
  } else {
    chart.send({ type: 'agent.kill', at: now });
    // A start that was cancelled goes back to where it began, unless its agent is to end.
    if (known.at === 'starting' && ordered?.forGood === true) chart.send({ type: 'agent.stop', at: now });
  }
  if (ordered !== undefined) kept.life = { ...kept.life, context: { ...kept.life.context, ordered } };
  const ending = effects.filter(({ type }) => type === 'commandMailbox' || type === 'commandBody');
  return { ...kept, ending };
}

/** To where it starts, or serves; also one that stops has done so before. */
function walk(
  chart: ChartAtWork<typeof agentMachine>,
  kept: KeptChart<typeof agentMachine>,
  state: AgentState,
  known: AgentLife,
  at: number,
): void {
  const { id, spec, next, turns = 0, mode, isResting, isBusy } = state;
  const { startedFrom, paused, startedAt = at } = known;
  const isRestart = startedFrom === 'restart';
  const isReady = known.at !== 'starting' && mode !== 'held';
  const isPausing = paused !== undefined && isReady && isResting;
  // The living body may be of an earlier spec.
  chart.begin({ id, policy: policyOf(next?.body.spec ?? spec) });
  if (isAway(turns)) chart.send({ type: 'coordination.lost' });
  const before: AgentLife = {
    ...known,
    at: isRestart ? 'waiting' : startedFrom,
    incarnation: known.incarnation - 1,
    restarts: isRestart ? known.restarts - 1 : known.restarts,
    paused: isPausing ? undefined : paused,
  };
  chart.send({ type: 'life.resumed', at, tick: at, life: before });
  if (isRestart) {
    chart.take(kept.deadlines[0]!);
    chart.send({ type: 'permit.granted', at });
  } else chart.send({ type: 'agent.start', at });
  if (isReady) chart.send({ type: 'body.ready', at: startedAt, tick: startedAt });
  chart.send({ type: 'policy.changed', policy: policyOf(spec) });
  if (isBusy) chart.send({ type: 'mailbox.busy' });
  if (isPausing) chart.send({ type: 'agent.pause', ...paused });
}

/** The end that the former chart had ordered for its body, as far as that can be read. */
function orderedIn({ ordered }: Partial<AgentContext>): OrderedEnd | undefined {
  return exitReason.safeParse(ordered?.reason).success ? ordered : undefined;
}

/** Its body was killed, or its stop has taken too long. */
function isKill(ordered: OrderedEnd | undefined): boolean {
  const reason = ordered?.reason;
  if (typeof reason !== 'object') return reason === 'killed' || reason === 'unresponsive';
  return 'shutdown' in reason && (reason.shutdown === 'killed' || reason.shutdown === 'timed_out');
}
