/** Why an agent's state does not allow a command, in the words and codes of the public API. Pure. */
import type { AgentCommand, AgentPosition } from '../../machines/index.ts';
import { AgentSystemError, type ErrorCode } from '../values/errors.ts';

export function commandRefusal(
  agentId: string,
  command: AgentCommand,
  position: AgentPosition,
): AgentSystemError {
  const { status, path } = position;
  const legal = [...position.legal];
  const allowed = legal.length === 0 ? 'nothing is allowed here' : `allowed here: ${legal.join(', ')}`;
  const where = path === status ? status : `${status} (${path})`;
  return new AgentSystemError(
    codeOf(command, position),
    `agent ${agentId} is ${where}, ${command} is not possible; ${allowed}`,
    { agentId, details: { status, state: path, command, legal } },
  );
}

function codeOf(command: AgentCommand, { status, isAlive }: AgentPosition): ErrorCode {
  switch (command) {
    case 'execute':
      return 'AGENT_NOT_RUNNING';
    case 'stop':
    case 'kill':
      return isAlive ? 'AGENT_ILLEGAL_COMMAND' : 'AGENT_NOT_RUNNING';
    case 'start':
    case 'restart':
      return isAlive && status !== 'stopping' ? 'AGENT_ALREADY_RUNNING' : 'AGENT_ILLEGAL_COMMAND';
    default:
      return 'AGENT_ILLEGAL_COMMAND';
  }
}
