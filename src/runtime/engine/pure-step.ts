/**
 * A chart as two pure functions over plain data, for an engine that is another machine: durable execution, a queue, a
 * simulation.
 *
 * Built on XState's `initialTransition` and `transition`. Nothing is performed: the effects of a step come back as
 * data, in order, deadlines and children by their ids. The caller performs them and sends results back as events:
 * `deadline.event` when a deadline is due, `xstate.done.actor.<id>` and `xstate.error.actor.<id>` with `actorId`.
 *
 * A snapshot is JSON if the context is. What JSON cannot say (`Infinity`, `undefined`, a Date) is the context's own
 * care: encode it, or derive it again.
 */
import {
  type AnyActorRef,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type ContextFrom,
  createActor,
  type EventFromLogic,
  type EventObject,
  initialTransition,
  type InputFrom,
  type OutputFrom,
  type SnapshotFrom,
  transition,
} from 'xstate';
import type { ChartEffect, ChartStatus } from './chart-contract.ts';
import { countingBegin, countingStep } from './counted-steps.ts';
import type { InterpretedCounts } from './interpreted-counts.ts';
import { providedMachine } from './provided-machine.ts';
import { ChartRefused } from './refusal.ts';
import { bugOf } from './settling.ts';
import { nodesOf } from './transition-name.ts';
import { Call } from './work.ts';

/** Where a chart stands, as data. */
export interface PlainSnapshot<Machine extends AnyStateMachine = AnyStateMachine> {
  readonly value: SnapshotFrom<Machine>['value'];
  readonly context: ContextFrom<Machine>;
  readonly status: ChartStatus;
  readonly output?: OutputFrom<Machine>;
  /** The bug, or the child's error, that has ended it. */
  readonly error?: unknown;
  /** Ids of the active states, in the order in which they were entered. */
  readonly active: readonly string[];
  /** Ids of the states that a history state recalls, by its id. */
  readonly history: Readonly<Record<string, readonly string[]>>;
  /** Names of the children that have not been stopped, by id. */
  readonly children: Readonly<Record<string, string>>;
}

/** What a step wants done, in order. */
export type PlainEffect =
  | { readonly do: 'perform'; readonly effect: ChartEffect }
  /**
   * Deliver `event` after `delayMs`, to the chart, or to the child that has the id `to` after this step; to nobody
   * if that is `null`: its child has ended meanwhile. `Infinity` is never.
   */
  | {
      readonly do: 'arm';
      readonly id: string | undefined;
      readonly delayMs: number;
      readonly event: EventObject;
      readonly to?: string | null;
    }
  | { readonly do: 'cancel'; readonly id: string }
  | { readonly do: 'spawn'; readonly id: string; readonly src: string; readonly input: unknown }
  | { readonly do: 'stop'; readonly id: string }
  /** Send `event` to the child `to`, or, without it, to the chart itself. */
  | { readonly do: 'send'; readonly event: EventObject; readonly to?: string };

export interface PlainStep<Machine extends AnyStateMachine = AnyStateMachine> {
  readonly snapshot: PlainSnapshot<Machine>;
  readonly effects: readonly PlainEffect[];
}

/**
 * The first step of a chart. A bug in it is a snapshot with the status `error`.
 *
 * @param counts where it is counted; default nowhere
 * @throws ChartRefused for an action that is a function without a name: it is no data
 */
export function beginChart<Machine extends AnyStateMachine>(
  definition: Machine,
  input: InputFrom<Machine>,
  counts?: InterpretedCounts,
): PlainStep<Machine> {
  return asData(definition, beginSteps(definition, input, undefined, counts)) as PlainStep<Machine>;
}

/**
 * One step of a chart. One that has ended takes none: it comes back as it is.
 *
 * @param counts where it is counted; default nowhere
 * @throws whatever the chart's own functions throw: a bug, which has changed nothing; `ChartRefused` as `beginChart`
 */
