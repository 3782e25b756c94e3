/**
 * How often each transition of a chart that XState's own interpreter runs was taken, and each guard said no; charts that
 * it invokes or spawns included.
 *
 * Fed by XState's inspection of running actors. A guard that was asked and said no shows by what was chosen instead:
 * within a state the candidates of an event are asked in order, and an outer state only when the inner ones have
 * nothing. Loads neither XState nor a chart: children count, too.
 */
import type {
  AnyMachineSnapshot,
  AnyStateMachine,
  AnyStateNode,
  AnyTransitionDefinition,
  InspectionEvent,
} from 'xstate';
import type { CountedCharts } from './agent-counts.ts';
import type { ChartCounts } from './chart-counts.ts';
import { hashOfChart } from './chart-hash.ts';
import { candidatesFor } from './table/event-descriptors.ts';
import { nameOf, nodesOf, refusalOf, transitionsOf } from './transition-name.ts';

export class InterpretedCounts implements CountedCharts {
  /** Every machine that is counted, by the one that its `provide` has changed: they share their configuration. */
  readonly #machines = new Map<object, AnyStateMachine>();
  readonly #times = new Map<string, number>();
  /** What was counted since somebody asked for changes, once somebody has. */
  #fresh: Map<string, number> | undefined;
  readonly #before = new WeakMap<object, AnyMachineSnapshot>();

  constructor(machine: AnyStateMachine) {
    this.#add(machine);
  }

  /** How many different ones there were by now: it grows with everything new. */
  get size(): number {
    return this.#times.size;
  }

  observe(event: InspectionEvent): void {
    const actor = event.actorRef as { readonly logic?: { readonly config?: object } };
    const machine = actor.logic?.config && this.#machines.get(actor.logic.config);
    if (machine === undefined) return;
    if (event.type === '@xstate.microstep') {
      const before = this.#before.get(actor);
      const taken = event._transitions;
      for (const transition of taken) this.#count(nameOf(transition));
      if (before) this.#countRefusals(before, event.event.type, taken);
      this.#before.set(actor, event.snapshot as AnyMachineSnapshot);
    } else if (event.type === '@xstate.snapshot')
      this.#before.set(actor, event.snapshot as AnyMachineSnapshot);
  }

  /** Where an actor stands whose earlier steps were not observed. */
  stands(actor: object, snapshot: AnyMachineSnapshot): void {
    this.#before.set(actor, snapshot);
  }

  /** Whether a step of a machine that was not run would be something new. */
  isNew(transition: AnyTransitionDefinition): boolean {
    return !this.#times.has(nameOf(transition));
  }

  /** All of each chart, what was never taken included. */
  charts(): readonly ChartCounts[] {
    return [...this.#machines.values()].map((machine) =>
      countsIn(machine, (name) => this.#times.get(name) ?? 0),
    );
  }

  changes(): readonly ChartCounts[] | undefined {
    const fresh = this.#fresh;
    if (fresh?.size === 0) return undefined;
    this.#fresh = new Map();
    if (fresh === undefined) return this.charts();
    const changed = [...this.#machines.values()].map((machine) =>
      countsIn(machine, (name) => fresh.get(name)),
    );
    return changed.filter(
      ({ transitions, refusals }) => Object.keys(transitions).length + Object.keys(refusals).length > 0,
    );
  }

  #add(machine: AnyStateMachine): void {
    if (this.#machines.has(machine.config)) return;
    this.#machines.set(machine.config, machine);
    for (const logic of Object.values(machine.implementations.actors as Record<string, unknown>)) {
      if (isMachine(logic)) this.#add(logic);
    }
  }

  #count(name: string): void {
    this.#times.set(name, (this.#times.get(name) ?? 0) + 1);
    this.#fresh?.set(name, (this.#fresh.get(name) ?? 0) + 1);
  }

  /** Guards that were asked on the way to what was chosen, and refused. */
  #countRefusals(before: AnyMachineSnapshot, type: string, taken: readonly AnyTransitionDefinition[]): void {
    const isEventless = taken.some(({ eventType }) => eventType === '');
    const nodes = before._nodes as readonly AnyStateNode[];
    const chosen = new Set(taken.map(nameOf));
    const seen = new Set<AnyStateNode>();
    for (const atomic of nodes.filter(({ states }) => Object.keys(states).length === 0)) {
      for (let node: AnyStateNode | undefined = atomic; node; node = node.parent) {
        const candidates = isEventless ? (node.always ?? []) : candidatesFor(node.transitions, type);
        const at = candidates.findIndex((one) => chosen.has(nameOf(one)));
        if (!seen.has(node)) {
          const asked = at === -1 ? candidates : candidates.slice(0, at);
          for (const one of asked) if (one.guard !== undefined) this.#count(refusalOf(one));
        }
        seen.add(node);
        if (at !== -1) break;
      }
    }
  }
}

/** @param timesOf how often something was taken, by its name; `undefined` leaves it out */
function countsIn(machine: AnyStateMachine, timesOf: (name: string) => number | undefined): ChartCounts {
  const transitions: Record<string, number> = {};
  const refusals: Record<string, number> = {};
  for (const transition of nodesOf(machine.root).flatMap((node) => transitionsOf(node))) {
    const taken = timesOf(nameOf(transition));
    if (taken !== undefined) transitions[nameOf(transition)] = taken;
    const refused = transition.guard === undefined ? undefined : timesOf(refusalOf(transition));
    if (refused !== undefined) refusals[refusalOf(transition)] = refused;
  }
  return { chart: machine.id, hash: hashOfChart(machine), transitions, refusals };
}

const byConfig = new WeakMap<object, InterpretedCounts>();

/** Where all agents that are one chart are counted. */
export function countsFor(machine: AnyStateMachine): InterpretedCounts {
  let counts = byConfig.get(machine.config);
  if (counts === undefined) byConfig.set(machine.config, (counts = new InterpretedCounts(machine)));
  return counts;
}

export function isMachine(logic: unknown): logic is AnyStateMachine {
  return typeof logic === 'object' && logic !== null && 'root' in logic && 'implementations' in logic;
}
