/**
 * Which node an agent's next body runs on: a pure decider over what the nodes have reported.
 *
 * Among the live nodes that can run it, the one that runs its group; where none does, the one with the most free
 * reserved memory; among equals, the one with the fewest agents; among equals, the first by name.
 *
 * I1  Members of a group share one child of their node and its limit: the first of them reserves it for all.
 * I2  While nodes have code of different versions, a state goes to one that can read it.
 */
import type { KeptSpec } from '../../runtime/agent/agent-terms.ts';
import type { AgentManifest } from '../../runtime/definition/manifest.ts';

/** What a spec requires of its node. */
export interface PlacementWish {
  readonly node?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** Where a body is to run. */
export interface Placement {
  readonly node: string;
  /** The life of the node: one that begins anew has lost all bodies of the last. */
  readonly epoch: string;
  /** The number of losses and returns of coordination when it was given: coordination is away while it is odd. */
  readonly turns?: number | undefined;
}

/** A body that needs a node. */
export interface Occupant {
  readonly agentId: string;
  /** The incarnation that it will have. */
  readonly incarnation: number;
  readonly type: string;
  /** Whether any node can load its module: it is named by a URL. */
  readonly isModule: boolean;
  /** The version of the states of the code that it ran last; 1 if nothing is said. */
  readonly stateVersion?: number;
  /** The address of its module, where the version matters. */
  readonly module?: string;
  readonly memoryBytes: number;
  /** The group, whose members share one child process. */
  readonly group?: string | undefined;
  readonly wish: PlacementWish;
}

/** A module that was given to the node is named by its type, another by its address. */
export type ModuleVersions = readonly (readonly [module: string, stateVersion: number])[];

/** A node as it describes itself. */
export interface NodeDescription {
  readonly name: string;
  /** One that begins anew has another. */
  readonly epoch: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Types of agents whose code it has. */
  readonly types: readonly string[];
  /** Up to which version its code of each of them reads states; `null` where only a child process knows. */
  readonly stateVersions?: readonly (number | null)[];
  /** The same of modules that have run there: nothing of those that have not. */
  moduleVersions?: ModuleVersions;
  readonly maxAgents: number;
  readonly maxMemoryBytes: number;
}

/** A node, and what is reserved on it. */
export interface NodeEntry extends NodeDescription {
  /** Epoch ms of the last sign of life. */
  beatAt: number;
  isDraining: boolean;
  agents: number;
  memoryBytes: number;
  /** The groups that run there: their members, and what the first member has reserved for all. */
  groups?: Record<string, { members: number; readonly memoryBytes: number }>;
}

export type Decision = { readonly node: NodeEntry } | { readonly problem: string };

/** Pure. */
export function decidePlacement(nodes: readonly NodeEntry[], occupant: Occupant): Decision {
  const { type, isModule, memoryBytes, group, wish } = occupant;
  if (nodes.length === 0) return { problem: 'no node of the fleet is alive' };
  const able = nodes.filter(({ types }) => isModule || types.includes(type));
  if (able.length === 0) return { problem: `no live node has the code of type ${type}` };
  const wanted = able.filter((node) => fitsWish(node, wish));
  if (wanted.length === 0) {
    return { problem: `no live node fits its placement ${JSON.stringify(wish)}` };
  }
  const open = wanted.filter(({ isDraining }) => !isDraining);
  if (open.length === 0) return { problem: 'every node that it could run on is draining' };
  const taking = readersAmong(open, occupant);
  let best: NodeEntry | undefined;
  for (const node of taking) {
    const runsGroup = groupOn(node, group) !== undefined;
    const added = runsGroup ? 0 : memoryBytes;
    const hasRoom = node.agents < node.maxAgents && node.memoryBytes + added <= node.maxMemoryBytes;
    if (hasRoom && runsGroup) return { node };
    if (hasRoom && (best === undefined || isBetter(node, best))) best = node;
  }
  if (best !== undefined) return { node: best };
  return { problem: `no node has room for one agent more with ${memoryBytes} bytes reserved` };
}

/** Where an agent of this spec may run, and what it needs there. */
export function placeAsked(
  spec: KeptSpec,
  { type, stateVersion }: Pick<AgentManifest, 'type' | 'stateVersion'>,
): PlaceAsked {
  const { group, maxMemoryBytes = 0 } = spec.resources;
  return {
    type,
    isModule: 'url' in spec.module,
    ...(stateVersion === 1 ? {} : { stateVersion }),
    ...(stateVersion === 1 || !('url' in spec.module) ? {} : { module: spec.module.url }),
    memoryBytes: maxMemoryBytes,
    ...(group === undefined ? {} : { group }),
    wish: (spec as { readonly placement?: PlacementWish }).placement ?? {},
  };
}

/** How many agents like this one the nodes that may run it have room for. Pure. */
export function roomFor(nodes: readonly NodeEntry[], occupant: PlaceAsked): number {
  const { type, isModule, memoryBytes, group, wish } = occupant;
  const isFree = memoryBytes === 0 || group !== undefined;
  const open = nodes.filter(
    (node) => (isModule || node.types.includes(type)) && fitsWish(node, wish) && !node.isDraining,
  );
  return readersAmong(open, occupant)
    .map(({ maxAgents, agents, maxMemoryBytes, memoryBytes: reserved }) =>
      Math.min(maxAgents - agents, isFree ? Infinity : Math.floor((maxMemoryBytes - reserved) / memoryBytes)),
    )
    .reduce((sum, room) => sum + Math.max(0, room), 0);
}

export type PlaceAsked = Omit<Occupant, 'agentId' | 'incarnation'>;

/** Those whose code reads its state. If there is none any will do: the start there fails, and names both versions. */
function readersAmong(
  nodes: readonly NodeEntry[],
  { type, isModule, module = type, stateVersion = 1 }: PlaceAsked,
): readonly NodeEntry[] {
  const readers = nodes.filter(({ types, stateVersions = [], moduleVersions = [] }) => {
    const own = stateVersions[types.indexOf(type)];
    if (!isModule && typeof own === 'number') return own >= stateVersion;
    // A module that was given to the node runs there in place of the one that a spec names.
    const [, told = Infinity] = moduleVersions.find(([of]) => of === (own === null ? type : module)) ?? [];
    return told >= stateVersion;
  });
  return readers.length === 0 ? nodes : readers;
}

function fitsWish({ name, labels }: NodeEntry, wish: PlacementWish): boolean {
  return (
    (wish.node === undefined || wish.node === name) &&
    Object.entries(wish.labels ?? {}).every(([key, value]) => labels[key] === value)
  );
}

/** It is there from now on. */
export function takePlace(node: NodeEntry, { group, memoryBytes }: PlaceTaken): void {
  node.agents += 1;
  if (group === undefined) {
    node.memoryBytes += memoryBytes;
    return;
  }
  const known = groupOn(node, group);
  if (known !== undefined) known.members += 1;
  else {
    node.memoryBytes += memoryBytes;
    node.groups = { ...node.groups, [group]: { members: 1, memoryBytes } };
  }
}

/** It is there no longer. */
export function leavePlace(node: NodeEntry, { group, memoryBytes }: PlaceTaken): void {
  node.agents -= 1;
  if (group === undefined) {
    node.memoryBytes -= memoryBytes;
    return;
  }
  const known = groupOn(node, group);
  if (known === undefined) return;
  known.members -= 1;
  if (known.members > 0) return;
  node.memoryBytes -= known.memoryBytes;
  const { [group]: _, ...others } = node.groups!;
  node.groups = others;
}

function groupOn({ groups }: NodeEntry, group: string | undefined) {
  if (group === undefined || groups === undefined || !Object.hasOwn(groups, group)) return undefined;
  return groups[group];
}

type PlaceTaken = Pick<Occupant, 'group' | 'memoryBytes'>;

function isBetter(node: NodeEntry, best: NodeEntry): boolean {
  const [free, bestFree] = [freeOf(node), freeOf(best)];
  if (free !== bestFree) return free > bestFree;
  if (node.agents !== best.agents) return node.agents < best.agents;
  return node.name < best.name;
}

function freeOf({ maxMemoryBytes, memoryBytes }: NodeEntry): number {
  return maxMemoryBytes === Infinity ? Infinity : maxMemoryBytes - memoryBytes;
}
