/** Faults to plant in the compiler and in what runs its tables, each a text of one file and what stands in its place. */
export interface Plant {
  readonly name: string;
  /** Below src/runtime/engine. */
  readonly file: string;
  readonly find: string;
  readonly put: string;
}

const configuration = (name: string, find: string, put: string): Plant => ({
  name,
  file: 'table/configuration.ts',
  find,
  put,
});
const compiled = (name: string, find: string, put: string): Plant => ({
  name,
  file: 'table/compiled-chart.ts',
  find,
  put,
});
const position = (name: string, find: string, put: string): Plant => ({
  name,
  file: 'table/position.ts',
  find,
  put,
});
const step = (name: string, find: string, put: string): Plant => ({ name, file: 'table/step.ts', find, put });
const operations = (name: string, find: string, put: string): Plant => ({
  name,
  file: 'table/operations.ts',
  find,
  put,
});
const guards = (name: string, find: string, put: string): Plant => ({
  name,
  file: 'table/guards.ts',
  find,
  put,
});
const descriptors = (name: string, find: string, put: string): Plant => ({
  name,
  file: 'table/event-descriptors.ts',
  find,
  put,
});
const table = (name: string, find: string, put: string): Plant => ({ name, file: 'table.ts', find, put });

/** A text that is not there, or more than once, is a plant that has gone stale. */
export function sown(source: string, { file, find, put }: Plant): string {
  const parts = source.split(find);
  if (parts.length !== 2) throw new Error(`${file}: expected once, found ${parts.length - 1} times: ${find}`);
  return parts.join(put);
}

