/** What a task may say when it calls other agents, and that what is kept of it holds no secret of the caller. */
import { z } from 'zod';
import { givenFields } from '../../machines/given-fields.ts';
import { durationMs, parentRule } from '../../machines/index.ts';
import { type AnyAgentDefinition, isAgentDefinition } from '../definition/define-agent.ts';
import { AgentSystemError } from '../values/errors.ts';
import { readInput } from '../values/malformed.ts';
import { splitSecrets } from '../values/secret-paths.ts';
import { taskTarget } from './task-submission.ts';

const streamedTask = z.strictObject({
  type: z.string(),
  input: z.unknown().optional(),
  timeoutMs: durationMs.exactOptional(),
  whenDown: z.enum(['refuse', 'wait']).exactOptional(),
});

/** Arguments of `agents.execute`, `agents.stream`, `agents.spawn` and `agents.stop`. */
export const executeArgs = z.strictObject({
  target: taskTarget,
  task: givenFields(streamedTask.extend({ idempotencyKey: z.string().min(1).max(1_024).exactOptional() })),
});
export const streamArgs = z.strictObject({ target: taskTarget, task: givenFields(streamedTask) });
export const spawnArgs = z.strictObject({
  spec: z.record(z.string(), z.unknown()),
  module: z.union([z.strictObject({ url: z.url() }), z.custom<AnyAgentDefinition>(isAgentDefinition)], {
    error: 'expected the URL of a module; in-process a defineAgent value, too',
  }),
  parent: parentRule.default('stop'),
});
export const stopArgs = givenFields(
  z.strictObject({ id: z.string(), timeoutMs: durationMs.exactOptional() }),
);
export type ExecuteArgs = z.output<typeof executeArgs>;

/**
 * What is kept of a child: all of its spec but what that itself calls a secret.
 *
 * @throws AgentSystemError `AGENT_SPEC_INVALID` for `initArgs` that cannot be read
 */
export function keptOfChild(spec: z.output<typeof spawnArgs>['spec']): object {
  const { initArgs, secrets } = spec;
  const paths = Array.isArray(secrets) ? secrets.filter((path) => typeof path === 'string') : [];
  const { shown } = readInput(() => splitSecrets(initArgs, paths), { what: 'spec: initArgs' });
  return { ...spec, initArgs: shown };
}

/**
 * @param kept what is kept of a call
 * @param hide gives the same data where no secret of the caller is in it
 * @throws AgentSystemError `REQUEST_INVALID` where one is
 */
export function refuseSecrets<Kept>(
  what: string,
  kept: Kept,
  hide: (kept: Kept) => Kept,
  agentId: string,
): void {
  if (hide(kept) === kept) return;
  const message = `${what}: it holds a secret of the initArgs, and is kept`;
  throw new AgentSystemError('REQUEST_INVALID', message, { agentId });
}
