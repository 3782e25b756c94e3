/** The agent that is under test, and what is known of how to treat it. */
import type { Arbitrary } from 'fast-check';
import type * as FastCheck from 'fast-check';
import type { AnyStateMachine } from 'xstate';
import type { Isolation } from '../../machines/index.ts';
import type { VariableDefinition } from '../../runtime/coordination/variables/variable.ts';
import type { AnyAgentDefinition } from '../../runtime/definition/define-agent.ts';
import { type AgentManifest, manifestOf } from '../../runtime/definition/manifest.ts';
import { isMachine } from '../../runtime/engine/interpreted-counts.ts';
import type { AgentSpec } from '../../runtime/fleet/spec-reading.ts';
import { Faults, withFaults } from './faults.ts';
import { valuesOf } from '../variable-values.ts';
import { inputsOf, type InputPlan } from './inputs.ts';
import type { AgentLaw } from './laws.ts';

/** How one kind of task is treated. */
export interface TaskPlan extends InputPlan {
  /** Whether it may fail with a valid input, or with which errors. */
  readonly mayFail?: boolean | ((error: Error) => boolean);
  /** Whether it takes its agent down, or completes it, on purpose. */
  readonly mayEnd?: boolean;
}

/** What an invariant looks at. */
export interface Seen {
  /** The state as it would be saved now; of a chart its snapshot, with `value` and `context`. */
  // oxlint-disable-next-line typescript/no-explicit-any -- it is the user's own, whatever that is
  readonly state: any;
  readonly isAlive: boolean;
  /** What the last task that was answered was asked, and gave. */
  readonly last: { readonly task: string; readonly input: unknown; readonly output: unknown } | undefined;
}

/** Whether it holds: `false`, or a throw, breaks it. */
export type Invariant = (seen: Seen) => unknown;

export interface SubjectOptions {
  readonly initArgs?: unknown;
  readonly spec?: Pick<AgentSpec, 'tasks' | 'resources' | 'coordination'>;
  readonly tasks?: Readonly<Record<string, TaskPlan>>;
  readonly variables?: Readonly<Record<string, VariableDefinition>>;
  readonly invariants?: Readonly<Record<string, Invariant>>;
  /** Laws that it is not held to, each for a reason of its own. */
  readonly except?: readonly AgentLaw[];
}

export class Subject {
  readonly definition: AnyAgentDefinition;
  readonly url: URL | undefined;
  readonly manifest: AgentManifest;
  readonly options: SubjectOptions;
  readonly inputs: ReadonlyMap<string, Arbitrary<unknown>>;
  /** Values of its variables, by name. */
  readonly values: ReadonlyMap<string, readonly unknown[]>;
  readonly machine: AnyStateMachine | undefined;
  /** What its chart's work is made to do, in the one stage that is open. */
  readonly faults = new Faults();
  /** As it is run in this program: its chart's work does as `faults` say. */
  readonly faulty: AnyAgentDefinition;
  /** What was described of its module, by hosts in which that costs a process. */
  readonly manifests = new Map<Isolation, Map<string, Promise<AgentManifest>>>();
  readonly #except: ReadonlySet<string>;

  constructor(
    fc: typeof FastCheck,
    definition: AnyAgentDefinition,
    url: URL | undefined,
    options: SubjectOptions,
  ) {
    this.definition = definition;
    this.faulty = withFaults(definition, this.faults);
    this.url = url;
    this.manifest = manifestOf(definition);
    this.options = options;
    this.inputs = new Map(
      Object.entries(definition.tasks)
        .filter(([, { requires = [] }]) => requires.every((one) => definition.capabilities.includes(one)))
        .map(([name, { input }]) => [name, inputsOf(fc, name, input, options.tasks?.[name] ?? {})]),
    );
    this.values = new Map(
      definition.variables.flatMap((name) => {
        const known = options.variables?.[name];
        return known === undefined ? [] : [[name, valuesOf(known)] as const];
      }),
    );
    this.#except = new Set(options.except);
    let found: AnyStateMachine | undefined;
    definition.chart?.withMachine((machine) => (found = machine));
    this.machine = isMachine(found) ? found : undefined;
  }

  get isChart(): boolean {
    return this.machine !== undefined;
  }

  get tasks(): readonly string[] {
    return [...this.inputs.keys()];
  }

  isHeldTo(law: AgentLaw): boolean {
    return !this.#except.has(law);
  }

  planOf(task: string): TaskPlan {
    return this.options.tasks?.[task] ?? {};
  }
}