export function stepChart<Machine extends AnyStateMachine>(
  definition: Machine,
  snapshot: PlainSnapshot<Machine>,
  event: EventFromLogic<Machine>,
  counts?: InterpretedCounts,
): PlainStep<Machine> {
  return asData(definition, takeStep(definition, snapshot, event, undefined, counts)) as PlainStep<Machine>;
}

/** A step that may have a call in it, which is no data. */
export interface CallingStep {
  readonly snapshot: PlainSnapshot;
  readonly effects: readonly (PlainEffect | Call)[];
}

export function beginSteps(
  definition: AnyStateMachine,
  input: unknown,
  maxIterations?: number,
  counts?: InterpretedCounts,
): CallingStep {
  const machine = providedMachine(definition, maxIterations);
  const counting = counts === undefined ? machine : countingBegin(machine, counts);
  const [snapshot, actions] = initialTransition(counting, input);
  return {
    snapshot: plainOf(definition, snapshot),
    effects: snapshot.status === 'error' ? [] : effectsOf(actions, {}),
  };
}

export function takeStep(
  definition: AnyStateMachine,
  plain: PlainSnapshot,
  event: EventObject,
  maxIterations?: number,
  counts?: InterpretedCounts,
): CallingStep {
  if (plain.status !== 'active') return { snapshot: plain, effects: [] };
  const machine = providedMachine(definition, maxIterations);
  const from = restored(machine, plain);
  try {
    const standing = standingAt(machine, from);
    const counting = counts === undefined ? standing : countingStep(standing, counts);
    const [snapshot, actions] = transition(counting, from, event);
    return {
      snapshot: plainOf(definition, snapshot),
      effects: effectsOf(actions, from.children as Record<string, AnyActorRef>),
    };
  } catch (thrown) {
    throw bugOf(definition, thrown);
  }
}

/**
 * The machine for a step from a snapshot. XState gives each pure step an actor, and begins the chart anew for it, without
 * an input: that took longer than the step.
 */
function standingAt(machine: AnyStateMachine, from: AnyMachineSnapshot): AnyStateMachine {
  return Object.assign(Object.create(machine) as AnyStateMachine, { getInitialSnapshot: () => from });
}

function asData(definition: AnyStateMachine, { snapshot, effects }: CallingStep): PlainStep {
  for (const effect of effects) {
    if (effect instanceof Call) {
      throw new ChartRefused(definition.id, definition.root.id, 'an action without a name, as data');
    }
  }
  return { snapshot, effects: effects as readonly PlainEffect[] };
}

type Node = AnyStateMachine['root'];

function plainOf(definition: AnyStateMachine, snapshot: AnyMachineSnapshot): PlainSnapshot {
  const { value, context, status, output, historyValue } = snapshot;
  const error: unknown = snapshot.error;
  return {
    value,
    context,
    status,
    output,
    ...(status === 'error' ? { error: bugOf(definition, error) } : {}),
    active: snapshot._nodes.map(({ id }) => id),
    history: Object.fromEntries(
      Object.entries(historyValue as Record<string, Node[]>).map(([id, nodes]) => [
        id,
        nodes.map((node) => node.id),
      ]),
    ),
    children: Object.fromEntries(
      Object.entries(snapshot.children as Record<string, { src: string }>).map(([id, { src }]) => [id, src]),
    ),
  };
}

function restored(machine: AnyStateMachine, plain: PlainSnapshot): AnyMachineSnapshot {
  const { value, context, active, history, children } = plain;
  const persisted = {
    value,
    context,
    status: 'active',
    historyValue: Object.fromEntries(
      Object.entries(history).map(([id, nodes]) => [id, nodes.map((node) => ({ id: node }))]),
    ),
    children: Object.fromEntries(
      Object.entries(children).map(([id, src]) => [id, { src, snapshot: { status: 'active' } }]),
    ),
  };
  const snapshot = createActor(machine, { snapshot: persisted as never }).getSnapshot() as AnyMachineSnapshot;
  // The order in which states were entered decides between regions that move at the same time, and is not in `value`.
  const nodes = nodesIn(machine);
  return Object.assign(snapshot, { _nodes: active.map((id) => nodes.get(id)!), value });
}

