/**
 * Where the code of each type of agent is in this program: `agents: [definition | { type, module: URL }]`.
 *
 * An agent is bound to its type. Where its code was when it was registered is a fact of that program, not of the
 * agent.
 */
import { z } from 'zod';
import { inWords } from '../values/errors.ts';
import { type AnyAgentDefinition, isAgentDefinition } from './define-agent.ts';

/** The module whose default export defines the agents of a type. */
export interface ModuleBinding {
  readonly type: string;
  readonly module: URL;
}

/** What is given for the agents of one type. */
export type AgentCode = AnyAgentDefinition | ModuleBinding;

/** What is found by type: a definition of this program, or the module of one. */
export type BoundCode = AnyAgentDefinition | URL;

const bindingSchema = z.strictObject({ type: z.string().min(1), module: z.instanceof(URL) });

/** Definitions and modules that are found by their type, in options. */
export const agentCodeList = z
  .array(
    z.custom<AgentCode>((value) => isAgentDefinition(value) || bindingSchema.safeParse(value).success, {
      error: 'expected a defineAgent value, or { type, module } with the URL of a module',
    }),
  )
  .default([])
  .superRefine((given, issues) => {
    const types = new Set<string>();
    for (const { type } of given) {
      if (types.has(type)) issues.addIssue(`two definitions of type ${inWords(type)}`);
      types.add(type);
    }
  });

export function codeByType(given: readonly AgentCode[]): ReadonlyMap<string, BoundCode> {
  return new Map(given.map((code) => [code.type, isAgentDefinition(code) ? code : code.module]));
}
