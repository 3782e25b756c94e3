/**
 * All that the page knows of the fleet, from the stream.
 *
 * Rows are kept beside the signals: ten thousand of them change too often to be signals themselves. `agentsVersion`
 * says that some did, once for each message.
 */
import { batch, signal } from '@preact/signals';
import type {
  AgentDetail,
  AgentRow,
  CoordinationReport,
  LimitsReport,
  Mark,
  Needs,
  Sample,
  ShownEvent,
  ShownPool,
  ShownTask,
  StreamMessages,
  WorkReport,
} from '../../src/dashboard/protocol.ts';
import type { QuestionRecord } from '../../src/index.ts';
import type { Message } from '../connection/stream.ts';
import { serverSaid } from './clock.ts';
import { ownChart, seenSteps } from './own-chart.ts';

export const hello = signal<StreamMessages['hello'] | undefined>(undefined);
export const fleet = signal<StreamMessages['fleet'] | undefined>(undefined);
export const needs = signal<Needs | undefined>(undefined);
export const samples = signal<readonly Sample[]>([]);
export const marks = signal<readonly Mark[]>([]);
export const coordination = signal<CoordinationReport | undefined>(undefined);
export const work = signal<WorkReport | undefined>(undefined);
export const questions = signal<readonly QuestionRecord[] | undefined>(undefined);
export const limits = signal<LimitsReport | undefined>(undefined);
export const pools = signal<readonly ShownPool[] | undefined>(undefined);

export const agents = new Map<string, AgentRow>();
export const agentsVersion = signal(0);
/** Whether the rows of the whole fleet are there. */
export const agentsComplete = signal(false);

/** The opened agent; `null`: there is no such agent. */
export const agent = signal<AgentDetail | null | undefined>(undefined);
export const agentEvents = signal<readonly ShownEvent[]>([]);
export const agentTasks = signal<readonly ShownTask[] | undefined>(undefined);

const MAX_SAMPLES = 900;
const MAX_MARKS = 22_000;
const MAX_EVENTS = 1_000;

/** Another agent is opened: forgets what is known of the last one. */
export function otherAgent(): void {
  batch(() => {
    agent.value = undefined;
    agentEvents.value = [];
    agentTasks.value = undefined;
    ownChart.value = undefined;
    seenSteps.value = [];
  });
}

export function take({ name, data }: Message): void {
  batch(() => {
    switch (name) {
      case 'hello':
        hello.value = data;
        return serverSaid(data.now);
      case 'fleet':
        fleet.value = data;
        return;
      case 'needs':
        needs.value = data;
        return;
      case 'work':
        work.value = data;
        return;
      case 'questions':
        questions.value = data.questions;
        return;
      case 'limits':
        limits.value = data;
        return;
      case 'chart':
        ownChart.value = data.chart ?? undefined;
        seenSteps.value = data.steps;
        return;
      case 'tasks':
        agentTasks.value = data.tasks;
        return;
      case 'samples':
        serverSaid(data.now);
        samples.value = (data.reset ? [] : samples.value).concat(data.samples).slice(-MAX_SAMPLES);
        return;
      case 'marks':
        marks.value = (data.reset ? [] : marks.value).concat(data.marks).slice(-MAX_MARKS);
        return;
      case 'agents':
        return takeAgents(data);
      case 'coordination':
        coordination.value = data;
        return;
      case 'pools':
        pools.value = data.pools;
        return;
      case 'agent':
        agent.value = data.detail;
        return;
      case 'events':
        agentEvents.value = (data.reset ? [] : agentEvents.value).concat(data.events).slice(-MAX_EVENTS);
        return;
      default:
    }
  });
}

function takeAgents({ reset, agents: rows, gone, more }: StreamMessages['agents']): void {
  if (reset) agents.clear();
  for (const id of gone) agents.delete(id);
  for (const row of rows) agents.set(row.id, row);
  agentsComplete.value = !more;
  agentsVersion.value += 1;
}
