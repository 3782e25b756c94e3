/** The steps of an agent for the page's scrubber, and its lives for the bars, from `events.replay`. Pure. */
import { describeExit, hasBody } from '../machines/index.ts';
import type { AgentRecord, LifeStep } from '../index.ts';
import { oneLine } from './agent-row.ts';
import type { Life, LifeReport } from './protocol.ts';

const MAX_LIVES = 500;

/**
 * @param limit how many steps, the newest
 * @param record of a listed agent: it knows the last life even if the store has dropped that life's events
 */
export function lifeReportOf(steps: readonly LifeStep[], limit: number, record?: AgentRecord): LifeReport {
  const shown = limit === 0 ? [] : steps.slice(-limit);
  const lives = livesOf(steps).slice(-MAX_LIVES);
  const last = steps.length === 0 && record !== undefined ? lastLifeOf(record) : undefined;
  return { steps: shown, earlier: steps.length - shown.length, lives: last ? [last] : lives };
}

function lastLifeOf({ incarnation, startedAt, endedAt, status, reason }: AgentRecord): Life | undefined {
  if (startedAt === undefined) return undefined;
  if (endedAt === undefined) return { incarnation, startedAt };
  const why = reason === undefined ? {} : { reason: oneLine(describeExit(reason)) };
  return { incarnation, startedAt, endedAt, end: status, ...why };
}

function livesOf(steps: readonly LifeStep[]): Life[] {
  const lives: Life[] = [];
  let open: Life | undefined;
  const end = (life: Life) => {
    lives.push(life);
    open = undefined;
  };
  for (const { at, incarnation, status, reason, endedAt } of steps) {
    if (open && open.incarnation !== incarnation) end(open);
    if (status !== 'forgotten' && hasBody(status)) open ??= { incarnation, startedAt: at };
    else if (open) {
      const why = reason === undefined ? {} : { reason: oneLine(describeExit(reason)) };
      end({ ...open, endedAt: endedAt ?? at, ...(status === 'forgotten' ? {} : { end: status }), ...why });
    }
  }
  if (open) lives.push(open);
  return lives;
}
