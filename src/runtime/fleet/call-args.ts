/** What a task may say when it calls other agents. */
import { z } from 'zod';
import { givenFields } from '../../machines/given-fields.ts';
import { durationMs, parentRule } from '../../machines/index.ts';
import { type AnyAgentDefinition, isAgentDefinition } from '../definition/define-agent.ts';
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
