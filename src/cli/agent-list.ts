/** Agents as a table: the columns, whatever the rows were read from. Pure. */
import type { AgentRow } from '../dashboard/protocol.ts';
import type { LifeStep, StoredAgent } from '../index.ts';
import { describeExit } from '../machines/index.ts';
import { stepOf } from '../runtime/journal/replay.ts';
import type { Paint, Style } from './console.ts';
import { bytes, count, counted, duration, latency, share } from './figures.ts';
import type { Column } from './table.ts';

/** An agent of a store, or of a running program, which knows more of it. */
export type ListedAgent = Pick<AgentRow, 'id' | 'type' | 'incarnation' | 'restarts'> &
  Partial<Omit<AgentRow, 'status'>> & { readonly status: LifeStep['status'] };

const LOOKS: Readonly<Record<ListedAgent['status'], Style>> = {
  registered: 'gray',
  starting: 'cyan',
  running: 'green',
  unresponsive: 'yellow',
  stopping: 'cyan',
  crashed: 'red',
  stopped: 'gray',
  completed: 'blue',
  forgotten: 'gray',
};

export function lookOf(status: ListedAgent['status']): Style {
  return LOOKS[status];
}

/** The columns that `agents` have something for. @param now epoch ms */
export function agentColumns(
  agents: readonly ListedAgent[],
  paint: Paint,
  now: number,
): readonly Column<ListedAgent>[] {
  const has = (key: keyof AgentRow) => agents.some((agent) => agent[key] !== undefined);
  const number = (
    title: string,
    dispensability: number,
    text: (agent: ListedAgent) => string,
  ): Column<ListedAgent> => ({ title, text, align: 'right', dispensability });
  const optional = (key: keyof AgentRow, column: Column<ListedAgent>) => (has(key) ? [column] : []);
  return [
    { title: 'ID', text: ({ id }) => id },
    { title: 'TYPE', text: ({ type }) => type },
    ...optional('pool', { title: 'POOL', text: ({ pool }) => pool ?? '' }),
    {
      title: 'STATUS',
      text: ({ status }) => status,
      look: (text, { status }) => paint(lookOf(status), text),
    },
    number('INC', 8, ({ incarnation }) => String(incarnation)),
    number('RESTARTS', 2, ({ restarts }) => count(restarts)),
    ...optional(
      'waiting',
      number('QUEUE', 3, ({ waiting = 0, running = 0 }) => count(waiting + running)),
    ),
    ...optional(
      'done',
      number('DONE', 4, ({ done = 0 }) => count(done)),
    ),
    ...optional(
      'failed',
      number('FAILED', 5, ({ failed = 0 }) => count(failed)),
    ),
    ...optional(
      'latencyMs',
      number('LATENCY', 7, ({ latencyMs }) => (latencyMs ? latency(latencyMs.mean) : '')),
    ),
    ...optional(
      'memoryBytes',
      number('MEMORY', 6, ({ memoryBytes }) => (memoryBytes === undefined ? '' : bytes(memoryBytes))),
    ),
    ...optional(
      'cpuShare',
      number('CPU', 9, ({ cpuShare }) => (cpuShare === undefined ? '' : share(cpuShare))),
    ),
    number('UP', 1, (agent) => upTime(agent, now)),
    {
      title: 'NOTE',
      text: (agent) => noteOn(agent, now),
      look: (text, { status }) => paint(status === 'crashed' ? 'red' : 'dim', text),
      isFlexible: true,
    },
  ];
}

/** How long its body has lived; empty if it has none. */
export function upTime({ status, startedAt }: ListedAgent, now: number): string {
  const isAlive = status === 'running' || status === 'unresponsive' || status === 'stopping';
  return isAlive && startedAt !== undefined ? duration(Math.max(0, now - startedAt)) : '';
}

/** The note: when it is restarted, what holds it, whom it asks, what went wrong last. */
export function noteOn(agent: ListedAgent, now: number): string {
  const { restartAt, recentRestarts, maxRestarts, lastError, paused, parked, questions, alerts = [] } = agent;
  const parts: string[] = [];
  if (paused !== undefined) parts.push(paused.by === undefined ? 'paused' : `paused by ${paused.by}`);
  else if (parked !== undefined) {
    parts.push(`parked for ${duration(Math.max(0, parked.until - now))}: ${parked.why}`);
  }
  if (questions !== undefined) parts.push(`asks a person: ${counted(questions, 'question')}`);
  if (restartAt !== undefined && agent.status === 'crashed') {
    const attempt = recentRestarts === undefined ? '' : ` (restart ${recentRestarts} of ${maxRestarts})`;
    parts.push(`back in ${duration(Math.max(0, restartAt - now))}${attempt}`);
  }
  parts.push(...alerts.map((alert) => alert.replaceAll('_', ' ')));
  if (lastError !== undefined) parts.push(lastError.text);
  return parts.join(' · ');
}

/** An agent as its store knows it. @param questions how many its tasks have open */
export function listedFrom({ registered, latest }: StoredAgent, questions?: number): ListedAgent {
  const { agentId: id, agentType: type } = registered;
  const step = stepOf(stepOf(undefined, registered), latest)!;
  const { status, incarnation, restarts, reason, endedAt, restartAt, startedAt } = step;
  return {
    id,
    type,
    status,
    incarnation,
    restarts,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(endedAt === undefined ? {} : { endedAt }),
    ...(restartAt === undefined ? {} : { restartAt }),
    ...(questions === undefined ? {} : { questions }),
    ...(reason === undefined ? {} : { lastError: { at: endedAt ?? step.at, text: describeExit(reason) } }),
  };
}
