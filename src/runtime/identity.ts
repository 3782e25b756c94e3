/**
 * What tells one version of a chart or a definition from another: a hash that is kept in the store, so that a
 * program which finds another one there can say so.
 *
 * A chart's covers its states, transitions, guards, actions and delays by name; a definition's what it declares
 * and the text of its functions. What those functions call is not seen.
 */
import { createHash } from 'node:crypto';
import type { AnyStateMachine } from 'xstate';
import { agentMachine, supervisorMachine } from '../machines/index.ts';
import type { AnyAgentDefinition } from './define-agent.ts';
import { isSchema, type Schema } from './schema.ts';

export interface Identity {
  readonly name: string;
  readonly hash: string;
}

let charts: readonly Identity[] | undefined;

/** The charts whose lives a store keeps. */
export function chartIdentities(): readonly Identity[] {
  charts ??= [agentMachine, supervisorMachine].map((machine: AnyStateMachine) => ({
    name: `chart:${machine.id}`,
    hash: hashOf(JSON.stringify(machine.definition)),
  }));
  return charts;
}

/** The hash of a definition; to be kept by whoever asks, for it is not cheap. */
export function definitionHash(definition: AnyAgentDefinition): string {
  return hashOf(
    JSON.stringify(definition, (_, value: unknown) => (isSchema(value) ? schemaText(value) : textOf(value))),
  );
}

/** What a schema shows of itself: much with zod, little with a library whose schemas are closures. */
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

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
