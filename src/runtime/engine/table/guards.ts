/**
 * Guards, read once: named ones by what the definition, or `provide`, says they are.
 *
 * One that is not implemented throws when it is asked, as in XState: the chart may never get there.
 */
import { and, matchesState, not, or, stateIn } from 'xstate';
import type { StateNode } from './configuration.ts';
import type { Refuse } from './operations.ts';
import type { Scope } from './scope.ts';

/** The active states, as a guard may ask for them. */
export interface Whereabouts {
  readonly value: unknown;
  isIn(node: StateNode): boolean;
}

export interface Guard {
  /** For errors: its name, if it has one. */
  readonly name: string | undefined;
  passes(scope: Scope, at: Whereabouts): unknown;
}

type Implementations = Record<string, unknown>;
type Predicate = (scope: Scope, params: unknown) => unknown;
interface BuiltIn {
  readonly check: unknown;
  readonly guards?: readonly unknown[];
  readonly stateValue?: unknown;
}

class PredicateGuard implements Guard {
  readonly name: string | undefined;
  private readonly predicate: Predicate;
  private readonly params: unknown;

  constructor(name: string | undefined, predicate: Predicate, params: unknown) {
    this.name = name;
    this.predicate = predicate;
    this.params = params;
  }

  passes(scope: Scope): unknown {
    const predicate = this.predicate;
    const params = this.params;
    return predicate(
      scope,
      typeof params === 'function' ? (params as (scope: Scope) => unknown)(scope) : params,
    );
  }
}

/** @param root of the definition */
export function guardOf(guard: unknown, root: StateNode, refuse: Refuse): Guard {
  const implementations = root.machine.implementations.guards as Implementations;
  if (typeof guard === 'function') return callable(undefined, guard, undefined, root, refuse);
  const { type, params } = typeof guard === 'string' ? { type: guard } : (guard as Named);
  const implementation = implementations[type];
  if (!implementation) {
    const message = `Guard '${type}' is not implemented.'.`;
    return {
      name: type,
      passes() {
        throw new Error(message);
      },
    };
  }
  if (typeof implementation === 'function') return callable(type, implementation, params, root, refuse);
  // A name for another guard.
  let other: Guard | undefined;
  return {
    name: type,
    passes: (scope, at) => (other ??= guardOf(implementation, root, refuse)).passes(scope, at),
  };
}

interface Named {
  readonly type: string;
  readonly params?: unknown;
}

function callable(
  name: string | undefined,
  guard: object,
  params: unknown,
  root: StateNode,
  refuse: Refuse,
): Guard {
  if (!isBuiltIn(guard)) return new PredicateGuard(name, guard as Predicate, params);
  const combined = combination(name, guard, root, refuse);
  if (typeof params !== 'function') return combined;
  // Nobody is given them, and yet they are asked for.
  return {
    name,
    passes(scope, at) {
      (params as (scope: Scope) => unknown)(scope);
      return combined.passes(scope, at);
    },
  };
}

function isBuiltIn(guard: object): guard is BuiltIn {
  return 'check' in guard;
}

function combination(name: string | undefined, guard: BuiltIn, root: StateNode, refuse: Refuse): Guard {
  const { check, guards = [], stateValue } = guard;
  const parts = guards.map((part) => guardOf(part, root, refuse));
  switch (check) {
    case checks.and:
      return { name, passes: (scope, at) => parts.every((part) => part.passes(scope, at)) };
    case checks.or:
      return { name, passes: (scope, at) => parts.some((part) => part.passes(scope, at)) };
    case checks.not:
      return { name, passes: (scope, at) => !parts[0]!.passes(scope, at) };
    case checks.stateIn:
      return { name, passes: isIn(stateValue, root) };
    default:
      return refuse(`the built-in guard "${name ?? '(inline)'}"`);
  }
}

const checkOf = (guard: unknown): unknown => (guard as BuiltIn).check;
/** XState's combinators, told apart by what they check with. */
const checks = {
  and: checkOf(and([])),
  or: checkOf(or([])),
  not: checkOf(not(() => true)),
  stateIn: checkOf(stateIn('')),
};

function isIn(stateValue: unknown, root: StateNode): Guard['passes'] {
  if (typeof stateValue === 'string' && stateValue.startsWith('#')) {
    return (_, at) => at.isIn(root.machine.getStateNodeById(stateValue));
  }
  return (_, at) => matchesState(stateValue as string, at.value as string);
}
