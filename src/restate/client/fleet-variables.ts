/** The variables of a fleet, as its clients see them: `fleet.variables`. Reads are promises. */
import { z } from 'zod';
import { positiveDurationMs } from '../../machines/index.ts';
import { isNamedConstraint, type NamedConstraint } from '../../runtime/coordination/variables/constraints.ts';
import { saidInTime } from '../../runtime/coordination/variables/schema-time.ts';
import type { Confirmation, OutOfDate, VariableVersion } from '../../runtime/coordination/variables/topic.ts';
import {
  isVariableDefinition,
  type NamedVariable,
  noDefinition,
  type VariableDefinition,
} from '../../runtime/coordination/variables/variable.ts';
import type {
  ChangeOptions,
  VariableChange,
  VariableRecord,
} from '../../runtime/coordination/variables/variables.ts';
import { nameOf, variableName, type VariableRef } from '../../runtime/definition/variable-handle.ts';
import { systemClock } from '../../runtime/time/clock.ts';
import { actor } from '../../runtime/values/act.ts';
import { AgentSystemError, inWords } from '../../runtime/values/errors.ts';
import { parseInput } from '../../runtime/values/malformed.ts';
import type { Verdict } from '../../runtime/values/schema.ts';
import { type Answer, valueOf } from '../engine/call-answer.ts';
import type { AskedChange } from '../coordination/coordination-service.ts';
import { toCoordination, toNodes, toVariables } from '../engine/calls.ts';
import { type EngineClient, REPEATABLE } from '../engine/engine-client.ts';
import type { FleetCommands } from './fleet-commands.ts';
import type { FleetEvents } from './fleet-events.ts';
import type { AskedConstraint, KeptConstraint } from '../coordination/kept-constraints.ts';
import type { Definition } from '../coordination/variables-object.ts';
import type { NodeEntry } from '../nodes/placement.ts';

const changeSchema = z.strictObject({
  by: actor.default('operator'),
  why: z.string().optional(),
  timeoutMs: positiveDurationMs.default(30_000),
});

/** A change, as subscribers of a fleet hear it: the log has the new value alone. */
export type FleetVariableChange<Value = unknown> = Omit<VariableChange<Value>, 'previous'>;

interface Kept {
  readonly record: VariableRecord;
  readonly history: readonly VariableVersion[];
}

export class FleetVariables {
  readonly #engine: EngineClient;
  readonly #commands: FleetCommands;
  readonly #events: FleetEvents;
  /** Definitions of this program: their schemas are code, and check values here. */
  readonly #defined = new Map<string, VariableDefinition>();

  constructor(engine: EngineClient, commands: FleetCommands, events: FleetEvents) {
    this.#engine = engine;
    this.#commands = commands;
    this.#events = events;
  }

