/** The refusal of a call that would wait for itself (`WAIT_CIRCLE`). */
import { AgentSystemError } from '../../runtime/values/errors.ts';
import { agentOfTask } from './task-entries.ts';

/**
 * @param chain the tasks that wait for the call, that of its caller last
 * @param called the one of them that it would wait for
 */
export function waitCircle(chain: readonly string[], called: string): AgentSystemError {
  const way = [chain.at(-1)!, ...chain.slice(chain.indexOf(called))];
  const circle = way.map((taskId) => agentOfTask(taskId)!);
  const agentId = circle[0]!;
  const message = `agent ${agentId} would wait for itself: ${circle.join(' → ')}`;
  const details = { circle, tasks: way.slice(0, -1) };
  return new AgentSystemError('WAIT_CIRCLE', message, { agentId, details });
}
