/**
 * A spec whose module is one of several definitions, as a loop over an array of them has it. For the compiler alone.
 * Which tasks such an agent has it cannot tell: its id is a plain string.
 *
 * It is a type parameter beside those of one definition, and no overload: of a system and a fleet together TypeScript
 * calls only methods with one signature.
 */
import type { AgentDefinition, AnyAgentDefinition, TaskTypes } from '../definition/define-agent.ts';
import type { TypedId } from './agent-handle.ts';
import type { AgentSpec, DemandedArgs } from './spec-reading.ts';

/** A spec, by its module. */
export interface WithModule {
  readonly module: AnyAgentDefinition | URL;
}

/**
 * A spec of one definition, or of several: then its `initArgs` fit each of them.
 *
 * A condition, and no union: of a union TypeScript would give `Spec` the first of several specs.
 *
 * @typeParam One a spec of one definition
 * @typeParam Known a spec of any definition
 */
export type OneOrSeveral<Spec extends WithModule, One, Known = AgentSpec> =
  true extends IsSeveral<Spec> ? Spec & CheckedSpec<Spec, Known> : One;

/** The spec, or each of several, with `initArgs` that fit it, and no other fields than there are. */
export type CheckedSpec<Spec extends WithModule, Known> = Spec extends unknown
  ? Spec & Omit<Known, 'module' | 'initArgs'> & ArgsFor<FitsAll<Spec['module']>> & NothingBeside<Known, Spec>
  : never;

/** Contains `true` for specs of several definitions, and for those of a definition and of the URL of a module. */
export type IsSeveral<Spec extends WithModule> = IsUnion<DefinitionOf<Spec>>;

/** One that may be given by its URL too is one definition. */
type DefinitionOf<Spec extends WithModule> = Spec extends unknown
  ? [Exclude<Spec['module'], URL>] extends [never]
    ? URL
    : Exclude<Spec['module'], URL>
  : never;

type IsUnion<Of, One = Of> = One extends unknown ? ([Of] extends [One] ? false : true) : never;

/** A field that is misspelled does not compile. */
export type NothingBeside<Known, Given> = { readonly [Key in Exclude<keyof Given, keyof Known>]: never };

type ArgsFor<Args> = { readonly initArgs?: NoInfer<Args> } & DemandedArgs<Args>;

/** What fits each of the modules. */
type FitsAll<Module> = (Module extends unknown ? (args: ArgsOf<Module>) => void : never) extends (
  args: infer All,
) => void
  ? All
  : never;

type ArgsOf<Module> =
  Module extends AgentDefinition<infer Args, infer _Tasks extends TaskTypes> ? Args : unknown;

/** Of an agent with such a spec: it knows the tasks of one definition. */
export type IdOf<Spec extends WithModule, Tasks extends TaskTypes> =
  true extends IsSeveral<Spec> ? string : TypedId<Tasks>;
