/**
 * Which node an agent's next body runs on: a pure decider over what the nodes have said of themselves.
 *
 * Among the live nodes that can run it, the one with the most free reserved memory; among equals, the one with the
 * fewest agents; among equals, the first by name.
 */

/** What a spec asks of its node. */
export interface PlacementWish {
  readonly node?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** Where a body is to run. */
export interface Placement {
  readonly node: string;
  /** The life of the node: one that begins anew has lost all bodies of the last. */
  readonly epoch: string;
}

/** A body that needs a node. */
export interface Occupant {
  readonly agentId: string;
  /** The incarnation that it will have. */
  readonly incarnation: number;
  readonly type: string;
  /** Whether any node can load its module: it is named by a URL. */
  readonly isModule: boolean;
  readonly memoryBytes: number;
  readonly wish: PlacementWish;
}

/** A node, and what is reserved on it. */
export interface NodeEntry {
  readonly name: string;
  readonly epoch: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Types of agents whose code it has. */
  readonly types: readonly string[];
  readonly maxAgents: number;
  readonly maxMemoryBytes: number;
  /** Epoch ms of the last sign of life. */
  beatAt: number;
  isDraining: boolean;
  agents: number;
  memoryBytes: number;
}

export type Decision = { readonly node: NodeEntry } | { readonly problem: string };

/** Pure. */
export function decidePlacement(nodes: readonly NodeEntry[], occupant: Occupant): Decision {
  const { type, isModule, memoryBytes, wish } = occupant;
  if (nodes.length === 0) return { problem: 'no node of the fleet is alive' };
  const able = nodes.filter(({ types }) => isModule || types.includes(type));
  if (able.length === 0) return { problem: `no live node has the code of type ${type}` };
  const wanted = able.filter(
    ({ name, labels }) =>
      (wish.node === undefined || wish.node === name) &&
      Object.entries(wish.labels ?? {}).every(([key, value]) => labels[key] === value),
  );
  if (wanted.length === 0) {
    return { problem: `no live node fits its placement ${JSON.stringify(wish)}` };
  }
  const taking = wanted.filter(({ isDraining }) => !isDraining);
  if (taking.length === 0) return { problem: 'every node that it could run on is draining' };
  let best: NodeEntry | undefined;
  for (const node of taking) {
    const hasRoom = node.agents < node.maxAgents && node.memoryBytes + memoryBytes <= node.maxMemoryBytes;
    if (hasRoom && (best === undefined || isBetter(node, best))) best = node;
  }
  if (best !== undefined) return { node: best };
  return { problem: `no node has room for one agent more with ${memoryBytes} bytes reserved` };
}

function isBetter(node: NodeEntry, best: NodeEntry): boolean {
  const [free, bestFree] = [freeOf(node), freeOf(best)];
  if (free !== bestFree) return free > bestFree;
  if (node.agents !== best.agents) return node.agents < best.agents;
  return node.name < best.name;
}

function freeOf({ maxMemoryBytes, memoryBytes }: NodeEntry): number {
  return maxMemoryBytes === Infinity ? Infinity : maxMemoryBytes - memoryBytes;
}