const nodesById = new WeakMap<AnyStateMachine, ReadonlyMap<string, Node>>();

function nodesIn(machine: AnyStateMachine): ReadonlyMap<string, Node> {
  let nodes = nodesById.get(machine);
  if (nodes === undefined) {
    nodes = new Map(nodesOf(machine.root).map((node) => [node.id, node]));
    nodesById.set(machine, nodes);
  }
  return nodes;
}

/** What XState's pure functions hand back. */
interface Executable {
  readonly type: string;
  readonly params: unknown;
}
interface Raised {
  readonly event: EventObject;
  readonly id: string | undefined;
  readonly delay: unknown;
}
interface Sent extends Raised {
  readonly to: AnyActorRef | undefined;
  readonly targetId: string | undefined;
}
interface Spawned {
  readonly src: string;
  readonly input: unknown;
  readonly actorRef: AnyActorRef;
}

/** @param children those that there were before the step */
function effectsOf(
  actions: readonly Executable[],
  children: Readonly<Record<string, AnyActorRef>>,
): (PlainEffect | Call)[] {
  const effects: (PlainEffect | Call)[] = [];
  const alive = new Map(Object.entries(children));
  /** Of each child that something is sent to, or that is spawned. */
  const entries = new Map<AnyActorRef, { spawn: PlainEffect | undefined; sent: PlainEffect[] }>();
  const entryOf = (actor: AnyActorRef) => {
    const entry = entries.get(actor) ?? { spawn: undefined, sent: [] };
    entries.set(actor, entry);
    return entry;
  };

  const stop = (actor: AnyActorRef): void => {
    const { spawn, sent } = entryOf(actor);
    for (const effect of sent) {
      if (effect.do === 'arm') effects[effects.indexOf(effect)] = { ...effect, to: null };
      else if (spawn !== undefined) effects.splice(effects.indexOf(effect), 1);
    }
    // One that was spawned in this step never comes to life.
    if (spawn === undefined) effects.push({ do: 'stop', id: actor.id });
    else effects.splice(effects.indexOf(spawn), 1);
  };

  for (const { type, params } of actions) {
    switch (type) {
      case 'xstate.raise': {
        const { event, id, delay } = params as Raised;
        if (typeof delay === 'number') effects.push({ do: 'arm', id, delayMs: delay, event });
        break;
      }
      case 'xstate.cancel':
        effects.push({ do: 'cancel', id: (params as { sendId: string }).sendId });
        break;
      case 'xstate.spawnChild': {
        const { src, input, actorRef } = params as Spawned;
        const { id } = actorRef;
        const earlier = alive.get(id);
        if (earlier !== undefined) stop(earlier);
        alive.set(id, actorRef);
        const entry = entryOf(actorRef);
        entry.spawn = { do: 'spawn', id, src, input };
        // What was sent to it before follows.
        effects.push(entry.spawn, ...entry.sent.filter((effect) => effect.do === 'send'));
        break;
      }
      case 'xstate.stopChild': {
        const actor = params as AnyActorRef | undefined;
        if (actor === undefined || !alive.delete(actor.id)) break;
        stop(actor);
        break;
      }
      case 'xstate.sendTo': {
        const { to, targetId, event, id, delay } = params as Sent;
        const isSelf = targetId === undefined || targetId === '#_internal';
        const isPutOff = typeof delay === 'number';
        // The child could not be created: a send to it is a bug.
        const target = isSelf ? {} : { to: to?.id ?? (isPutOff ? null : targetId) };
        const effect = (
          isPutOff ? { do: 'arm', id, delayMs: delay, event, ...target } : { do: 'send', event, ...target }
        ) as PlainEffect;
        const entry = isSelf || to === undefined ? undefined : entryOf(to);
        entry?.sent.push(effect);
        const isEarly = entry !== undefined && entry.spawn === undefined && children[to!.id] !== to;
        if (!isEarly || isPutOff) effects.push(effect);
        break;
      }
      default:
        effects.push(params instanceof Call ? params : { do: 'perform', effect: { type, params } });
    }
  }
  return effects;
}
