/** The charts that have a picture. To add one: a line here, then `node visualizations/render.ts`. */
import type { AnyStateMachine } from 'xstate';
import {
  agentMachine,
  autoscalerMachine,
  budgetMachine,
  consensusMachine,
  coordinatorMachine,
  poolMachine,
  positionOf,
  progressMachine,
  questionMachine,
  quotaMachine,
  supervisorMachine,
  taskMachine,
} from '../src/machines/index.ts';
import type { Statuses } from './status-graph.ts';
import type { IsCommand } from './transition-kind.ts';

export interface Chart {
  /** Name of its files. */
  readonly name: string;
  readonly title: string;
  readonly machine: AnyStateMachine;
  readonly isCommand: IsCommand;
  /** What its states are called in public: it has a second picture then, of these alone. */
  readonly statuses?: Statuses & { readonly title: string };
}

/** The public status of a state of the agent chart, as the API says it, in the groups that the chart has. */
function agentStatusOf(path: string): string {
  const { status, isAlive } = positionOf(path as Parameters<typeof positionOf>[0]);
  const isServing = status === 'running' || status === 'unresponsive';
  return isServing ? `alive.serving.${status}` : isAlive ? `alive.${status}` : status;
}

export const charts: readonly Chart[] = [
  {
    name: 'agent',
    title: 'The life of an agent',
    machine: agentMachine,
    isCommand: (event) => event.startsWith('agent.'),
    statuses: {
      title: 'The public statuses of an agent',
      statusOf: agentStatusOf,
      leaveOut: ['life.resumed', 'error.body'],
      descriptions: {
        registered: 'Known, never started.',
        alive: 'It has a body, which is supervised.',
        'alive.starting': 'The body loads and runs its init; tasks wait.',
        'alive.serving': '',
        'alive.serving.running': 'Takes tasks, answers health checks.',
        'alive.serving.unresponsive': 'Missed a health check.',
        'alive.stopping': 'Drains, saves, ends; or is being killed.',
        crashed: 'Ended by anything else. Waits for its restart, for an operator, or was given up.',
        stopped: 'Was asked to end.',
        completed: 'Finished its work.',
        forgotten: 'No longer listed.',
      },
    },
  },
  {
    name: 'supervisor',
    title: 'Restart permits of the fleet',
    machine: supervisorMachine,
    isCommand: (event) => event === 'permit.requested',
  },
  {
    name: 'quota',
    title: 'A limit that somebody else keeps',
    machine: quotaMachine,
    isCommand: () => false,
  },
  {
    name: 'budget',
    title: 'A budget: what may be spent',
    machine: budgetMachine,
    isCommand: (event) => event === 'budget.refill' || event === 'budget.limit',
  },
  {
    name: 'task',
    title: 'The life of a task',
    machine: taskMachine,
    isCommand: (event) =>
      event === 'task.accepted' || event === 'task.cancelled' || event === 'task.forgotten',
  },
  {
    name: 'progress',
    title: 'Whether a task gets on',
    machine: progressMachine,
    isCommand: () => false,
  },
  {
    name: 'question',
    title: 'A question of a task to a person',
    machine: questionMachine,
    isCommand: (event) => event === 'question.answered',
  },
  {
    name: 'coordinator',
    title: 'Coordination, and life without it',
    machine: coordinatorMachine,
    isCommand: (event) => event === 'round.requested' || /^coordination\.(suspend|resume|close)$/.test(event),
  },
  {
    name: 'consensus',
    title: 'One round: one proposal to one outcome',
    machine: consensusMachine,
    isCommand: (event) => event === 'round.cut',
  },
  {
    name: 'pool',
    title: 'A pool: as many members as it should have',
    machine: poolMachine,
    isCommand: (event) => event.startsWith('pool.'),
  },
  {
    name: 'autoscaler',
    title: 'A pool that sizes itself',
    machine: autoscalerMachine,
    isCommand: (event) => event.startsWith('autoscaler.'),
  },
];
