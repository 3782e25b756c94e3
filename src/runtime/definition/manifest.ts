/**
 * A definition's manifest as data, with a hash that identifies its version.
 */
import { createHash } from 'node:crypto';
import type { ProgressInput } from '../../machines/progress.ts';
import type { RetryPolicy } from '../../machines/retry-policy.ts';
import type { AnyAgentDefinition } from './define-agent.ts';
import type { KindRetryOptions } from './task-kind.ts';
import { isSchema, type Schema } from '../values/schema.ts';

/** What a parent knows of an agent in another thread or process. */
export interface AgentManifest {
  readonly type: string;
  readonly capabilities: readonly string[];
  readonly variables: readonly string[];
  readonly votes: boolean;
  readonly stateVersion: number;
  /** Hash that identifies the version of the definition. */
  readonly hash: string;
  /** If its behaviour is a chart: hash of the shape that its snapshots depend on. */
  readonly chart?: string;
  /** The limit that it shares with others. */
  readonly quota?: string;
  readonly tasks: Readonly<Record<string, TaskManifest>>;
}

/** One kind of task. */
export interface TaskManifest {
  readonly requires: readonly string[];
  /** Whether its work may be begun again after the loss of its program. */
  readonly retry: boolean;
  /** For callers that give none; ms. */
  readonly timeoutMs?: number;
  /** How often it is tried, where more than once; `when` stays with the definition. */
  readonly policy?: RetryPolicy;
  readonly priority?: number;
  readonly concurrency?: number;
  readonly stall?: ProgressInput;
}

const manifests = new WeakMap<AnyAgentDefinition, AgentManifest>();

/** Made once for each definition. */
export function manifestOf(definition: AnyAgentDefinition): AgentManifest {
  let manifest = manifests.get(definition);
  if (manifest === undefined) {
    const tasks = Object.entries(definition.tasks).map(
      ([name, task]) => [name, manifestOfTask(task)] as const,
    );
    manifest = {
      type: definition.type,
      capabilities: Object.freeze([...definition.capabilities]),
      variables: Object.freeze([...definition.variables]),
      votes: definition.vote !== undefined,
      stateVersion: definition.stateVersion ?? 1,
      hash: hashOf(definition),
      ...(definition.chart ? { chart: definition.chart.identity } : {}),
      ...(definition.quota === undefined ? {} : { quota: definition.quota }),
      tasks: Object.assign(Object.create(null), Object.fromEntries(tasks)) as AgentManifest['tasks'],
    };
    manifests.set(definition, manifest);
  }
  return manifest;
}

function manifestOfTask({
  requires = [],
  retry,
  timeoutMs = Infinity,
  priority,
  concurrency,
  stalledAfterMs = Infinity,
  onStall = 'warn',
}: AnyAgentDefinition['tasks'][string]): TaskManifest {
  return {
    requires,
    retry: retry !== undefined && retry !== 'never',
    ...(timeoutMs === Infinity ? {} : { timeoutMs }),
    ...(typeof retry === 'object' ? { policy: policyOf(retry) } : {}),
    ...(priority === undefined ? {} : { priority }),
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(stalledAfterMs === Infinity ? {} : { stall: { stalledAfterMs, onStall } }),
  };
}

function policyOf({ when: _, ...policy }: KindRetryOptions): RetryPolicy {
  // It has its defaults: the definition was parsed.
  return policy as RetryPolicy;
}

/** A task with the `timeoutMs` of its kind, where its caller has given none. */
export function withTimeout<Task extends { readonly type: string; readonly timeoutMs?: number | undefined }>(
  task: Task,
  kind: Pick<TaskManifest, 'timeoutMs'> | undefined,
): Task {
  const timeoutMs = kind?.timeoutMs;
  return timeoutMs === undefined || task.timeoutMs !== undefined ? task : { ...task, timeoutMs };
}

/** Of what it declares, and of the text of its functions; what those functions call is not seen. Not cheap. */
function hashOf(definition: AnyAgentDefinition): string {
  const text = JSON.stringify(definition, (_, value: unknown) =>
    isSchema(value) ? schemaText(value) : textOf(value),
  );
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/** The readable part of a schema: much with zod, little with a library whose schemas are closures. */
function schemaText(schema: Schema): string {
  try {
    return JSON.stringify(schema, (_, value: unknown) => textOf(value));
  } catch {
    return schema['~standard'].vendor;
  }
}

function textOf(value: unknown): unknown {
  return typeof value === 'function' ? Function.prototype.toString.call(value) : value;
}
