/** Small faults planted in a chart's definition, one at a time: a transition, a guard, an action, a target. */
import { type AnyStateMachine, createMachine } from 'xstate';

export interface ChartMutant {
  readonly what: string;
  readonly machine: AnyStateMachine;
}

type Json = Record<string, unknown>;
interface Alternative extends Json {
  readonly target?: string;
  readonly guard?: unknown;
  readonly actions?: unknown;
}

/** Every mutant of a machine: same implementations, one change in its definition. */
export function chartMutantsOf(machine: AnyStateMachine): ChartMutant[] {
  const mutants: ChartMutant[] = [];
  const config = machine.config as Json;
  const states = statesIn(config);
  for (const [path, state] of states) {
    for (const kind of ['entry', 'exit'] as const) {
      listOf(state[kind]).forEach((action, i) => {
        mutate(`${path} ${kind} without ${nameOf(action)}`, path, (copy) => {
          copy[kind] = listOf(copy[kind]).toSpliced(i, 1);
        });
      });
    }
    for (const [slot, alternatives] of transitionsOf(state)) {
      alternatives.forEach((alternative, i) => {
        const where = `${path} ${slot.join(' ')}${alternatives.length > 1 ? ` #${i + 1}` : ''}`;
        const change = (what: string, alter: (list: Alternative[]) => Alternative[]) =>
          mutate(`${where} ${what}`, path, (copy) => put(copy, slot, alter([...alternativesAt(copy, slot)])));
        change('left out', (list) => list.toSpliced(i, 1));
        if (alternative.guard !== undefined) {
          change('without its guard', (list) => list.with(i, { ...list[i], guard: undefined }));
        }
        if (i + 1 < alternatives.length) {
          change('after the next', (list) => list.with(i, list[i + 1]!).with(i + 1, list[i]!));
        }
        listOf(alternative.actions).forEach((action, j) =>
          change(`without ${nameOf(action)}`, (list) =>
            list.with(i, { ...list[i], actions: listOf(list[i]!.actions).toSpliced(j, 1) }),
          ),
        );
        for (const target of otherTargets(machine, states, alternative.target)) {
          change(`to ${target}`, (list) => list.with(i, { ...list[i], target }));
        }
      });
    }
  }
  return mutants;

  function mutate(what: string, path: string, alter: (state: Json) => void): void {
    const copy = copyOf(config) as Json;
    const state = statesIn(copy).find(([name]) => name === path)![1];
    alter(state);
    mutants.push({ what, machine: createMachine(copy as never, machine.implementations as never) });
  }
}

function statesIn(config: Json, path = ''): [string, Json][] {
  const inner = Object.entries((config['states'] ?? {}) as Record<string, Json>).flatMap(([key, state]) =>
    statesIn(state, path === '' ? key : `${path}.${key}`),
  );
  return [[path, config], ...inner];
}

function transitionsOf(state: Json): [readonly string[], readonly Alternative[]][] {
  const slots = ['on', 'after'].flatMap((kind) =>
    Object.keys((state[kind] ?? {}) as Json).map((event) => [kind, event]),
  );
  if (state['always'] !== undefined) slots.push(['always']);
  return slots.map((slot) => [slot, alternativesAt(state, slot)]);
}

function alternativesAt(state: Json, [kind, event]: readonly string[]): readonly Alternative[] {
  const there = event === undefined ? state[kind!] : (state[kind!] as Json)[event];
  return listOf(there).map((one) => (typeof one === 'string' ? { target: one } : (one as Alternative)));
}

function put(state: Json, [kind, event]: readonly string[], alternatives: readonly Alternative[]): void {
  if (event === undefined) state[kind!] = alternatives;
  else (state[kind!] as Json)[event] = alternatives;
}

/** Two other states that a transition might have led to. */
function otherTargets(
  { id }: AnyStateMachine,
  states: readonly (readonly [string, Json])[],
  target: string | undefined,
): string[] {
  if (target === undefined) return [];
  const leaves = states.filter(([path]) => path !== '').map(([path]) => path);
  const at = leaves.findIndex(
    (path) => path === target || path.endsWith(target.replace(/^[#.]?(?:\w+\.)*/, '')),
  );
  // A state around the target, whose way in it is, would be the same again.
  const others = leaves.filter((path, i) => i !== at && !leaves[at]?.startsWith(`${path}.`));
  const next = others.findIndex((path) => leaves.indexOf(path) > at);
  const chosen = new Set([others.at(next), others.at(next - 1)].filter((path) => path !== undefined));
  return [...chosen].map((path) => `#${id}.${path}`);
}

function nameOf(action: unknown): string {
  return typeof action === 'string' ? action : String((action as { type: unknown }).type);
}

function listOf(value: unknown): unknown[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}

/** Plain objects and arrays are copied, functions and all else are shared. */
function copyOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyOf);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, copyOf(inner)]));
}