export const plants: readonly Plant[] = [
  // Which states are left and entered.
  configuration(
    'states are left outermost first',
    'toSorted((a, b) => b.order - a.order);\n}',
    'toSorted((a, b) => a.order - b.order);\n}',
  ),
  configuration(
    'states are entered innermost first',
    'toSorted((a, b) => a.order - b.order), byDefault',
    'toSorted((a, b) => b.order - a.order), byDefault',
  ),
  configuration(
    'reenter is not looked at for the domain',
    'if (!reenter && targets.every(',
    'if (targets.every(',
  ),
  configuration(
    'a target is entered without what is initial in it',
    "    } else if (node.type === 'compound') {\n      const initial",
    "    } else if (node.type === 'none') {\n      const initial",
  ),
  configuration(
    'initial transitions inside a target have no actions',
    '        entered.add(initial);\n        byDefault.add(initial);',
    '        entered.add(initial);',
  ),
  configuration(
    'a self-target is entered though it does not re-enter',
    '(source !== target || source !== domain || reenter)',
    'true',
  ),
  configuration(
    'regions beside a target are not entered',
    "      if (ancestor.type !== 'parallel') continue;",
    '      continue;',
  ),
  configuration(
    'a transition from further inside does not win',
    'if (!isDescendant(transition.source, other.source)) {',
    'if (isDescendant(transition.source, other.source)) {',
  ),
  configuration(
    'shallow history recalls what is deep',
    "child.history === 'deep' ?",
    "child.history !== 'none' ?",
  ),
  configuration(
    'deep history recalls what is shallow',
    "child.history === 'deep' ?",
    "child.history === 'none' ?",
  ),
  configuration(
    'history without a default leads into its first sibling',
    "return parent.type === 'parallel' ? { target: [parent] } : parent.initial;",
    'return { target: [childrenOf(parent)[0]!] };',
  ),
  configuration(
    'a history state is a target like any other',
    'isHistory(node) ? (recall(node) ??',
    'isHistory(node) ? (undefined ??',
  ),
  configuration(
    'a parallel state is done when one region is',
    'childrenOf(node).every((child) => isFinal(active, child))',
    'childrenOf(node).some((child) => isFinal(active, child))',
  ),

  // What a microstep does.
  compiled(
    'only transitions that re-enter have actions',
    'operations.push(...(this.actions.get(transition) ?? []));',
    'if (transition.reenter) operations.push(...(this.actions.get(transition) ?? []));',
  ),
  compiled(
    'conflicting transitions are all taken',
    'const taken = withoutConflicts(transitions, active, recall);',
    'const taken = transitions;',
  ),
  compiled(
    'exit actions are left out at the end of a chart',
    'for (const node of nodes) operations.push(...this.exitActions(node));',
    '',
  ),
  compiled(
    'invoked children are stopped by exit actions at the end of a chart',
    'slice(0, node.exit.length)',
    'slice(0)',
  ),
  compiled('history is recorded and not used at once', 'recorded?.[node.id] ?? recall(node)', 'recall(node)'),
  compiled(
    'children are invoked before entry actions',
    'const entry = [...read(node.entry, invoked), ...invocations];',
    'const entry = [...invocations, ...read(node.entry, invoked)];',
  ),
  compiled(
    'children are not invoked',
    'const entry = [...read(node.entry, invoked), ...invocations];',
    'const entry = [...read(node.entry, invoked)];',
  ),
  compiled(
    'initial actions come before invoked children',
    'this.defaultEntries.set(node, [...entry, ...initial, ...resolve]);',
    'this.defaultEntries.set(node, [...initial, ...entry, ...resolve]);',
  ),
  compiled(
    'children are stopped before exit actions',
    '[...read(node.exit), ...invoked.map((id) => new Operation(DO.stop, id))]',
    '[...invoked.map((id) => new Operation(DO.stop, id)), ...read(node.exit)]',
  ),
  compiled(
    'a compound state is never done',
    "if (parent?.type === 'compound') complete(parent, node.output);",
    '',
  ),
  compiled(
    'a parallel state inside another is done without it',
    'ancestor = ancestor.parent;',
    'ancestor = ancestor.parent?.parent;',
  ),
  compiled('the chart is done without an output', 'final: node.machine.root.output,', 'final: undefined,'),
  compiled('plans that depend on history are kept', 'isLasting = false;', ''),
  compiled(
    'a microstep that changes nothing gets a new position',
    'const changes = !isSame || recorded !== undefined;',
    'const changes = true;',
  ),
  compiled(
    'what history records changes nothing',
    'const changes = !isSame || recorded !== undefined;',
    'const changes = !isSame;',
  ),
  compiled('a context is made without the input', 'new InputScope(input)', 'new InputScope({ n: 9 })'),

  // Which transitions are taken.
  position(
    'wildcards are not looked at for types that nobody names',
    'this.hasWildcards ? this.choicesOf(event.type) : NONE',
    'NONE',
  ),
  position(
    'guards are not asked for events',
    'if (choice.guard === undefined || passes(choice.candidate, event, step.scope, this)) {',
    'if (choice.guard === undefined || true) {',
  ),
  position(
    'guards are not asked for eventless transitions',
    'if (choice.guard === undefined || choice.guard.passes(step.scope, this)) {',
    'if (choice.guard === undefined || true) {',
  ),
  position(
    'the outermost state is asked first',
    'return [leaf, ...ancestorsOf(leaf)];',
    'return [leaf, ...ancestorsOf(leaf)].reverse();',
  ),
  position(
    'a parallel state takes transitions beside those of its regions',
    'if (taken.length > 0) return taken;',
    '',
  ),
  position(
    'a region without a transition asks nobody',
    'return candidate === undefined ? taken : [candidate.transition];',
    'return candidate === undefined || value === undefined ? taken : [candidate.transition];',
  ),
  position(
    'an eventless transition of a common ancestor is taken twice',
    'const taken = new Set<Transition>();',
    'const taken = { all: [] as Transition[], add(one: Transition) { this.all.push(one); }, get size() { return this.all.length; }, [Symbol.iterator]() { return this.all.reverse()[Symbol.iterator](); } };',
  ),
  position(
    'plans of several transitions are mixed up',
    '.join();\n    const known',
    '.length + "";\n    const known',
  ),
  position(
    'what a guard throws is not wrapped',
    'throw new Error(\n      `Unable',
    'throw thrown ?? new Error(\n      `Unable',
  ),
  descriptors('the shortest wildcard comes first', 'b.length - a.length', 'a.length - b.length'),
  descriptors(
    'wildcards come before exact types',
    'return [...(transitions.get(type) ?? []), ...wildcards.flatMap((wildcard) => transitions.get(wildcard)!)];',
    'return [...wildcards.flatMap((wildcard) => transitions.get(wildcard)!), ...(transitions.get(type) ?? [])];',
  ),
  descriptors(
    'a.* means a.b and not a.b.c',
    'wildcard === tokens.length - 1 &&',
    'wildcard === given.length - 1 &&',
  ),
  guards('or is and', 'parts.some((part)', 'parts.every((part)'),
  guards(
    'and is or',
    'passes: (scope, at) => parts.every((part)',
    'passes: (scope, at) => parts.some((part)',
  ),
  guards('not is nothing', '!parts[0]!.passes(scope, at)', 'parts[0]!.passes(scope, at)'),
  guards(
    'stateIn by id asks nobody',
    '(_, at) => at.isIn(root.machine.getStateNodeById(stateValue))',
    '() => true',
  ),
  guards(
    'params of guards are not resolved',
    "typeof params === 'function' ? (params as (scope: Scope) => unknown)(scope) : params",
    'params',
  ),

  // The step.
  step(
    'eventless transitions are taken once',
    'isEventlessDue = this.hasChanged;',
    'isEventlessDue = false;',
  ),
  step(
    'eventless transitions are taken again and again',
    'isEventlessDue = this.hasChanged;',
    'isEventlessDue = true;',
  ),
  step(
    'eventless transitions are not tried after what is raised',
    'this.take(this.position.enabled(this));\n      isEventlessDue = true;',
    'this.take(this.position.enabled(this));\n      isEventlessDue = false;',
  ),
  step(
    'what is raised is taken last in, first out',
    'this.raised[this.taken++]!',
    'this.raised[--this.raisedCount]!',
  ),
  step('iterations are counted from 0', 'let iteration = 1;', 'let iteration = 0;'),
  step(
    'what is raised keeps the scope of the event before',
    '      this.event = this.raised[this.taken++]!;\n      this.scopeSoFar = undefined;',
    '      this.event = this.raised[this.taken++]!;',
  ),
  step(
    'an assign leaves the scope as it was',
    '    this.context = context;\n    this.scopeSoFar = undefined;',
    '    this.context = context;',
  ),
  step(
    'an assign is no change',
    '    this.scopeSoFar = undefined;\n    this.hasChanged = true;',
    '    this.scopeSoFar = undefined;',
  ),
  step(
    'each part of an assign sees the parts before',
    'next[keys[at]!] =',
    'if (at > 0) { this.context = { ...next }; this.scopeSoFar = undefined; } next[keys[at]!] =',
  ),
  step(
    'assigns have no params',
    'this.assign((subject as Expression)(this.scope, params));',
    'this.assign((subject as Expression)(this.scope, undefined));',
  ),
  step(
    'a delay of a number is no delay',
    "if (typeof delayMs === 'number') this.work.add(TO.arm, new Deadline(id, delayMs, raised));",
    'if (delayMs === 5) this.work.add(TO.arm, new Deadline(id, delayMs, raised));',
  ),
  step(
    'deadlines have no id',
    'new Deadline(id, delayMs, raised)',
    'new Deadline(undefined, delayMs, raised)',
  ),
  step(
    'nothing is cancelled',
    "this.work.add(TO.disarm, typeof subject === 'function' ? this.valueOf(subject, params) : subject);",
    '',
  ),
  step(
    'a child that is stopped before it lives is brought to life',
    "if (child.stage === 'pending') child.stop();\n    else ",
    '',
  ),
  step('a child whose id is used again goes on', '      this.stop(earlier);\n', ''),
  step(
    'a spawn is no change',
    '    this.work.add(TO.spawn, child);\n    this.hasChanged = true;',
    '    this.work.add(TO.spawn, child);',
  ),
  step(
    'a child that is stopped stays',
    'this.children = this.children.length === 1 ? NOBODY : this.children.filter((one) => one !== child);',
    '',
  ),
  step(
    'children are stopped in the order in which they came',
    'for (const child of inOrder(this.children))',
    'for (const child of this.children)',
  ),
  step(
    'what is sent before a child is spawned is lost',
    'tell.child = this.childNamed(id)',
    'tell.child = undefined',
  ),
  step(
    'a send to a child that is not there is ignored',
    '    if (child === undefined) {\n      throw',
    '    if (id === "none") {\n      throw',
  ),
  step(
    'enqueueActions checks the context that it is about to change',
    'this.chart.guardOf(guard).passes(scope, this.position)',
    '!this.chart.guardOf(guard).passes(scope, this.position)',
  ),
  step(
    'the output of a final state is given another event',
    'const event = { type, output: this.outputOf(output, this.event) } as EventObject;',
    'const { event } = this;',
  ),
  step('a chart that is done goes on', '!this.isDone; iteration++', 'true; iteration++'),
  step('effects have the params of the definition', '(given as Expression)(this.scope, undefined)', 'given'),
  operations('a named delay is no delay', "typeof delay === 'string' ? delays![delay] : delay", 'delay'),
  operations(
    'named actions are never built in',
    'if (isBuiltIn(implementation)) return',
    'if (false as boolean) return',
  ),

  // Where a chart stands.
  table(
    'an error of a child that nobody handles is ignored',
    'if (plan === undefined && type',
    'if (plan === null && type',
  ),
  table('xstate.init is an event like any other', "else if (type !== 'xstate.init') {", 'else {'),
  table('children are not taken over', 'this.children = step.children;', ''),
  table('history is not taken over', 'this.history = step.history;', ''),
  table(
    'children are not stopped at the end',
    "        step.stopChildren();\n        this.status = 'done';",
    "        this.status = 'done';",
  ),
  table(
    'xstate.stop leaves children alone',
    "        this.status = 'stopped';\n        step.stopChildren();",
    "        this.status = 'stopped';",
  ),
  table(
    'a step that throws keeps its context',
    '      step.settle(',
    '      this.context = step.context;\n      step.settle(',
  ),
];