  /**
   * Defines a variable, with its default as its first version; one that is defined keeps its value.
   *
   * @throws AgentSystemError `VARIABLE_INVALID`, `COORDINATION_UNAVAILABLE`, `SYSTEM_CLOSED`
   */
  async define<Value>(
    variable: string | NamedVariable<string, Value>,
    given?: VariableDefinition<Value>,
  ): Promise<VariableRecord<Value>> {
    this.#engine.assertOpen();
    const name = nameOf(variable);
    const definition = given ?? variable;
    if (typeof name !== 'string' || name === '' || !isVariableDefinition(definition)) {
      throw noDefinition(name, given);
    }
    const verdict = await inTime(name, definition.judge(definition.default));
    if ('problem' in verdict) {
      throw new AgentSystemError(
        'VARIABLE_INVALID',
        `variable ${inWords(name)}: default: ${verdict.problem}`,
      );
    }
    this.#defined.set(name, definition);
    const { kind, bounds } = definition;
    const asked: Definition = { name, kind, bounds, value: verdict.value };
    const target = toCoordination('define');
    return valueOf(await this.#engine.call<Answer<VariableRecord<Value>>>(target, asked));
  }

  /** @throws AgentSystemError `VARIABLE_UNKNOWN` */
  async get<Value = unknown>(variable: VariableRef<Value>): Promise<VariableRecord<Value>> {
    this.#engine.assertOpen();
    return (await this.#kept(nameOf(variable))).record as VariableRecord<Value>;
  }

  /**
   * Gives a variable its next version, and tells every agent that declared it, through its node.
   *
   * Resolves as `system.variables.set`: agents of a node that does not answer are listed as out of date.
   *
   * @throws AgentSystemError `VARIABLE_UNKNOWN`, `VARIABLE_INVALID`, `COORDINATION_UNAVAILABLE`, `SYSTEM_CLOSED`
   */
  async set<Value = unknown>(
    variable: VariableRef<Value>,
    value: NoInfer<Value>,
    options: ChangeOptions = {},
  ): Promise<Confirmation> {
    this.#engine.assertOpen();
    const name = nameOf(variable);
    const { by, why, timeoutMs } = readChange(options, 'set');
    const change: AskedChange = {
      name,
      value: await this.judged(name, value, timeoutMs),
      by,
      why,
      timeoutMs,
    };
    return valueOf(await this.#engine.call<Answer<Confirmation>>(toCoordination('set'), change));
  }

  /** All variables, in the order of their names. */
  list(): Promise<readonly VariableRecord[]> {
    return this.#engine.call<readonly VariableRecord[]>(toVariables('list'), null);
  }

  /** @throws AgentSystemError `VARIABLE_UNKNOWN` */
  async history(variable: VariableRef): Promise<readonly VariableVersion[]> {
    this.#engine.assertOpen();
    return (await this.#kept(nameOf(variable))).history;
  }

  /** @throws AgentSystemError as `set`; `VARIABLE_INVALID` for a version that is not in its history */
  async rollback(variable: VariableRef, version: number, given: ChangeOptions = {}): Promise<Confirmation> {
    this.#engine.assertOpen();
    const name = nameOf(variable);
    const options = readChange(given, 'rollback');
    const { history } = await this.#kept(name);
    const earlier = history.find((entry) => entry.version === version);
    if (earlier !== undefined) {
      const why = options.why ?? `rollback to version ${version}`;
      return this.set(name, earlier.value, { ...options, why });
    }
    const message = `variable ${inWords(name)}: version ${inWords(version)} is not in its history`;
    throw new AgentSystemError('VARIABLE_INVALID', message);
  }

  /**
   * Passes on every change, in order, a little after it was made; of one variable, where that is named. Returns a function
   * that stops it.
   *
   * @throws AgentSystemError `VARIABLE_INVALID` for what is no function
   */
  subscribe(listener: (change: FleetVariableChange) => void): () => void;
  subscribe<Value = unknown>(
    variable: VariableRef<Value>,
    listener: (change: FleetVariableChange<Value>) => void,
  ): () => void;
  subscribe(...given: readonly unknown[]): () => void {
    const listener = given.at(-1);
    const invalid = { code: 'VARIABLE_INVALID' } as const;
    if (typeof listener !== 'function') {
      const message = `variables.subscribe: expected a function, got ${inWords(listener)}`;
      throw new AgentSystemError('VARIABLE_INVALID', message);
    }
    const wanted =
      given.length === 1
        ? undefined
        : parseInput(variableName, given[0], { what: 'variables.subscribe: variable', ...invalid });
    return this.#events.subscribe((event) => {
      if (event.type !== 'variable.changed' || (wanted !== undefined && event.name !== wanted)) return;
      const { name, value, version, at, by, why } = event;
      listener({ name, value, version, at, by, ...(why === undefined ? {} : { why }) });
    });
  }

  /**
   * The agents that have not acknowledged the current version: every node is asked.
   *
   * @throws AgentSystemError `VARIABLE_UNKNOWN`; `NODE_UNREACHABLE`, because only a node knows of its own agents
   */
  async outOfDate(variable: VariableRef): Promise<readonly OutOfDate[]> {
    this.#engine.assertOpen();
    const name = nameOf(variable);
    const { version } = (await this.#kept(name)).record;
    const nodes = await this.#engine.call<readonly NodeEntry[]>(toNodes('list'), null, REPEATABLE);
    const told = await Promise.all(
      nodes.map((node) =>
        this.#commands.serve<readonly OutOfDate[]>(node.name, 'behind', { name, version }, 0),
      ),
    );
    return told.flat().toSorted((one, other) => (one.agentId < other.agentId ? -1 : 1));
  }

  /**
   * Puts a constraint into force for the fleet, by its name: a change, a definition or a round that would break it is
   * refused with `VARIABLE_INVALID`. Its code is on the nodes, `createAgentNode({ constraints })`. One that is in force
   * already stays so. Resolves with how to lift it, whoever put it into force.
   *
   * It is in force until it is lifted, over the ends of all programs and nodes. While the node that answers for the fleet
   * was not given it, changes of its variables are refused.
   *
   * @throws AgentSystemError `VARIABLE_INVALID` when the values of now break it, when that node was not given it or has one
   * on other variables, and for a function that is no constraint of a name; `SYSTEM_CLOSED`
   */
  async constrain(constraint: NamedConstraint | string): Promise<() => Promise<void>> {
    this.#engine.assertOpen();
    const asked = askedConstraint(constraint);
    valueOf(await this.#engine.call<Answer<KeptConstraint>>(toVariables('constrain'), asked));
    return async () => {
      this.#engine.assertOpen();
      await this.#engine.call(toVariables('lift'), asked);
    };
  }

  /**
   * @internal What a value becomes by its definition.
   *
   * @param timeoutMs for a schema that answers later
   * @throws AgentSystemError `VARIABLE_UNKNOWN`, `VARIABLE_INVALID`, also for a `json` variable that this program has not defined
   */
  async judged(name: string, value: unknown, timeoutMs: number): Promise<unknown> {
    const definition = this.#defined.get(name);
    if (definition === undefined) {
      const { kind } = await this.get(name);
      if (kind !== 'json') return value;
      const message = `variable ${inWords(name)}: its schema is code, expected this program to define it before it changes it`;
      throw new AgentSystemError('VARIABLE_INVALID', message);
    }
    const verdict = await inTime(name, definition.judge(value), timeoutMs);
    if ('value' in verdict) return verdict.value;
    throw new AgentSystemError('VARIABLE_INVALID', `variable ${inWords(name)}: ${verdict.problem}`);
  }

  async #kept(name: string): Promise<Kept> {
    return valueOf(await this.#engine.call<Answer<Kept>>(toVariables('get'), { name }));
  }
}

function inTime(
  name: string,
  said: Verdict | Promise<Verdict>,
  timeoutMs?: number,
): Verdict | Promise<Verdict> {
  return saidInTime(said, { name, clock: systemClock(), ...(timeoutMs === undefined ? {} : { timeoutMs }) });
}

/** @throws AgentSystemError `VARIABLE_INVALID` */
function readChange(options: ChangeOptions, what: string): z.output<typeof changeSchema> {
  return parseInput(changeSchema, options, {
    what: `variables.${what}: options`,
    code: 'VARIABLE_INVALID',
  });
}

/** @throws AgentSystemError `VARIABLE_INVALID` */
function askedConstraint(given: unknown): AskedConstraint {
  if (typeof given === 'string' && given !== '') return { name: given };
  if (isNamedConstraint(given)) return { name: given.name, variables: given.variables.map(nameOf) };
  const message = `variables.constrain: expected what defineConstraint gives, or its name, got ${inWords(given)}: a function alone stays in this program, so give the nodes a constraint with a name, createAgentNode({ constraints })`;
  throw new AgentSystemError('VARIABLE_INVALID', message);
}
