/**
 * The constraints of a fleet: which are in force the engine keeps, by name; what each says is code that nodes are given.
 *
 * Owns the list of those in force. It changes no value: variables-object.ts asks it before it does.
 *
 * I1  No value changes unchecked. A node that was not given a constraint in force, or has one of that name over other
 *     variables, refuses to change what it is on, and says what is missing.
 * I2  What a constraint said is kept with the turn: a turn that is repeated, on another node too, goes on by it.
 * I3  A constraint is asked about its own variables alone, whichever others are in force, and changes none of them.
 */
import type { ObjectContext } from '@restatedev/restate-sdk';
import {
  assertHolds,
  type NamedConstraint,
  type Rule,
  ruleOf,
} from '../../runtime/coordination/variables/constraints.ts';
import { frozenData } from '../../runtime/values/data-copy.ts';
import { AgentSystemError, inWords } from '../../runtime/values/errors.ts';
import { type Answer, refusalOf } from '../engine/call-answer.ts';
import { wire, wireOf } from '../engine/wire.ts';

/** One that is in force. */
export interface KeptConstraint {
  readonly name: string;
  readonly variables: readonly string[];
}

/** A constraint, as a client asks for it; with `variables` only one over these. */
export interface AskedConstraint {
  readonly name: string;
  readonly variables?: readonly string[] | undefined;
}

/** Values of those of some variables that have one. */
export type ReadValues = (names: readonly string[]) => Promise<Record<string, unknown>>;

/** Where they are kept. */
export const CONSTRAINTS = 'constraints';

export class ConstraintCode {
  readonly #rules: ReadonlyMap<string, Rule>;

  constructor(given: readonly NamedConstraint[]) {
    this.#rules = new Map(given.map((constraint) => [constraint.name, ruleOf(constraint)]));
  }

  /** Puts one into force; one that is changes nothing. */
  async constrain(
    ctx: ObjectContext,
    asked: AskedConstraint,
    read: ReadValues,
  ): Promise<Answer<KeptConstraint>> {
    const kept = await keptConstraints(ctx);
    const known = kept.find(({ name }) => name === asked.name);
    if (known !== undefined) return isOver(asked, known) ? { value: known } : otherwise(asked, known);
    const given = await ctx.run('given', () => this.#rules.get(asked.name)?.names ?? null);
    if (given === null) return invalid(missing(asked.name));
    const added = { name: asked.name, variables: given };
    if (!isOver(asked, added)) return otherwise(asked, added);
    const broken = await this.#problem(ctx, [added], await read(given));
    if (broken !== null) return invalid(broken);
    ctx.set(CONSTRAINTS, [...kept, added], wire);
    return { value: added };
  }

  /** Lifts one; there may be none. */
  async lift(ctx: ObjectContext, { name: lifted }: AskedConstraint): Promise<void> {
    const kept = await keptConstraints(ctx);
    if (kept.some(({ name }) => name === lifted)) {
      ctx.set(
        CONSTRAINTS,
        kept.filter(({ name }) => name !== lifted),
        wire,
      );
    }
  }

  /** Why a value may not come into force, if one of the constraints is against it. */
  async refusal(
    ctx: ObjectContext,
    kept: readonly KeptConstraint[],
    { name, value }: { readonly name: string; readonly value: unknown },
    read: ReadValues,
  ): Promise<{ readonly refusal: ReturnType<typeof refusalOf> } | undefined> {
    const concerned = kept.filter(({ variables }) => variables.includes(name));
    if (concerned.length === 0) return undefined;
    const others = new Set(concerned.flatMap(({ variables }) => variables));
    others.delete(name);
    const values = Object.assign(await read([...others]), { [name]: value });
    const problem = await this.#problem(ctx, concerned, values);
    return problem === null ? undefined : invalid(problem);
  }

  #problem(
    ctx: ObjectContext,
    concerned: readonly KeptConstraint[],
    values: Record<string, unknown>,
  ): PromiseLike<string | null> {
    return ctx.run('constraints', () => {
      try {
        for (const kept of concerned) assertHolds(this.#ruleOf(kept), ownOf(kept, values));
        return null;
      } catch (thrown) {
        if (thrown instanceof AgentSystemError) return thrown.message;
        throw thrown;
      }
    });
  }

  /** @throws AgentSystemError `VARIABLE_INVALID` */
  #ruleOf(kept: KeptConstraint): Rule {
    const rule = this.#rules.get(kept.name);
    if (rule === undefined) throw new AgentSystemError('VARIABLE_INVALID', missing(kept.name));
    if (isOver({ name: kept.name, variables: rule.names }, kept)) return rule;
    throw new AgentSystemError('VARIABLE_INVALID', otherVariables(rule.names, kept));
  }
}

async function keptConstraints(ctx: ObjectContext): Promise<readonly KeptConstraint[]> {
  return (await ctx.get(CONSTRAINTS, wireOf<readonly KeptConstraint[]>())) ?? [];
}

/** What it is asked about: those of its variables that have a value. That is what will be kept, so no rule changes it. */
function ownOf({ variables }: KeptConstraint, values: Record<string, unknown>): Record<string, unknown> {
  const own = Object.create(null) as Record<string, unknown>;
  for (const name of variables) if (name in values) own[name] = values[name];
  return frozenData(own);
}

/** Whether it is over the same variables, in whatever order. */
function isOver({ variables }: AskedConstraint, kept: KeptConstraint): boolean {
  if (variables === undefined) return true;
  const [asked, known] = [new Set(variables), new Set(kept.variables)];
  return asked.size === known.size && [...asked].every((name) => known.has(name));
}

function missing(name: string): string {
  return `the constraint ${inWords(name)} is not known to the node that answers for the fleet: give it to every node, createAgentNode({ constraints })`;
}

function otherVariables(variables: readonly string[], kept: KeptConstraint): string {
  return `the constraint ${inWords(kept.name)} is on ${kept.variables.join(', ')}, got one on ${variables.join(', ')}: give a changed constraint another name`;
}

function otherwise({ variables = [] }: AskedConstraint, kept: KeptConstraint): Answer<never> {
  return invalid(otherVariables(variables, kept));
}

function invalid(message: string) {
  return { refusal: refusalOf(new AgentSystemError('VARIABLE_INVALID', message)) };
}
