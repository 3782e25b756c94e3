/** Texts about an agent's life: why it did not start, why nothing begins, and what needs an operator. */
import {
  type AgentContext,
  type AlertKind,
  describeExit,
  type ErrorInfo,
  type ExitReason,
} from '../../machines/index.ts';
import { AgentSystemError, errorFrom } from '../values/errors.ts';
import type { KeptSpec } from './agent-terms.ts';

/** @param thrown what the body threw, if that is known */
export function startFailure(
  { id: agentId, startTimeoutMs }: KeptSpec,
  reason: ExitReason,
  thrown: unknown,
): AgentSystemError {
  const details = { reason };
  if (reason === 'start_timed_out') {
    const message = `agent ${agentId} was not ready within ${startTimeoutMs} ms`;
    return new AgentSystemError('AGENT_START_TIMED_OUT', message, { agentId, details });
  }
  const isError = typeof reason === 'object' && 'error' in reason;
  const cause = isError ? (thrown ?? errorFrom(reason.error)) : undefined;
  const message = `agent ${agentId} did not start: ${describeExit(reason)}`;
  return new AgentSystemError('AGENT_START_FAILED', message, { agentId, cause, details });
}

export function alertText(
  { id, restart }: KeptSpec,
  alert: AlertKind,
  why: ExitReason,
  error: ErrorInfo | undefined,
): string {
  if (alert === 'state_not_saved') return `agent ${id} ends, and its state was not saved: ${error?.message}`;
  if (alert === 'restart_required') {
    return `agent ${id} crashed, and its restart policy is manual: start it when its cause is known (${describeExit(why)})`;
  }
  const { maxRestarts, withinMs } = restart;
  return `agent ${id} crashed more than ${maxRestarts} times within ${withinMs} ms (${describeExit(why)})`;
}

/** Why no task begins while its agent ends, for the callers of those that wait. */
export function whyNothingBegins({ ordered, paused }: AgentContext): string {
  if (ordered?.reason === 'normal') return 'the agent has completed';
  return `the agent is ending, and is ${paused === undefined ? 'parked' : 'paused'}`;
}
