/** The charts that have a picture. To add one: a line here, then `node visualizations/render.ts`. */
import type { AnyStateMachine } from 'xstate';
import { agentMachine, supervisorMachine } from '../src/machines/index.ts';
import type { IsCommand } from './transition-kind.ts';

export interface Chart {
  /** Name of its files. */
  readonly name: string;
  readonly title: string;
  readonly machine: AnyStateMachine;
  readonly isCommand: IsCommand;
}

export const charts: readonly Chart[] = [
  {
    name: 'agent',
    title: 'The life of an agent',
    machine: agentMachine,
    isCommand: (event) => event.startsWith('agent.'),
  },
  {
    name: 'supervisor',
    title: 'Restart permits of the fleet',
    machine: supervisorMachine,
    isCommand: (event) => event === 'permit.requested',
  },
];
