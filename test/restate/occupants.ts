/** Nodes, and agents that ask for a place on one, as tests of placement make them. */
import type { JoiningNode } from '../../src/restate/nodes/nodes-object.ts';
import type { Occupant } from '../../src/restate/nodes/placement.ts';
import type { KnownNode } from '../../src/restate/nodes/reservations.ts';

export function joining(name: string, more: Partial<JoiningNode> = {}): JoiningNode {
  return {
    name,
    epoch: `${name}-1`,
    labels: {},
    types: ['worker'],
    maxAgents: 2,
    maxMemoryBytes: Infinity,
    leaseMs: 1_000,
    ...more,
  };
}

/** One that nobody is on yet. */
export function known(name: string, more: Partial<KnownNode> = {}): KnownNode {
  return { ...joining(name), beatAt: 0, isDraining: false, agents: 0, memoryBytes: 0, ...more };
}

export function asking(agentId: string, incarnation = 1, memoryBytes = 10): Occupant {
  return { agentId, incarnation, type: 'worker', isModule: false, memoryBytes, wish: {} };
}
