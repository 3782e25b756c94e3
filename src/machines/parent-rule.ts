/**
 * What happens to the children of an agent once that agent has ended for good.
 *
 * A parent that crashes and comes back has not ended: its children live on.
 * The rules are those of OTP: links between processes, and a supervisor’s children.
 */
import { z } from 'zod';
import type { AgentLife } from './agent-life.ts';

/** `stop`: it is stopped in order. `kill`: it is ended at once. `detach`: it lives on. */
export const parentRule = z.enum(['stop', 'kill', 'detach']);
export type ParentRule = z.infer<typeof parentRule>;

/** States in which a life rests and does not come back by itself. */
const ENDS: ReadonlySet<AgentLife['at']> = new Set([
  'stopped',
  'completed',
  'leftDown',
  'awaitingOperator',
  'gaveUp',
]);

/** Whether a life that rests there has ended for good: only a person brings it back. Pure. */
export function hasEndedForGood(at: AgentLife['at']): boolean {
  return ENDS.has(at);
}

/** How a child is stopped by this rule: its grace in ms, or its own; `undefined` where it lives on. Pure. */
export function orphanedStop(rule: ParentRule): { readonly timeoutMs?: number } | undefined {
  if (rule === 'detach') return undefined;
  return rule === 'kill' ? { timeoutMs: 0 } : {};
}
