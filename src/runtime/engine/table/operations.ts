/**
 * Actions, read once: each is an operation, of which a step runs a flat list.
 *
 * Named actions are what the definition, or `provide`, says they are: a built-in one (assign, raise …) changes the
 * step, any other is an effect. What cannot be done exactly as XState does it is refused by name.
 */
import type { EventObject } from 'xstate';
import type { StateNode } from './configuration.ts';
import type { Scope } from './scope.ts';

/** What an operation does with its subject; see `Step.run`. */
export const DO = {
  /** Subject: the effect, whole. */
  effect: 0,
  /** Subject: the type; params: a function. */
  effectWith: 1,
  /** Subject: the function. */
  inline: 2,
  /** Subject: a function that gives a part of the context. */
  assign: 3,
  /** Subject: an `Assignment`. */
  assignEach: 4,
  /** Subject: a `Message`. */
  raise: 5,
  /** Subject: the id, or a function that gives it. */
  cancel: 6,
  /** Subject: an `Invocation`. */
  spawn: 7,
  /** Subject: the id, or a function that gives it. */
  stop: 8,
  /** Subject: a `Message`. */
  send: 9,
  /** Subject: the event, or a function that gives it. */
  emit: 10,
  /** Subject: a `Line`. */
  log: 11,
  /** Subject: a function that enqueues actions. */
  enqueue: 12,
  /** What was sent to children before they were spawned finds them. */
  resolve: 13,
  /** Subject: a `Completion`; a compound state, or a parallel one, is done. */
  complete: 14,
  /** Subject: a `Completion`; the chart is done. */
  finish: 15,
} as const;

/** Gives a part of a step from its scope and the params of its action. */
export type Expression<Value = unknown> = (scope: Scope, params: unknown) => Value;

export interface Assignment {
  readonly keys: readonly string[];
  readonly values: readonly unknown[];
}

export interface Message {
  readonly event: EventObject | Expression<EventObject>;
  readonly id: string | undefined;
  /** A number of ms, a function that gives one, or something else: then it is not put off. */
  readonly delay: unknown;
  /** Of a `send`: the id of a child, or a function that gives it. */
  readonly to: unknown;
}

export interface Invocation {
  readonly id: unknown;
  readonly src: string;
  readonly input: unknown;
}

export interface Line {
  readonly value: unknown;
  readonly label: string | undefined;
}

export interface Completion {
  readonly type: string;
  readonly output: unknown;
  /** Of a `finish`: the output of the chart. */
  readonly final?: unknown;
}

export class Operation {
  readonly kind: number;
  readonly subject: unknown;
  /** A value, or a function that gives it. */
  readonly params: unknown;
  /** Children that the state being entered is about to invoke. */
  readonly awaited: readonly string[] | undefined;

  constructor(kind: number, subject: unknown, params?: unknown, awaited?: readonly string[]) {
    this.kind = kind;
    this.subject = subject;
    this.params = params;
    this.awaited = awaited;
  }
}

/** Says why something is not supported. */
export type Refuse = (feature: string) => never;

type Named = { readonly type: string; readonly params?: unknown };
type BuiltIn = Readonly<Record<string, unknown>> & { readonly type: string };
type Implementations = Record<string, Record<string, unknown>>;

/**
 * @param root of the definition
 * @param awaited ids of the children that the state being entered is about to invoke
 */
export function operationOf(
  action: unknown,
  root: StateNode,
  awaited: readonly string[] | undefined,
  refuse: Refuse,
): Operation {
  const implementations = root.machine.implementations as unknown as Implementations;
  if (typeof action === 'function') {
    return isBuiltIn(action)
      ? builtIn(action, undefined, implementations, awaited, refuse)
      : new Operation(DO.inline, action);
  }
  const { type, params } = typeof action === 'string' ? { type: action } : (action as Named);
  const implementation = implementations.actions![type];
  if (isBuiltIn(implementation)) return builtIn(implementation, params, implementations, awaited, refuse);
  return typeof params === 'function'
    ? new Operation(DO.effectWith, type, params)
    : new Operation(DO.effect, Object.freeze({ type, params }));
}

function isBuiltIn(action: unknown): action is BuiltIn {
  return typeof action === 'function' && 'resolve' in action;
}

function builtIn(
  action: BuiltIn,
  params: unknown,
  { delays }: Implementations,
  awaited: readonly string[] | undefined,
  refuse: Refuse,
): Operation {
  const operation = (kind: number, subject: unknown) => new Operation(kind, subject, params, awaited);
  switch (action.type) {
    case 'xstate.assign': {
      const { assignment } = action;
      if (typeof assignment === 'function') return operation(DO.assign, assignment);
      const keys = Object.keys(assignment as object);
      const values = keys.map((key) => (assignment as Record<string, unknown>)[key]);
      return operation(DO.assignEach, { keys, values } satisfies Assignment);
    }
    case 'xstate.raise':
    case 'xstate.sendTo': {
      const { event, id, delay, to } = action;
      const isRaise = action.type === 'xstate.raise';
      if (typeof event === 'string')
        refuse(`${isRaise ? 'raise' : 'sendTo'} of "${event}", which is no event`);
      if (to === '#_parent') refuse('sendParent');
      if (typeof to === 'object') refuse('sendTo an actor that is not named by its id');
      return operation(isRaise ? DO.raise : DO.send, {
        event: event as EventObject,
        id: id as string | undefined,
        delay: typeof delay === 'string' ? delays![delay] : delay,
        to,
      } satisfies Message);
    }
    case 'xstate.cancel':
      return operation(DO.cancel, action.sendId);
    case 'xstate.spawnChild': {
      const { id, src, input, systemId, syncSnapshot } = action;
      if (systemId !== undefined) refuse('systemId');
      if (syncSnapshot === true) refuse('syncSnapshot');
      if (typeof src !== 'string') return refuse('spawnChild of an actor that has no name');
      if (id === undefined) refuse('spawnChild without an id');
      return operation(DO.spawn, { id, src, input } satisfies Invocation);
    }
    case 'xstate.stopChild': {
      const { actorRef } = action;
      if (typeof actorRef === 'object') refuse('stopChild of an actor that is not named by its id');
      return operation(DO.stop, actorRef);
    }
    case 'xstate.emit':
      return operation(DO.emit, action.event);
    case 'xstate.log':
      return operation(DO.log, { value: action.value, label: action.label as string } satisfies Line);
    case 'xstate.enqueueActions':
      return operation(DO.enqueue, action.collect);
    default:
      return refuse(`the built-in action "${action.type}"`);
  }
}
