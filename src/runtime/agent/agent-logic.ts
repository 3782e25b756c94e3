/** The agent chart with its effects: each is handed to the agent it names. Provided once, for all agents. */
import { agentMachine, type AgentEffect, bodyLogic } from '../../machines/index.ts';
import type { Agent } from './agent.ts';

type Params<Type extends AgentEffect['type']> = Omit<Extract<AgentEffect, { type: Type }>, 'type'> & {
  readonly id: string;
};

export function agentLogic(agentOf: (id: string) => Agent): typeof agentMachine {
  return agentMachine.provide({
    actors: {
      body: bodyLogic(({ agentId, incarnation }, body) => agentOf(agentId).openBody(incarnation, body)),
    },
    actions: {
      announce: (_, params: Params<'announce'>) => agentOf(params.id).announce(params),
      commandBody: (_, { id, command }: Params<'commandBody'>) => agentOf(id).commandBody(command),
      commandMailbox: (_, { id, command }: Params<'commandMailbox'>) => agentOf(id).commandMailbox(command),
      watchHealth: (_, { id, command }: Params<'watchHealth'>) => agentOf(id).watchHealth(command),
      handlePermit: (_, { id, command }: Params<'handlePermit'>) => agentOf(id).handlePermit(command),
      raiseAlert: (_, { id, alert, error }: Params<'raiseAlert'>) => agentOf(id).raiseAlert(alert, error),
      clearAlerts: (_, { id }: Params<'clearAlerts'>) => agentOf(id).clearAlerts(),
    },
  });
}
