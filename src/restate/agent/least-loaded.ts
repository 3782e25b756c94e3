/** Which agent of a type, or of a pool, has the least to do: of a few that take tasks, as they stand now. Pure. */
import { positionAt } from '../../machines/index.ts';
import type { AgentRecord } from '../../runtime/agent/agent-record.ts';
import { AgentSystemError, inWords } from '../../runtime/values/errors.ts';
import type { BriefLook } from './look-filter.ts';

/** Any agent of these. */
export type AnyOf = { readonly type: string } | { readonly pool: string };

/** So many are asked how loaded they are: lists do not say it. */
const MAX_ASKED = 8;

/**
 * Those to be asked.
 *
 * @param known all that there are of these
 * @param chance in [0, 1), each time another
 * @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_NOT_RUNNING` where none takes tasks
 */
export function candidatesOf(
  known: readonly Pick<BriefLook, 'id' | 'state' | 'isMoving'>[],
  of: AnyOf,
  chance: () => number,
): readonly string[] {
  const taking = known.filter(({ state, isMoving }) => isMoving || positionAt(state).legal.has('execute'));
  if (taking.length > 0) {
    const shuffled = taking.map(({ id }) => [chance(), id] as const);
    return shuffled
      .toSorted(([one], [other]) => one - other)
      .slice(0, MAX_ASKED)
      .map(([, id]) => id);
  }
  const what = 'pool' in of ? `in pool ${inWords(of.pool)}` : `of type ${inWords(of.type)}`;
  throw known.length > 0
    ? new AgentSystemError('AGENT_NOT_RUNNING', `no agent ${what} takes tasks now`)
    : new AgentSystemError('AGENT_NOT_FOUND', `no agent ${what} is registered`);
}

/**
 * One that is paused or waits for a limit comes after all others.
 *
 * @param records of those that were asked, in their order; of some that are gone there is none
 */
export function leastLoadedOf(records: readonly AgentRecord[]): string | undefined {
  return records.toSorted(
    (one, other) => Number(isHeldBack(one)) - Number(isHeldBack(other)) || loadOf(one) - loadOf(other),
  )[0]?.id;
}

function isHeldBack({ paused, parked }: AgentRecord): boolean {
  return paused !== undefined || parked !== undefined;
}

function loadOf({ metrics }: AgentRecord): number {
  return metrics.waiting + metrics.running;
}
