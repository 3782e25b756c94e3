/** The chart that is an agent's own behaviour, from the stream. */
import { signal } from '@preact/signals';
import type { SeenStep } from '../../src/dashboard/protocol.ts';
import type { AgentChart } from '../../src/index.ts';

export const ownChart = signal<AgentChart | undefined>(undefined);
/** The newest first. */
export const seenSteps = signal<readonly SeenStep[]>([]);

/** The innermost of the states. */
export function leaves(active: readonly string[]): readonly string[] {
  return active.filter((path) => !active.some((other) => other.startsWith(`${path}.`)));
}
