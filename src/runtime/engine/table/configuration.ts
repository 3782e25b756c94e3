/**
 * Which states a transition leaves and enters, given the active ones: SCXML's sets, in the order and with the corner
 * cases of XState 5, over the nodes that XState has parsed. Pure.
 */
import type { AnyStateMachine } from 'xstate';

export type StateNode = AnyStateMachine['root'];

/** One that was parsed, or the one that leads into the initial state. */
export interface Transition {
  readonly source: StateNode;
  readonly target: readonly StateNode[] | undefined;
  readonly reenter: boolean;
  readonly actions: readonly unknown[];
  readonly guard?: unknown;
}

/** Nodes that were active below a history node's parent when that was left, by the history node's id. */
export type HistoryValue = Readonly<Record<string, readonly StateNode[]>>;

/** Reads the history; that it was read says that the answer depends on it. */
export type Recall = (historyNode: StateNode) => readonly StateNode[] | undefined;

export interface EntrySet {
  /** In document order. */
  readonly entered: readonly StateNode[];
  /** Those whose initial transition was taken, too. */
  readonly byDefault: ReadonlySet<StateNode>;
}

const isHistory = (node: StateNode): boolean => node.type === 'history';
export const isAtomic = (node: StateNode): boolean => node.type === 'atomic' || node.type === 'final';
const childrenOf = (node: StateNode): readonly StateNode[] =>
  Object.values(node.states).filter((child) => !isHistory(child));

function isDescendant(node: StateNode, ancestor: StateNode | undefined): boolean {
  let marker = node;
  while (marker.parent && marker.parent !== ancestor) marker = marker.parent;
  return marker.parent === ancestor;
}

/** Parent first, up to `until`, which is not among them; none of `until` itself. */
export function ancestorsOf(node: StateNode, until?: StateNode): StateNode[] {
  const ancestors: StateNode[] = [];
  if (node === until) return ancestors;
  for (let marker = node.parent; marker && marker !== until; marker = marker.parent) ancestors.push(marker);
  return ancestors;
}

export function isFinal(active: ReadonlySet<StateNode>, node: StateNode): boolean {
  if (node.type === 'compound') return childrenOf(node).some((c) => c.type === 'final' && active.has(c));
  if (node.type === 'parallel') return childrenOf(node).every((child) => isFinal(active, child));
  return node.type === 'final';
}

/** A state and what is entered with it when nothing else is said. */
function initialNodes(node: StateNode, into = new Set<StateNode>()): Set<StateNode> {
  if (into.has(node)) return into;
  into.add(node);
  if (node.type === 'compound') initialNodes(node.initial.target[0]!, into);
  else if (node.type === 'parallel') for (const child of childrenOf(node)) initialNodes(child, into);
  return into;
}

/** The transition that every chart begins with. */
export function initialTransition(root: StateNode): Transition {
  return { source: root, target: [...initialNodes(root)], reenter: true, actions: [] };
}

/** Where a history node leads that has nothing to recall. */
function defaultOf(node: StateNode): Pick<Transition, 'target'> {
  const target: unknown = node.config.target;
  const parent = node.parent!;
  if (target === undefined || target === '') {
    return parent.type === 'parallel' ? { target: [parent] } : parent.initial;
  }
  const targets = Array.isArray(target) ? (target as unknown[]) : [target];
  return { target: targets.map((to) => (typeof to === 'string' ? nodeAt(parent, to) : (to as StateNode))) };
}

function nodeAt(from: StateNode, path: string): StateNode {
  if (path.startsWith('#')) return from.machine.getStateNodeById(path);
  let node = from;
  for (const key of pathKeys(path)) {
    if (key === '') break;
    const child = node.states[key];
    if (child === undefined) throw new Error(`Child state '${key}' does not exist on '${node.id}'`);
    node = child;
  }
  return node;
}

/** Keys between dots; a backslash takes the next character as it is. */
function pathKeys(path: string): string[] {
  return [...path.matchAll(/(?:^|\.)((?:\\.|[^.\\])*)/gs)].map(([, key]) => key!.replaceAll(/\\(.)/gs, '$1'));
}

function effectiveTargets({ target }: Pick<Transition, 'target'>, recall: Recall): StateNode[] {
  const targets = new Set<StateNode>();
  for (const node of target ?? []) {
    const reached = isHistory(node) ? (recall(node) ?? effectiveTargets(defaultOf(node), recall)) : [node];
    for (const one of reached) targets.add(one);
  }
  return [...targets];
}

/** The state inside which everything happens; `undefined` for a root that is left and entered again. */
function domainOf(transition: Transition, recall: Recall): StateNode | undefined {
  const { source, reenter } = transition;
  const targets = effectiveTargets(transition, recall);
  if (!reenter && targets.every((target) => target === source || isDescendant(target, source))) return source;
  const nodes = [...targets, source];
  for (const ancestor of ancestorsOf(nodes[0]!)) {
    if (nodes.slice(1).every((node) => isDescendant(node, ancestor))) return ancestor;
  }
  return reenter ? undefined : source.machine.root;
}

function exitSetOf(
  transitions: Iterable<Transition>,
  active: ReadonlySet<StateNode>,
  recall: Recall,
): Set<StateNode> {
  const exited = new Set<StateNode>();
  for (const transition of transitions) {
    if (!transition.target?.length) continue;
    const domain = domainOf(transition, recall);
    for (const node of active) if (isDescendant(node, domain)) exited.add(node);
  }
  return exited;
}

