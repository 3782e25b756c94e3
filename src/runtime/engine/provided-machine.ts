/**
 * A definition made ready for XState's interpreter: its effects are noted, in their order, instead of performed.
 *
 * XState puts off what its built-in actions do (starting a child, setting a timer) until the step is over, in order.
 * Custom actions are made built-in ones here, so that they take their place in that same order. Made once per
 * definition and limit, not per chart.
 */
import {
  type ActorLogic,
  type ActorRef,
  type AnyActorRef,
  type AnyActorScope,
  type AnyStateMachine,
  type EventObject,
  type Snapshot,
} from 'xstate';
import { type ChildEndEvent, SupervisedChild, type Supervisor, Tell } from './child.ts';
import { limitOf } from './settling.ts';
import { Call, TO, type WorkKind } from './work.ts';

/** Who notes what a step wants done. */
export interface Noting extends Supervisor {
  note(kind: WorkKind, payload: unknown): void;
  childStarted(child: SupervisedChild, actor: ChildActor): void;
  childStopped(child: SupervisedChild): void;
  /** Another child will have this id. */
  childReplaced(id: string): void;
  childTold(child: SupervisedChild, event: EventObject): void;
  /** What is scheduled from now on is for a child, or no longer is. */
  scheduleForChild(isForChild: boolean): void;
  /** XState takes a step for this event. */
  taking(event: EventObject): void;
}

/** Whose chart an actor is. */
export const Interpreted = new WeakMap<AnyActorRef, Noting>();

/** What an action of XState's is to XState itself, as of version 5. */
interface BuiltIn {
  (): void;
  type: string;
  resolve(
    scope: AnyActorScope,
    snapshot: unknown,
    args: unknown,
    params: unknown,
    action: unknown,
  ): unknown[];
  execute?(scope: AnyActorScope, params: unknown): void;
}
type Action = ((scope: unknown, params: unknown) => unknown) | BuiltIn | { readonly type: string } | string;
type Table<Value> = Record<string, Value>;
type Node = AnyStateMachine['root'];

const provided = new WeakMap<AnyStateMachine, Map<number, AnyStateMachine>>();

export function providedMachine(
  definition: AnyStateMachine,
  maxIterations: number | undefined,
): AnyStateMachine {
  const limit = limitOf(definition, maxIterations);
  const made = provided.get(definition) ?? new Map<number, AnyStateMachine>();
  provided.set(definition, made);
  let machine = made.get(limit);
  if (machine === undefined) {
    machine = provide(definition, limit);
    made.set(limit, machine);
  }
  return machine;
}

function provide(definition: AnyStateMachine, maxIterations: number): AnyStateMachine {
  const machine: AnyStateMachine = definition.provide({});
  machine.options = { ...machine.options, maxIterations };
  const { actions, actors } = machine.implementations as { actions: Table<Action>; actors: Table<unknown> };
  Object.assign(machine.implementations, {
    actions: byName(actions, (name, action) =>
      isBuiltIn(action) ? notingBuiltIn(action) : notingEffect(name),
    ),
    actors: byName(actors, () => childLogic),
  });
  noteInlineActions(machine.root);
  // XState starts the children of the first step before its other effects; here they have their place among them.
  machine.start = () => {};
  const getInitialSnapshot = machine.getInitialSnapshot.bind(machine);
  const transition = machine.transition.bind(machine);
  machine.getInitialSnapshot = (scope, input) =>
    replacingChildren(scope, () => getInitialSnapshot(scope, input));
  machine.transition = (snapshot, event, scope) => {
    Interpreted.get(scope.self)?.taking(event);
    return replacingChildren(scope, () => transition(snapshot, event, scope));
  };
  return machine;
}

/** XState forgets a child whose id is used again; here it gives way to the new one. */
function replacingChildren<Result>(scope: AnyActorScope, act: () => Result): Result {
  const { actionExecutor } = scope;
  scope.actionExecutor = (action) => {
    const { type, params, exec } = action;
    if (type !== 'xstate.spawnChild') return actionExecutor(action);
    const { id } = (params as { actorRef: AnyActorRef }).actorRef;
    actionExecutor({
      ...action,
      exec: (info, spawned) => {
        scope.defer(() => Interpreted.get(scope.self)?.childReplaced(id));
        exec?.(info, spawned);
      },
    });
  };
  try {
    return act();
  } finally {
    scope.actionExecutor = actionExecutor;
  }
}

/** A table that has an entry for every name, made when it is first asked for. */
function byName<Value, Made extends object>(
  table: Table<Value>,
  make: (name: string, value: Value) => Made,
): Table<Made> {
  const made = new Map<string, Made>();
  return new Proxy(
    {},
    {
      get(_, name) {
        if (typeof name === 'symbol') return undefined;
        let entry = made.get(name);
        if (entry === undefined) {
          entry = make(name, table[name] as Value);
          made.set(name, entry);
        }
        return entry;
      },
    },
  );
}

function isBuiltIn(action: Action | undefined): action is BuiltIn {
  return typeof action === 'function' && 'resolve' in action;
}

