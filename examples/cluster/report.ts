/** What a run on three nodes came to: every figure from the fleet's own events and records, none hoped for. */
import { describeExit } from '../../src/machines/index.ts';
import type { SystemEvent } from '../../src/index.ts';
import type { Searched } from './search.ts';

export interface Accident {
  readonly node: string;
  readonly what: 'killed' | 'frozen';
  readonly at: number;
}

export interface Station {
  readonly node: string;
  /** When it was first seen there, epoch ms. */
  readonly at: number;
}

export interface Findings {
  readonly searched: Searched;
  readonly accidents: readonly Accident[];
  /** Epoch ms. */
  readonly startedAt: number;
  /** Nodes that each agent was seen on, in order. */
  readonly stations: ReadonlyMap<string, readonly Station[]>;
  readonly events: readonly SystemEvent[];
  readonly tookMs: number;
}

export interface Report {
  readonly lines: readonly string[];
  /** What is not as it has to be. */
  readonly problems: readonly string[];
}

export function reportOf(findings: Findings): Report {
  const { searched, accidents, stations, events, tookMs } = findings;
  const { ids, told, known, cutShort, decision } = searched;
  const problems: string[] = [];
  const losses = lossesOf(findings);
  const lines = [`${ids.length} trainers on three nodes, ${seconds(tookMs)}`, ''];
  for (const accident of accidents) lines.push(accidentLine(accident, losses, findings));
  lines.push('', 'agent       ran on                bodies  trials  ran again, after its node was lost');
  let toldInAll = 0;
  let knownInAll = 0;
  for (const id of ids) {
    const tellings = told.get(id) ?? [];
    const trials = known.get(id) ?? [];
    toldInAll += tellings.length;
    knownInAll += trials.length;
    for (const { trial } of tellings) {
      const times = trials.filter((other) => other.trial === trial).length;
      if (times !== 1) problems.push(`${id}: trial ${trial} was told, and is known ${times} times`);
    }
    const bodies = events.filter(({ agentId, type }) => agentId === id && type === 'agent.started').length;
    const back = losses.filter(({ agentId, backMs }) => agentId === id && backMs !== undefined);
    const where = (stations.get(id) ?? []).map(({ node }) => node).join(' → ');
    lines.push(
      `${id.padEnd(11)} ${where.padEnd(21)} ${String(bodies).padStart(6)} ${String(trials.length).padStart(7)}  ${back.map(({ backMs }) => seconds(backMs!)).join(', ')}`.trimEnd(),
    );
  }
  if (toldInAll !== knownInAll) {
    problems.push(`${toldInAll} trials were told to their callers, the trainers know ${knownInAll}`);
  }
  const began = countOf(events, 'task.started');
  const done = countOf(events, 'task.completed');
  const unknown = countOf(events, 'task.unknown');
  const abandoned = countOf(events, 'task.abandoned');
  if (began !== done + unknown + abandoned + countOf(events, 'task.failed')) {
    problems.push('work was begun of which nothing says how it ended');
  }
  for (const { agentId, event } of losses) {
    if (event.reason !== 'host_lost') problems.push(`${agentId} crashed: ${describeExit(event.reason)}`);
  }
  const verdict = problems.length > 0 ? 'NOT as it has to be' : 'none was lost, none is there twice';
  lines.push(
    '',
    `trials told to their callers: ${toldInAll}; known to the trainers in the end: ${knownInAll}: ${verdict}`,
    `work begun: ${began} times; done: ${done}; cut short by the loss of a node: ${unknown} unknown and ${abandoned} abandoned, which their callers were told, and asked for again ${cutShort} times`,
    `the vote on the best recipe (${(decision.accuracy * 100).toFixed(1)} %): ${decision.outcome}, ${decision.electorate} could vote`,
  );
  for (const problem of problems) lines.push(`PROBLEM: ${problem}`);
  return { lines, problems };
}

/** An agent whose body ended, and how long after the accident before it that was noticed, and it ran again. */
interface Loss {
  readonly agentId: string;
  readonly event: Extract<SystemEvent, { type: 'agent.crashed' }>;
  readonly accident: Accident | undefined;
  readonly noticedMs: number;
  /** `undefined` for one that did not run again before it was lost again, or at all. */
  readonly backMs: number | undefined;
  readonly isLostAgain: boolean;
}

function lossesOf({ searched, events, accidents, stations }: Findings): readonly Loss[] {
  return searched.ids.flatMap((id) => {
    const own = events.filter(({ agentId }) => agentId === id);
    return own.flatMap((event, index) => {
      if (event.type !== 'agent.crashed') return [];
      const station = stations.get(id)?.findLast(({ at }) => at <= event.at);
      const accident = accidents.find(({ node, at }) => node === station?.node && at <= event.at);
      const since = accident?.at ?? event.at;
      const next = own
        .slice(index + 1)
        .find(({ type }) => type === 'agent.started' || type === 'agent.crashed');
      const backMs = next?.type === 'agent.started' ? next.at - since : undefined;
      const isLostAgain = next?.type === 'agent.crashed';
      return [{ agentId: id, event, accident, noticedMs: event.at - since, backMs, isLostAgain }];
    });
  });
}

function accidentLine(accident: Accident, losses: readonly Loss[], findings: Findings): string {
  const { node, what, at } = accident;
  const how = what === 'killed' ? 'killed with -9' : 'frozen';
  const line = `${node} was ${how}, ${seconds(at - findings.startedAt)} after the start`;
  const own = losses.filter((loss) => loss.accident === accident);
  if (own.length === 0) {
    const kept = agentsOn(node, accident.at, findings.stations);
    if (kept === 0) return `${line}; it had no agent`;
    return `${line}; nobody took it for lost, and ${kept === 1 ? 'its agent' : `its ${kept} agents`} went on`;
  }
  const agents = new Set(own.map(({ agentId }) => agentId)).size;
  const noticed = seconds(Math.min(...own.map(({ noticedMs }) => noticedMs)));
  const lost = `${agents} ${agents === 1 ? 'agent' : 'agents'} lost a body, noticed after ${noticed}`;
  return `${line}: ${lost}, ${ranAgain(own)}`;
}

function ranAgain(losses: readonly Loss[]): string {
  const back = losses.flatMap(({ backMs }) => backMs ?? []);
  const lostAgain = losses.filter(({ isLostAgain }) => isLostAgain).length;
  const rest = lostAgain === 0 ? '' : `; lost again before that: ${lostAgain}`;
  if (back.length === 0) return `none ran again${rest}`;
  const which = back.length === losses.length ? 'all' : `${back.length} of ${losses.length}`;
  return `${which} ran again ${seconds(Math.max(...back))} after it at the latest${rest}`;
}

function agentsOn(node: string, at: number, stations: Findings['stations']): number {
  return [...stations.values()].filter((seen) => seen.findLast((station) => station.at <= at)?.node === node)
    .length;
}

function countOf(events: readonly SystemEvent[], type: SystemEvent['type']): number {
  return events.filter((event) => event.type === type).length;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
