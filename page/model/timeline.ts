/** Lives, crashes and what else happened, by agent and by time: what the timeline draws. Pure. */
import type { AgentRow, Mark } from '../../src/dashboard/protocol.ts';

export interface Bar {
  readonly from: number;
  /** `undefined`: it lives. */
  readonly to: number | undefined;
  readonly end: Mark['type'] | undefined;
}

export interface Lane {
  readonly id: string;
  readonly bars: readonly Bar[];
  /** Of this agent, oldest first. */
  readonly marks: readonly Mark[];
}

export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface Bucket {
  crashed: number;
  restarted: number;
  alerts: number;
}

const ENDS = new Set<Mark['type']>([
  'agent.crashed',
  'agent.stopped',
  'agent.completed',
  'agent.start_failed',
]);
const TROUBLE = new Set<Mark['type']>([
  'agent.crashed',
  'agent.gave_up',
  'agent.start_failed',
  'agent.unresponsive',
  'alert.raised',
]);

/** A lane for every agent that exists or has a mark. */
export function lanesOf(rows: Iterable<AgentRow>, marks: readonly Mark[]): readonly Lane[] {
  const lanes = new Map<string, { id: string; bars: Bar[]; marks: Mark[] }>();
  const laneOf = (id: string) => {
    let lane = lanes.get(id);
    if (lane === undefined) lanes.set(id, (lane = { id, bars: [], marks: [] }));
    return lane;
  };
  for (const { id, startedAt, endedAt } of rows) {
    const lane = laneOf(id);
    if (startedAt !== undefined && endedAt === undefined)
      lane.bars.push({ from: startedAt, to: undefined, end: undefined });
  }
  for (const mark of marks) {
    if (mark.agentId === undefined) continue;
    const lane = laneOf(mark.agentId);
    lane.marks.push(mark);
    if (ENDS.has(mark.type) && mark.startedAt !== undefined) {
      lane.bars.push({ from: mark.startedAt, to: mark.at, end: mark.type });
    }
  }
  return [...lanes.values()];
}

/** How much went wrong in a lane within a span. */
export function troubleIn({ marks }: Lane, { from, to }: Span): number {
  let count = 0;
  for (const { type, at } of marks) if (at >= from && at <= to && TROUBLE.has(type)) count += 1;
  return count;
}

/** Those with the most trouble first; the others as they were. */
export function byTrouble(lanes: readonly Lane[], span: Span): readonly Lane[] {
  return lanes
    .map((lane) => ({ lane, trouble: troubleIn(lane, span) }))
    .toSorted((a, b) => b.trouble - a.trouble)
    .map(({ lane }) => lane);
}

/** How often each thing happened in each part of a span. */
export function bucketsOf(marks: readonly Mark[], { from, to }: Span, count: number): readonly Bucket[] {
  const buckets = Array.from({ length: count }, (): Bucket => ({ crashed: 0, restarted: 0, alerts: 0 }));
  const width = (to - from) / count;
  for (const { type, at } of marks) {
    if (at < from || at >= to) continue;
    const bucket = buckets[Math.min(count - 1, Math.floor((at - from) / width))]!;
    if (type === 'agent.crashed' || type === 'agent.start_failed') bucket.crashed += 1;
    else if (type === 'agent.restart_scheduled') bucket.restarted += 1;
    else if (type === 'alert.raised') bucket.alerts += 1;
  }
  return buckets;
}

/** From the raising of an alert of a kind to its end; one that is raised ends at `end`. */
export function alertSpans(marks: readonly Mark[], alert: Mark['alert'], end: number): readonly Span[] {
  const spans: Span[] = [];
  let from: number | undefined;
  for (const mark of marks) {
    if (mark.alert !== alert) continue;
    if (mark.type === 'alert.raised') from ??= mark.at;
    else if (from !== undefined) {
      spans.push({ from, to: mark.at });
      from = undefined;
    }
  }
  if (from !== undefined) spans.push({ from, to: end });
  return spans;
}

/** Spans in which something was open, by two types of marks. */
export function spansBetween(
  marks: readonly Mark[],
  opening: Mark['type'],
  closing: Mark['type'],
  end: number,
): readonly (Span & { readonly mark: Mark })[] {
  const open = new Map<string, Mark>();
  const spans: (Span & { mark: Mark })[] = [];
  for (const mark of marks) {
    const key = mark.roundId ?? '';
    if (mark.type === opening) open.set(key, mark);
    else if (mark.type === closing) {
      const from = open.get(key);
      open.delete(key);
      if (from) spans.push({ from: from.at, to: mark.at, mark });
    }
  }
  for (const mark of open.values()) spans.push({ from: mark.at, to: end, mark });
  return spans;
}

const STEPS_MS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, 86_400,
].map((seconds) => seconds * 1_000);

/** Round times at which lines are drawn, `wanted` of them at the most. */
export function ticksOf({ from, to }: Span, wanted: number): readonly number[] {
  const step = STEPS_MS.find((one) => (to - from) / one <= wanted) ?? STEPS_MS.at(-1)!;
  const ticks: number[] = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) ticks.push(at);
  return ticks;
}
