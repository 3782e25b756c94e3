/**
 * The end of a fleet: every agent is stopped, and what has not ended at the deadline is killed.
 *
 * I1  It takes no longer than its deadline and a grace for those that are killed.
 * I2  The event loop is not blocked while a large fleet is told to stop.
 */
import type { Agent } from '../agent/agent.ts';
import { endedInOrder } from '../agent/ended-in-order.ts';
import type { SteadyClock } from '../time/clock.ts';
import { within } from '../time/deadline.ts';
import { LoopTurn } from '../time/loop-turn.ts';

/** Grace for killed bodies to be gone, past the deadline; ms. */
const KILL_GRACE_MS = 1_000;

export interface FleetEnd {
  /** Ids of the agents that ended gracefully. */
  readonly stopped: readonly string[];
  /** Ids of the others: killed at the deadline, crashed meanwhile, with tasks abandoned, or not ended. */
  readonly abandoned: readonly string[];
}

/** The longest `shutdownMs` of the agents that can be stopped. */
export function longestShutdownMs(agents: Iterable<Agent>): number {
  let longest = 0;
  for (const { position, spec } of agents) {
    if (position.legal.has('stop')) longest = Math.max(longest, spec.shutdownMs);
  }
  return longest;
}

/**
 * @param deadline `at`: when all of it is over, by `elapsed` of the clock; `timeoutMs`: what each agent is given, default what its
 * spec says
 */
export async function endFleet(
  agents: Iterable<Agent>,
  clock: SteadyClock,
  deadline: { readonly at: number; readonly timeoutMs: number | undefined },
): Promise<FleetEnd> {
  const { timeoutMs } = deadline;
  const leaving = [...agents].filter(({ position }) => position.legal.has('stop'));
  const living = new Set(leaving.filter(({ position }) => position.isAlive));
  const grace = timeoutMs === undefined ? {} : { timeoutMs };
  const turn = new LoopTurn();
  const ending: Promise<unknown>[] = [];
  for (const agent of leaving) {
    // It may have ended by itself since: nobody is told of that end any more.
    if (!agent.position.legal.has('stop')) continue;
    // With a failing store every stop is refused: the record says how the agent ended.
    ending.push(agent.end({ type: 'agent.stop', at: clock.now(), ...grace }).catch(() => undefined));
    if (turn.isOver(clock.now())) await turn.next();
  }
  const ends = Promise.all(ending);
  const isLate = await within(clock, Math.max(0, deadline.at - clock.elapsed()), ends.then(no), yes);
  if (isLate) {
    for (const agent of leaving) {
      // As one that is stopped without time, not as one that was killed: a later program starts it again.
      if (agent.position.isAlive) agent.send({ type: 'agent.stop', at: clock.now(), timeoutMs: 0 });
    }
    await within(clock, KILL_GRACE_MS, ends, no);
  }
  const stopped: string[] = [];
  const abandoned: string[] = [];
  for (const agent of leaving) {
    const isInOrder = living.has(agent) ? endedInOrder(agent.record()) : !agent.position.isAlive;
    (isInOrder ? stopped : abandoned).push(agent.id);
  }
  return { stopped, abandoned };
}

const yes = (): boolean => true;
const no = (): boolean => false;
