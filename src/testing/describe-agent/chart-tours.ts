/** Paths over the agent's own chart: `xstate/graph` finds them, here they become moves. */
import * as fc from 'fast-check';
import type { AnyMachineSnapshot, AnyTransitionDefinition, EventObject } from 'xstate';
import { getAdjacencyMap } from 'xstate/graph';
import type { InterpretedCounts } from '../../runtime/engine/interpreted-counts.ts';
import { workOf } from './faults.ts';
import type { Move } from './moves.ts';
import type { Subject } from './subject.ts';

/** Inputs that a task is tried with at each state. */
const SAMPLES = 4;
/** How many steps are looked at, nearest first: a chart that counts has no end of states. */
const MAX_STEPS = 5_000;

interface Step {
  readonly event: EventObject & {
    readonly input?: unknown;
    readonly value?: unknown;
    readonly name?: string;
  };
  readonly state: AnyMachineSnapshot;
}

/**
 * For every transition that no run has taken yet, the shortest way to it, as far as the chart alone can tell. Of a chart
 * with very many states the near ones are walked.
 */
export function chartTours(
  subject: Subject,
  coverage: InterpretedCounts,
  seed: number,
): readonly (readonly Move[])[] {
  const { machine } = subject;
  if (machine === undefined) return [];
  const outside = eventsFromOutside(subject, seed);
  const input = { agentId: 'agent', incarnation: 1, initArgs: subject.options.initArgs, variables: {} };
  let map: ReturnType<typeof getAdjacencyMap>;
  let looked = 0;
  try {
    const options = {
      input,
      events: (state: AnyMachineSnapshot) => {
        const events = [...outside, ...eventsFromInside(state)];
        looked += events.length;
        return events;
      },
      serializeState: stateKey,
      stopWhen: (state: AnyMachineSnapshot) => state.status !== 'active' || looked >= MAX_STEPS,
    };
    map = getAdjacencyMap(machine as never, options as never);
  } catch {
    // A chart that a walk without its work cannot follow is tried by runs alone.
    return [];
  }
  const tours: (readonly Move[])[] = [];
  const planned = new Set<AnyTransitionDefinition>();
  for (const { steps, last } of waysOver(map as never)) {
    const taken = (machine.getTransitionData(last.from, last.event) ?? []) as AnyTransitionDefinition[];
    if (!taken.some((one) => coverage.isNew(one) && !planned.has(one))) continue;
    for (const one of taken) planned.add(one);
    tours.push(movesFor([...steps, { event: last.event, state: last.to }], last.first));
  }
  return tours;
}

/** Moves by which a chart can be extended at any place. */
export function chartMoves(subject: Subject, seed: number): readonly Move[] {
  const tasks = [...subject.inputs].flatMap(([task, arbitrary]) =>
    fc.sample(arbitrary, { numRuns: SAMPLES, seed }).flatMap((input): Move[] => [
      { move: 'task', task, input },
      { move: 'begin', task, input, held: 'after' },
    ]),
  );
  const values = [...subject.values].flatMap(([name, known]) =>
    known.flatMap((value): Move[] => [
      { move: 'variable', name, value },
      { move: 'propose', name, value },
    ]),
  );
  const work = subject.machine === undefined ? [] : workOf(subject.machine);
  const arranged = work.flatMap((name): Move[] => [
    { move: 'arrange', work: name, as: 'failing' },
    { move: 'arrange', work: name, as: 'hanging' },
  ]);
  const others: Move[] = [
    { move: 'pass' },
    { move: 'cancel' },
    { move: 'release' },
    { move: 'crash' },
    { move: 'wait' },
    { move: 'start' },
  ];
  return [...tasks, ...values, ...arranged, ...others];
}

function eventsFromOutside(subject: Subject, seed: number): EventObject[] {
  const tasks = [...subject.inputs].flatMap(([type, arbitrary]) =>
    fc.sample(arbitrary, { numRuns: SAMPLES, seed }).map((input) => ({ type, input, taskId: 'task' })),
  );
  const values = [...subject.values].flatMap(([name, known]) =>
    known.flatMap((value) => [
      { type: 'variable.changed', name, value, version: 2 },
      {
        type: 'vote.asked',
        name,
        value,
        proposal: { roundId: 'round', variable: name, value, current: undefined, deadlineAt: 0, as: 'voter' },
      },
    ]),
  );
  const cancelled = {
    type: 'task.cancelled',
    task: subject.tasks[0] ?? '',
    taskId: 'task',
    reason: 'given up',
  };
  const restored = { type: 'agent.restored', incarnation: 2, previousStop: 'out_of_memory', tasks: [] };
  return [...tasks, ...values, cancelled, restored];
}