/** Innermost first. */
export function exitedBy(
  transitions: readonly Transition[],
  active: ReadonlySet<StateNode>,
  recall: Recall,
): StateNode[] {
  return [...exitSetOf(transitions, active, recall)].toSorted((a, b) => b.order - a.order);
}

/** Of transitions that leave the same state, the one from further inside, or else the first. */
export function withoutConflicts(
  transitions: readonly Transition[],
  active: ReadonlySet<StateNode>,
  recall: Recall,
): readonly Transition[] {
  if (transitions.length < 2) return transitions;
  const kept = new Set<Transition>();
  for (const transition of transitions) {
    const exits = exitSetOf([transition], active, recall);
    const outdone: Transition[] = [];
    let isOutdone = false;
    for (const other of kept) {
      if (![...exitSetOf([other], active, recall)].some((node) => exits.has(node))) continue;
      if (!isDescendant(transition.source, other.source)) {
        isOutdone = true;
        break;
      }
      outdone.push(other);
    }
    if (isOutdone) continue;
    for (const other of outdone) kept.delete(other);
    kept.add(transition);
  }
  return [...kept];
}

export function enteredBy(transitions: readonly Transition[], recall: Recall): EntrySet {
  const entered = new Set<StateNode>();
  const byDefault = new Set<StateNode>();

  const addAncestors = (ancestors: readonly StateNode[], inside?: StateNode): void => {
    for (const ancestor of ancestors) {
      if (inside === undefined || isDescendant(ancestor, inside)) entered.add(ancestor);
      if (ancestor.type !== 'parallel') continue;
      for (const child of childrenOf(ancestor)) {
        if ([...entered].some((node) => isDescendant(node, child))) continue;
        entered.add(child);
        addDescendants(child);
      }
    }
  };
  const addDescendants = (node: StateNode): void => {
    if (isHistory(node)) {
      const recalled = recall(node);
      const fallback = recalled ? undefined : defaultOf(node);
      const targets = recalled ?? fallback!.target!;
      for (const target of targets) {
        entered.add(target);
        if (fallback !== undefined && fallback === node.parent?.initial) byDefault.add(node.parent);
        addDescendants(target);
      }
      for (const target of targets) addAncestors(ancestorsOf(target, node.parent));
    } else if (node.type === 'compound') {
      const initial = node.initial.target[0]!;
      if (!isHistory(initial)) {
        entered.add(initial);
        byDefault.add(initial);
      }
      addDescendants(initial);
      addAncestors(ancestorsOf(initial, node));
    } else if (node.type === 'parallel') {
      for (const child of childrenOf(node)) {
        if ([...entered].some((other) => isDescendant(other, child))) continue;
        entered.add(child);
        byDefault.add(child);
        addDescendants(child);
      }
    }
  };

  for (const transition of transitions) {
    const { source, reenter } = transition;
    const domain = domainOf(transition, recall);
    for (const target of transition.target ?? []) {
      if (!isHistory(target) && (source !== target || source !== domain || reenter)) {
        entered.add(target);
        byDefault.add(target);
      }
      addDescendants(target);
    }
    for (const target of effectiveTargets(transition, recall)) {
      const ancestors = ancestorsOf(target, domain);
      if (domain?.type === 'parallel') ancestors.push(domain);
      addAncestors(ancestors, !source.parent && reenter ? undefined : domain);
    }
  }
  return { entered: [...entered].toSorted((a, b) => a.order - b.order), byDefault };
}

/** What history nodes of the states that are left will recall. */
export function recordedBy(
  exited: readonly StateNode[],
  active: ReadonlySet<StateNode>,
): HistoryValue | undefined {
  let recorded: Record<string, readonly StateNode[]> | undefined;
  for (const node of exited) {
    for (const child of Object.values(node.states).filter(isHistory)) {
      recorded ??= {};
      recorded[child.id] = [...active].filter((one) =>
        child.history === 'deep' ? isAtomic(one) && isDescendant(one, node) : one.parent === node,
      );
    }
  }
  return recorded;
}

/**
 * Active nodes with those that a state value cannot do without: what is initial in a state that is active with
 * nothing inside it, and the states around. Only XState's entry sets for a history state inside a parallel one
 * leave such gaps.
 */
export function completed(active: readonly StateNode[]): readonly StateNode[] {
  const nodes = new Set(active);
  const parents = new Set(active.map(({ parent }) => parent));
  for (const node of nodes) {
    const missing =
      node.type === 'compound' && !parents.has(node)
        ? [node]
        : node.type === 'parallel'
          ? childrenOf(node).filter((child) => !nodes.has(child))
          : [];
    for (const start of missing) for (const one of initialNodes(start)) nodes.add(one);
  }
  for (const node of nodes) if (node.parent) nodes.add(node.parent);
  return nodes.size === active.length ? active : [...nodes];
}

/** The state value of completed nodes; its keys in the order in which their states were entered. */
export function valueOf(node: StateNode, nodes: readonly StateNode[]): unknown {
  const children = nodes.filter((other) => other.parent === node);
  if (node.type === 'compound') {
    const [child] = children;
    if (child === undefined) return {};
    if (isAtomic(child)) return child.key;
  }
  return Object.freeze(Object.fromEntries(children.map((child) => [child.key, valueOf(child, nodes)])));
}