function builtIn(type: string, members: Pick<BuiltIn, 'resolve' | 'execute'>): BuiltIn {
  return Object.assign(() => {}, { type, ...members });
}

/** A custom action that has a name: an effect. */
function notingEffect(type: string): BuiltIn {
  return builtIn(type, {
    resolve: (_, snapshot, _args, params) => [snapshot, params, undefined],
    execute: (scope, params) => put(scope, TO.perform, { type, params }),
  });
}

/** One that is a function. */
function notingInline(action: (scope: unknown, params: unknown) => unknown): BuiltIn {
  return builtIn(action.name || '(anonymous)', {
    resolve: (_, snapshot, args) => [snapshot, new Call(() => action(args, undefined)), undefined],
    execute: (scope, call) => put(scope, TO.run, call),
  });
}

function put(scope: AnyActorScope, kind: WorkKind, payload: unknown): void {
  scope.defer(() => Interpreted.get(scope.self)?.note(kind, payload));
}

/** Built-in actions whose effect is the runtime's, or whose actions may be anything. */
function notingBuiltIn(action: BuiltIn): BuiltIn {
  const copy = (members: Partial<BuiltIn>): BuiltIn => Object.assign(() => {}, { ...action }, members);
  switch (action.type) {
    case 'xstate.emit':
    case 'xstate.log':
      return copy({ execute: (scope, params) => put(scope, TO.perform, { type: action.type, params }) });
    case 'xstate.sendTo':
      return copy({
        execute: (scope, params) => scope.defer(() => noteSend(action, scope, params as Sent)),
      });
    case 'xstate.enqueueActions':
      return copy({
        resolve: (...args) => {
          const [snapshot, params, actions] = action.resolve(...args) as [unknown, unknown, Action[]];
          return [snapshot, params, actions.map(noting)];
        },
      });
    default:
      return action;
  }
}

interface Sent {
  /** `undefined` for a child that never came to be. */
  readonly to: AnyActorRef | undefined;
  readonly event: EventObject;
  readonly delay: unknown;
}

function noteSend(action: BuiltIn, scope: AnyActorScope, sent: Sent): void {
  const noting = Interpreted.get(scope.self);
  const { to, event, delay } = sent;
  if (typeof delay !== 'number') {
    if (to === undefined) return noting?.note(TO.tell, new Tell(undefined, event));
    if (to === scope.self) return noting?.note(TO.run, new Call(() => noting.send(event)));
  }
  noting?.scheduleForChild(to !== scope.self);
  action.execute!({ ...scope, defer: (put) => put() }, sent);
  noting?.scheduleForChild(false);
}

function noting(action: Action): Action {
  if (typeof action !== 'function') return action;
  return isBuiltIn(action) ? notingBuiltIn(action) : notingInline(action);
}

function noteInlineActions(node: Node): void {
  const transitions = [...node.transitions.values()].flat();
  for (const list of [node.entry, node.exit] as Action[][]) list.splice(0, list.length, ...list.map(noting));
  for (const transition of [...transitions, ...(node.always ?? []), node.initial]) {
    Object.assign(transition, { actions: (transition.actions as Action[]).map(noting) });
  }
  for (const child of Object.values(node.states)) noteInlineActions(child);
}

type ChildSnapshot = Snapshot<unknown> & { readonly input: unknown };
type ChildMessage = EventObject | { readonly type: typeof END; readonly end: ChildEndEvent };
export type ChildActor = ActorRef<ChildSnapshot, ChildMessage>;

const END = 'engine.child.end';
const childOf = new WeakMap<AnyActorRef, SupervisedChild>();

/** Ends the actor of a child: XState then tells the chart. */
export function endOf(actor: ChildActor, end: ChildEndEvent): void {
  actor.send({ type: END, end });
}

/** A child as XState's interpreter sees it. */
const childLogic: ActorLogic<ChildSnapshot, ChildMessage> = {
  getInitialSnapshot: (_, input) => ({ status: 'active', output: undefined, error: undefined, input }),
  start({ input }, { self }) {
    const parent = parentOf(self);
    const src: unknown = (self as { src?: unknown }).src;
    const child = new SupervisedChild(parent, self.id, String(src), input);
    childOf.set(self, child);
    parent.childStarted(child, self);
  },
  transition(snapshot, event, { self }) {
    const child = childOf.get(self)!;
    const parent = parentOf(self);
    switch (event.type) {
      case END: {
        const { end } = event as Extract<ChildMessage, { end: unknown }>;
        return 'error' in end
          ? { ...snapshot, status: 'error', error: end.error, output: undefined }
          : { ...snapshot, status: 'done', output: end.output, error: undefined };
      }
      case 'xstate.stop':
        parent.childStopped(child);
        return { ...snapshot, status: 'stopped', output: undefined, error: undefined };
      default:
        parent.childTold(child, event);
        return snapshot;
    }
  },
  getPersistedSnapshot: (snapshot) => snapshot,
};

function parentOf(actor: AnyActorRef): Noting {
  return Interpreted.get((actor as { _parent?: AnyActorRef })._parent!)!;
}
