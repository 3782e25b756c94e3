/** The agent chart with its effects: each is handed to the agent whose chart it is. Provided once, for all agents. */
import { type AgentContext, agentMachine, bodyLogic } from '../../machines/index.ts';
import type { Agent } from './agent.ts';

interface Here {
  readonly context: AgentContext;
}

export function agentLogic(agentWith: (id: string) => Agent): typeof agentMachine {
  const agentOf = ({ context }: Here) => agentWith(context.id);
  return agentMachine.provide({
    actors: {
      body: bodyLogic(({ agentId, incarnation }, body) => agentWith(agentId).openBody(incarnation, body)),
    },
    actions: {
      announce: (here, params) => agentOf(here).announce(params),
      commandBody: (here, { command }) => agentOf(here).commandBody(command),
      commandMailbox: (here, { command }) => agentOf(here).commandMailbox(command),
      watchHealth: (here, { command }) => agentOf(here).watchHealth(command),
      handlePermit: (here, { command }) => agentOf(here).handlePermit(command),
      raiseAlert: (here, { alert, error }) => agentOf(here).raiseAlert(alert, error),
      clearAlerts: (here) => agentOf(here).clearAlerts(),
    },
  });
}