/** What a chart waits for by itself: its delays, and the ends of what it invoked. */
function eventsFromInside(state: AnyMachineSnapshot): EventObject[] {
  const nodes = state._nodes as readonly { readonly ownEvents: readonly string[] }[];
  const types = new Set(nodes.flatMap(({ ownEvents }) => ownEvents));
  return [...types]
    .filter((type) => /^xstate\.(after|done\.actor|error\.actor)\./.test(type))
    .map((type) => ({ type, output: undefined, error: new Error('made to fail') }) as EventObject);
}

function stateKey({ value, context, status }: AnyMachineSnapshot): string {
  return JSON.stringify([status, value, context], (_, part: unknown) =>
    typeof part === 'object' && part !== null && 'sessionId' in part ? 'an actor' : part,
  );
}

interface Way {
  readonly steps: readonly Step[];
  readonly last: {
    readonly first: AnyMachineSnapshot;
    readonly from: AnyMachineSnapshot;
    readonly event: EventObject;
    readonly to: AnyMachineSnapshot;
  };
}

type Adjacency = Record<
  string,
  {
    readonly state: AnyMachineSnapshot;
    readonly transitions: Record<string, { event: EventObject; state: AnyMachineSnapshot }>;
  }
>;

/** Every edge of the graph, after the shortest way to where it begins, nearest first. */
function* waysOver(map: Adjacency): Generator<Way> {
  const [firstKey] = Object.keys(map);
  if (firstKey === undefined) return;
  const first = map[firstKey]!.state;
  const ways = new Map<string, readonly Step[]>([[firstKey, []]]);
  for (const [key, steps] of ways) {
    const place = map[key];
    if (place === undefined) continue;
    for (const { event, state } of Object.values(place.transitions)) {
      yield { steps, last: { first, from: place.state, event, to: state } };
      const next = stateKey(state);
      if (!ways.has(next)) ways.set(next, [...steps, { event, state }]);
    }
  }
}

/** What a test does so that a chart goes that way. */
function movesFor(steps: readonly Step[], first: AnyMachineSnapshot): readonly Move[] {
  const moves: Move[] = [];
  let before = first;
  const enter = (from: number, at: AnyMachineSnapshot, was: AnyMachineSnapshot | undefined): void => {
    for (const [id, child] of Object.entries(at.children)) {
      if (was && id in was.children) continue;
      const work = (child as { readonly src: unknown }).src;
      if (typeof work !== 'string') continue;
      const next = steps
        .slice(from)
        .find(({ event, state }) => event.type.endsWith(`.actor.${id}`) || !(id in state.children));
      if (next?.event.type === `xstate.error.actor.${id}`)
        moves.push({ move: 'arrange', work, as: 'failing' });
      else if (next && next.event.type !== `xstate.done.actor.${id}`)
        moves.push({ move: 'arrange', work, as: 'hanging' });
    }
  };
  enter(0, first, undefined);
  moves.push({ move: 'start' });
  for (const [at, { event, state }] of steps.entries()) {
    enter(at + 1, state, before);
    before = state;
    const { type } = event;
    if (type.startsWith('xstate.after.')) moves.push({ move: 'pass' });
    else if (type === 'variable.changed')
      moves.push({ move: 'variable', name: event.name!, value: event.value });
    else if (type === 'vote.asked') moves.push({ move: 'propose', name: event.name!, value: event.value });
    else if (type === 'agent.restored') moves.push({ move: 'crash' }, { move: 'wait' });
    else if (type === 'task.cancelled') moves.push(...cancelling(moves));
    else if (!type.startsWith('xstate.')) moves.push({ move: 'task', task: type, input: event.input });
  }
  return moves;
}

/** The last task is held, so that there is something to cancel. */
function cancelling(moves: Move[]): Move[] {
  const at = moves.findLastIndex(({ move }) => move === 'task');
  const task = moves[at];
  if (task?.move === 'task') moves[at] = { move: 'begin', task: task.task, input: task.input, held: 'after' };
  return [{ move: 'cancel' }, { move: 'release' }];
}
