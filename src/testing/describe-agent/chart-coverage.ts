/**
 * Which transitions and guard outcomes of a chart have been taken, of all that it has; charts that it invokes or
 * spawns included.
 *
 * Fed by XState's inspection of a running actor. A guard that was asked and said no shows by what was chosen
 * instead: within a state the candidates of an event are asked in order, and an outer state only when the inner ones
 * have nothing.
 */
import type {
  AnyMachineSnapshot,
  AnyStateMachine,
  AnyStateNode,
  AnyTransitionDefinition,
  InspectionEvent,
} from 'xstate';
import { isMachine } from '../../runtime/definition/chart-agent/chart-shape.ts';
import type { CoverageReport } from '../../runtime/engine/coverage-report.ts';
import { nameOf, nodesOf, refusalOf, transitionsOf } from '../../runtime/engine/transition-name.ts';

export class ChartCoverage {
  /** Every machine that is counted, by the one that its `provide` has changed: they share their configuration. */
  readonly #machines = new Map<object, AnyStateMachine>();
  readonly #taken = new Set<string>();
  readonly #before = new WeakMap<object, AnyMachineSnapshot>();

  constructor(machine: AnyStateMachine) {
    this.#add(machine);
  }

  /** How much is covered by now: it grows with everything new. */
  get size(): number {
    return this.#taken.size;
  }

  observe(event: InspectionEvent): void {
    const actor = event.actorRef as { readonly logic?: { readonly config?: object } };
    const machine = actor.logic?.config && this.#machines.get(actor.logic.config);
    if (machine === undefined) return;
    if (event.type === '@xstate.microstep') {
      const before = this.#before.get(actor);
      const after = event.snapshot as AnyMachineSnapshot;
      const taken = event._transitions;
      for (const transition of taken) this.#take(transition);
      if (before) this.#noteRefusals(before, event.event.type, taken);
      this.#before.set(actor, after);
    } else if (event.type === '@xstate.snapshot')
      this.#before.set(actor, event.snapshot as AnyMachineSnapshot);
  }

  report(): CoverageReport {
    const count = { transitions: { taken: 0, all: 0 }, guards: { taken: 0, all: 0 } };
    const never: string[] = [];
    const add = (kind: 'transitions' | 'guards', key: string): void => {
      count[kind].all += 1;
      if (this.#taken.has(key)) count[kind].taken += 1;
      else never.push(key);
    };
    for (const machine of this.#machines.values()) {
      for (const node of nodesOf(machine.root)) {
        for (const transition of transitionsOf(node)) {
          add('transitions', nameOf(transition));
          if (transition.guard !== undefined) add('guards', refusalOf(transition));
        }
      }
    }
    return { ...count, never };
  }

  /** Whether a step of a machine that was not run would be something new. */
  isNew(transition: AnyTransitionDefinition): boolean {
    return !this.#taken.has(nameOf(transition));
  }

  #add(machine: AnyStateMachine): void {
    if (this.#machines.has(machine.config)) return;
    this.#machines.set(machine.config, machine);
    for (const logic of Object.values(machine.implementations.actors as Record<string, unknown>)) {
      if (isMachine(logic)) this.#add(logic);
    }
  }

  #take(transition: AnyTransitionDefinition): void {
    this.#taken.add(nameOf(transition));
  }

  /** Guards that were asked on the way to what was chosen, and refused. */
  #noteRefusals(before: AnyMachineSnapshot, type: string, taken: readonly AnyTransitionDefinition[]): void {
    const isEventless = taken.some(({ eventType }) => eventType === '');
    const nodes = before._nodes as readonly AnyStateNode[];
    const chosen = new Set(taken.map(nameOf));
    const seen = new Set<AnyStateNode>();
    for (const atomic of nodes.filter(({ states }) => Object.keys(states).length === 0)) {
      for (let node: AnyStateNode | undefined = atomic; node; node = node.parent) {
        const candidates = isEventless ? (node.always ?? []) : candidatesOf(node, type);
        const at = candidates.findIndex((one) => chosen.has(nameOf(one)));
        if (!seen.has(node)) {
          const asked = at === -1 ? candidates : candidates.slice(0, at);
          for (const one of asked) if (one.guard !== undefined) this.#taken.add(refusalOf(one));
        }
        seen.add(node);
        if (at !== -1) break;
      }
    }
  }
}

/** Candidates of an event in a state, in the order in which they are asked. */
function candidatesOf(node: AnyStateNode, type: string): readonly AnyTransitionDefinition[] {
  return [...node.transitions.keys()]
    .filter((descriptor) => isFor(descriptor, type))
    .toSorted((a, b) => b.length - a.length)
    .flatMap((descriptor) => node.transitions.get(descriptor) as AnyTransitionDefinition[]);
}

function isFor(descriptor: string, type: string): boolean {
  if (descriptor === type || descriptor === '*') return true;
  return descriptor.endsWith('.*') && `${type}.`.startsWith(descriptor.slice(0, -1));
}
