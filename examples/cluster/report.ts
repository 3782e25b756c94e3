/** What a run on three nodes came to: every figure from the fleet's own events and records, none hoped for. */
import { describeExit } from '../../src/machines/index.ts';
import type { SystemEvent } from '../../src/index.ts';
import type { Searched } from './search.ts';

export interface Accident {
  readonly node: string;
  readonly what: 'killed' | 'frozen';
  readonly at: number;
}

export interface Findings {
  readonly searched: Searched;
  readonly accidents: readonly Accident[];
  /** Nodes that each agent was seen on, in order. */
  readonly stations: ReadonlyMap<string, readonly string[]>;
  readonly events: readonly SystemEvent[];
  readonly tookMs: number;
}

export interface Report {
  readonly lines: readonly string[];
  /** What is not as it has to be. */
  readonly problems: readonly string[];
}

export function reportOf({ searched, accidents, stations, events, tookMs }: Findings): Report {
  const { ids, told, known, cutShort, decision } = searched;
  const problems: string[] = [];
  const lines = [`${ids.length} trainers on three nodes, ${seconds(tookMs)}`, ''];
  for (const { node, what } of accidents) lines.push(`${node} was ${what}`);
  lines.push('', 'agent       nodes                 lives  trials  back after');
  let toldInAll = 0;
  for (const id of ids) {
    const tellings = told.get(id) ?? [];
    const trials = known.get(id) ?? [];
    toldInAll += tellings.length;
    for (const { trial } of tellings) {
      const times = trials.filter((other) => other.trial === trial).length;
      if (times !== 1) problems.push(`${id}: trial ${trial} was told, and is known ${times} times`);
    }
    const own = events.filter(({ agentId }) => agentId === id);
    const lives = own.filter(({ type }) => type === 'agent.started').length;
    const back = backAfter(own, accidents);
    const where = (stations.get(id) ?? []).join(' → ');
    lines.push(
      `${id.padEnd(11)} ${where.padEnd(21)} ${String(lives).padStart(5)} ${String(trials.length).padStart(7)}  ${back.map(seconds).join(', ')}`,
    );
  }
  const began = countOf(events, 'task.started');
  const done = countOf(events, 'task.completed');
  const unknown = countOf(events, 'task.unknown');
  const abandoned = countOf(events, 'task.abandoned');
  lines.push(
    '',
    `trials told to their callers: ${toldInAll}, all of them known once in the end${problems.length > 0 ? ': NO' : ''}`,
    `work begun ${began} times, done ${done} times; cut short and said so: ${unknown} unknown, ${abandoned} abandoned; asked for again ${cutShort} times`,
    `the vote on the best recipe (${(decision.accuracy * 100).toFixed(1)} %): ${decision.outcome}, ${decision.electorate} could vote`,
  );
  if (began !== done + unknown + abandoned + countOf(events, 'task.failed')) {
    problems.push('work was begun of which nothing says how it ended');
  }
  const lost = events.filter((event) => event.type === 'agent.crashed');
  for (const event of lost) lines.push(`${event.agentId}: ${describeExit(event.reason)}`);
  for (const problem of problems) lines.push(`PROBLEM: ${problem}`);
  return { lines, problems };
}

/** From each accident to a node that cost it its body, to running again elsewhere, ms. */
function backAfter(events: readonly SystemEvent[], accidents: readonly Accident[]): readonly number[] {
  const times: number[] = [];
  let lostAt: number | undefined;
  for (const { type, at } of events) {
    if (type === 'agent.crashed') lostAt = accidents.findLast((accident) => accident.at <= at)?.at ?? at;
    if (type !== 'agent.started' || lostAt === undefined) continue;
    times.push(at - lostAt);
    lostAt = undefined;
  }
  return times;
}

function countOf(events: readonly SystemEvent[], type: SystemEvent['type']): number {
  return events.filter((event) => event.type === type).length;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
