/**
 * The variables that a fleet shares: `system.variables`.
 *
 * Owns their definitions, values and constraints. A topic tells the agents of a change (topic.ts); whether anything
 * may change now, coordination says.
 *
 * I1  A value in force has been judged by its definition and by every constraint on it.
 * I2  A refused call has changed nothing.
 * I3  A change is in the event stream before anybody hears of it, and its caller is answered after it was committed.
 * I4  What is handed out cannot be used to change what is kept: values and versions are frozen.
 * I5  There is a topic for every variable that has a value, and for every name that an agent with a body declared;
 *     and for no other.
 * I6  A value is in force from the moment in which it was judged last; agents are told in an act of their own.
 */
import { z } from 'zod';
import { positiveDurationMs } from '../../../machines/index.ts';
import type { SteadyClock } from '../../time/clock.ts';
import { answered, refused } from '../../time/loop-turn.ts';
import { actor } from '../../values/act.ts';
import { frozenData } from '../../values/data-copy.ts';
import { AgentSystemError, inWords } from '../../values/errors.ts';
import type { RunQueue } from '../../engine/run-queue.ts';
import type { Journal } from '../../journal/journal.ts';
import { meantBy } from '../../values/near-name.ts';
import { parseInput } from '../../values/malformed.ts';
import type { Verdict } from '../../values/schema.ts';
import type { Recovery } from '../../journal/store.ts';
import { tellListener } from '../../values/thenable.ts';
import {
  type Constraint,
  Constraints,
  isNamedConstraint,
  type NamedConstraint,
  ruleOf,
} from './constraints.ts';
import { saidInTime } from './schema-time.ts';
import { type Confirmation, type OutOfDate, Topic, type VariableVersion } from './topic.ts';
import { HISTORY_LIMIT, historyFrom, storedHistory } from './variable-history.ts';
import { nameOf, type ValuesOf, variableName, type VariableRef } from '../../definition/variable-handle.ts';
import {
  isVariableDefinition,
  type NamedVariable,
  noDefinition,
  type VariableDefinition,
  type VariableKind,
  variableNames,
} from './variable.ts';

/** A variable as it stands. */
export interface VariableRecord<Value = unknown> {
  /** Its name. */
  readonly name: string;
  /** `undefined` for one that the store kept and this program has not defined yet. */
  readonly kind: VariableKind | undefined;
  /** What its definition allows: `min` and `max`, or `options`. */
  readonly bounds: Readonly<Record<string, unknown>>;
  /** Its current value. */
  readonly value: Value;
  /** 1, 2, 3 … one per change. */
  readonly version: number;
  /** Epoch ms. */
  readonly updatedAt: number;
}

/** Who changes a variable, and how long the change waits. */
export interface ChangeOptions {
  /** Who changes it; default `operator`. */
  readonly by?: string | undefined;
  /** Why, for its history. */
  readonly why?: string | undefined;
  /**
   * How long to wait for a schema that answers later, and then for `sync` agents, in ms; default 30,000. Agents that are
   * late are listed as out of date.
   */
  readonly timeoutMs?: number | undefined;
}

/** What listeners of `variables.subscribe` hear. */
export interface VariableChange<Value = unknown> extends VariableVersion<Value> {
  /** The name of the variable. */
  readonly name: string;
  /** `undefined` for the first value of a definition. */
  readonly previous: Value | undefined;
}

/**
 * Wherever a variable is named, its handle (`defineVariable`) serves as well; values are then typed. A handle of a
 * variable that is defined otherwise is refused with `VARIABLE_INVALID`, and `VARIABLE_UNKNOWN` where it is not defined.
 */
export interface Variables {
  /**
   * Makes a variable known, with its default as its first version; one that the store kept keeps its value, if it
   * still fits.
   *
   * @throws AgentSystemError `VARIABLE_INVALID`, `COORDINATION_UNAVAILABLE`, `STORE_FAILED`, `SYSTEM_CLOSED`
   */
  define<Definition extends VariableDefinition>(
    name: string,
    definition: Definition,
  ): Promise<VariableRecord<Definition['default']>>;
  define<Value>(variable: NamedVariable<string, Value>): Promise<VariableRecord<Value>>;
  /** @throws AgentSystemError `VARIABLE_UNKNOWN` */
  get<Value = unknown>(variable: VariableRef<Value>): VariableRecord<Value>;
  /**
   * Gives a variable its next version and tells every agent that declared it.
   *
   * Resolves when every `sync` agent among them has acknowledged it or ended; `async` agents that have not are
   * listed as out of date. One that ended, by a throw of its `onVariable` too, is neither acknowledged nor out of
   * date: it begins its next life with the current values. An update that a newer one overtakes resolves too, and
   * names it in `supersededBy`.
   *
   * @throws AgentSystemError `VARIABLE_UNKNOWN`, `VARIABLE_INVALID`, `COORDINATION_UNAVAILABLE`, `STORE_FAILED` (the
   * value is in force, and is kept once the store is back), `SYSTEM_CLOSED`
   */
  set<Value = unknown>(
    variable: VariableRef<Value>,
    value: NoInfer<Value>,
    options?: ChangeOptions,
  ): Promise<Confirmation>;
  /** All variables, in the order of their names. */
  list(): readonly VariableRecord[];
  /**
   * The versions that are kept, oldest first. Old ones may be of an earlier definition: nothing is known of their values.
   *
   * @throws AgentSystemError `VARIABLE_UNKNOWN`
   */
  history(variable: VariableRef): readonly VariableVersion[];
  /** The agents that have not acknowledged the current version. @throws AgentSystemError `VARIABLE_UNKNOWN` */
  outOfDate(variable: VariableRef): readonly OutOfDate[];
  /**
   * Gives a variable the value that it had in an earlier version, as a new version.
   *
   * @throws AgentSystemError as `set`; `VARIABLE_INVALID` for a version that is not in its history
   */
  rollback(variable: VariableRef, version: number, options?: ChangeOptions): Promise<Confirmation>;
  /**
   * Adds a rule over several variables: a change that would break it is refused with `VARIABLE_INVALID`. Checked once
   * all of `variables` have a value. Returns how to lift it.
   *
   * @throws AgentSystemError `VARIABLE_INVALID` when the values of now break it
   */
  constrain(constraint: NamedConstraint): () => void;
  constrain<Ref extends VariableRef>(
    variables: readonly Ref[],
    constraint: Constraint<ValuesOf<Ref>>,
  ): () => void;
  /** Hears every change after it was committed, in order; of one variable, where that is named. Returns how to stop listening. */
  subscribe(listener: (change: VariableChange) => void): () => void;
  subscribe<Value = unknown>(
    variable: VariableRef<Value>,
    listener: (change: VariableChange<Value>) => void,
  ): () => void;
}

export interface VariablesOptions {
  readonly journal: Journal;
  readonly clock: SteadyClock;
  readonly recovery: Pick<Recovery, 'variables' | 'facts'>;
  /** Throws when nothing may change now. */
  readonly assertAvailable: () => void;
  /** A variable has changed: rounds that ask about its last value are void. */
  readonly changed: (topic: Topic) => void;
  readonly queue: RunQueue;
  readonly reportFault: (message: string, thrown: unknown) => void;
}

/** What a variable begins with. */
interface FirstValue extends Fit {
  /** Why it has that value; `undefined` where it has it already. */
  readonly why: string | undefined;
}

/** A value that a variable may take. */
interface Fit {
  readonly value: unknown;
}

const changeSchema = z.strictObject({
  by: actor.default('operator'),
  why: z.string().optional(),
  timeoutMs: positiveDurationMs.default(30_000),
});
type Change = z.output<typeof changeSchema>;

const FACT = 'variable.history.';

export class VariableRegistry implements Variables {
  readonly #options: VariablesOptions;
  readonly #topics = new Map<string, Topic>();
  readonly #constraints = new Constraints(() => this.#valuesNow());
  readonly #listeners = new Set<(change: VariableChange) => void>();

  constructor(options: VariablesOptions) {
    this.#options = options;
    const { variables, facts } = options.recovery;
    for (const { name, value, version, at, by, why } of variables) {
      const last = frozenData<VariableVersion>({
        version,
        value,
        at,
        by,
        ...(why === undefined ? {} : { why }),
      });
      this.topic(name).restore({ name, value, version }, historyFrom(facts.get(FACT + name), last));
    }
  }

  define<Value>(
    variable: string | NamedVariable<string, Value>,
    given?: VariableDefinition,
  ): Promise<VariableRecord<Value>> {
    return answered(this.#options.clock, async () => {
      this.#options.assertAvailable();
      const name = parsed(variableNames, nameOf(variable), 'variables.define: name');
      const definition = given ?? variable;
      if (!isVariableDefinition(definition)) throw noDefinition(name, given);
      const first = await this.#firstValue(name, definition);
      this.#options.assertAvailable();
      await this.#begin(name, definition, first);
      return this.#recordOf(this.topic(name)) as VariableRecord<Value>;
    });
  }

  /**
   * @internal Judges what variables begin with, and puts nothing into force.
   *
   * @returns defines them all in one step; what that gives resolves once it is committed
   * @throws AgentSystemError as `define`
   */
  async judged(definitions: Readonly<Record<string, VariableDefinition>>): Promise<() => Promise<unknown>> {
    const judging = Object.entries(definitions).map(async ([given, definition]) => {
      const name = parsed(variableNames, given, 'variables.define: name');
      if (!isVariableDefinition(definition)) throw noDefinition(name, definition);
      return [name, definition, await this.#firstValue(name, definition)] as const;
    });
    const all = await Promise.all(judging);
    return () => Promise.all(all.map((each) => this.#begin(...each)));
  }

  /** What the store kept, if it still fits, or else the default. */
  async #firstValue(name: string, definition: VariableDefinition): Promise<FirstValue> {
    const kept = this.find(name)?.current;
    const { clock } = this.#options;
    const judged = (value: unknown) => saidInTime(definition.judge(value), { name, clock });
    const verdict = await judged(kept === undefined ? definition.default : kept.value);
    const first = 'value' in verdict || kept === undefined ? verdict : await judged(definition.default);
    if ('problem' in first) throw invalid(`variable ${inWords(name)}: default: ${first.problem}`);
    if (kept === undefined) return { value: first.value, why: 'its default' };
    if ('value' in verdict) return { value: first.value, why: undefined };
    return { value: first.value, why: 'its default: the value that was kept no longer fits' };
  }

  /** Puts a variable into force. What it gives resolves once that is committed. */
  #begin(name: string, definition: VariableDefinition, { value, why }: FirstValue): Promise<void> {
    if (this.find(name)?.definition) throw invalid(`variable ${inWords(name)} is defined already`);
    if (why !== undefined) this.#constraints.assertFits(name, value);
    const topic = this.topic(name);
    topic.definition = definition;
    if (why === undefined) return Promise.resolve();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#change(topic, value, { by: 'definition', why, isFirst: true }, ignore, (error) =>
      error ? reject(error) : resolve(),
    );
    return promise;
  }

  get<Value = unknown>(variable: VariableRef<Value>): VariableRecord<Value> {
    return this.#recordOf(this.#known(variable)) as VariableRecord<Value>;
  }

  async set(variable: VariableRef, value: unknown, options: ChangeOptions = {}): Promise<Confirmation> {
    try {
      this.#options.assertAvailable();
      const change = parsed(changeSchema, options, 'variables.set: options');
      const topic = this.defined(variable);
      const judged = this.judge(topic, value, change.timeoutMs);
      const { value: fit } = judged instanceof Promise ? await judged : judged;
      return await this.put(topic, fit, change);
    } catch (thrown) {
      return refused(this.#options.clock, thrown);
    }
  }

  list(): readonly VariableRecord[] {
    return [...this.#topics.values()]
      .filter(({ current }) => current !== undefined)
      .map((topic) => this.#recordOf(topic))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  history(variable: VariableRef): readonly VariableVersion[] {
    return [...this.#known(variable).history];
  }

  outOfDate(variable: VariableRef): readonly OutOfDate[] {
    return this.#known(variable).outOfDate();
  }

  rollback(variable: VariableRef, version: number, options: ChangeOptions = {}): Promise<Confirmation> {
    return answered(this.#options.clock, async () => {
      this.#options.assertAvailable();
      const change = parsed(changeSchema, options, 'variables.rollback: options');
      const topic = this.defined(variable);
      const { name } = topic;
      const entry = topic.history.find((entry) => entry.version === version);
      if (entry === undefined) {
        const [oldest] = topic.history;
        throw invalid(
          `variable ${inWords(name)} has no version ${inWords(version)} in its history, which goes from ${oldest?.version ?? 0} to ${topic.version}`,
        );
      }
      const judged = this.judge(topic, entry.value, change.timeoutMs);
      const { value: fit } = judged instanceof Promise ? await judged : judged;
      return this.put(topic, fit, { ...change, why: change.why ?? `rollback to version ${version}` });
    });
  }

  constrain(constraint: NamedConstraint): () => void;
  constrain<Ref extends VariableRef>(
    variables: readonly Ref[],
    constraint: Constraint<ValuesOf<Ref>>,
  ): () => void;
  constrain(variables: NamedConstraint | readonly VariableRef[], constraint?: Constraint): () => void {
    if (isNamedConstraint(variables)) {
      for (const variable of variables.variables) this.#assertAsDefined(variable);
      return this.#constraints.add(ruleOf(variables));
    }
    const names = parsed(z.array(variableName).min(1), variables, 'variables.constrain: names');
    if (typeof constraint !== 'function') {
      throw invalid(`variables.constrain: expected a function, got ${inWords(constraint)}`);
    }
    for (const variable of variables) this.#assertAsDefined(variable);
    return this.#constraints.add({ names, constraint });
  }

  subscribe(listener: (change: VariableChange) => void): () => void;
  subscribe<Value>(
    variable: VariableRef<Value>,
    listener: (change: VariableChange<Value>) => void,
  ): () => void;
  subscribe(...given: readonly unknown[]): () => void {
    const listener = given.at(-1);
    if (typeof listener !== 'function') {
      throw invalid(`variables.subscribe: expected a function, got ${inWords(listener)}`);
    }
    const hear = listener as (change: VariableChange) => void;
    if (given.length === 1) return this.#listen(hear);
    const variable = given[0] as VariableRef;
    const name = parsed(variableName, variable, 'variables.subscribe: variable');
    this.#assertAsDefined(variable);
    return this.#listen((change) => (change.name === name ? hear(change) : undefined));
  }

  /** @internal The topic of a name, of which nothing need be known yet: it is there from now on, until `release`. */
  topic(name: string): Topic {
    let topic = this.#topics.get(name);
    if (topic === undefined) this.#topics.set(name, (topic = new Topic(name)));
    return topic;
  }

  /** @internal The topic of a name, if there is one. */
  find(name: string): Topic | undefined {
    return this.#topics.get(name);
  }

  /** @internal A listener has left: a topic without a value and without listeners is dropped. */
  release({ name, current, listeners }: Topic): void {
    if (current === undefined && listeners.size === 0) this.#topics.delete(name);
  }

  /** @internal */
  topics(): Iterable<Topic> {
    return this.#topics.values();
  }

  /** @internal A variable that may be changed. @throws AgentSystemError `VARIABLE_UNKNOWN` */
  defined(variable: VariableRef): Topic {
    const topic = this.#known(variable);
    if (topic.definition !== undefined) return topic;
    throw notYetDefined(topic.name);
  }

  /**
   * @internal The value as it would be kept, if it may be in force now; also asks whether anything may change now.
   * A promise comes from an asynchronous schema only: all else happens at the moment of the call.
   *
   * @param timeoutMs for such a schema
   * @throws AgentSystemError `VARIABLE_INVALID` and what `assertAvailable` throws
   */
  judge(topic: Topic, value: unknown, timeoutMs: number): Fit | Promise<Fit> {
    this.#options.assertAvailable();
    const fitOf = (verdict: Verdict): Fit => {
      if ('problem' in verdict) throw invalid(`variable ${inWords(topic.name)}: ${verdict.problem}`);
      this.check(topic, verdict.value);
      return verdict;
    };
    const { name, definition } = topic;
    const { clock } = this.#options;
    const verdict = saidInTime(definition!.judge(value), { name, clock, timeoutMs });
    return verdict instanceof Promise ? verdict.then(fitOf) : fitOf(verdict);
  }

  /** @internal Whether a judged value may be put into force now. @throws AgentSystemError as `judge` */
  check(topic: Topic, value: unknown): void {
    this.#options.assertAvailable();
    this.#constraints.assertFits(topic.name, value);
  }

  /** @internal Puts a judged value into force. */
  async put(topic: Topic, value: unknown, change: Change): Promise<Confirmation> {
    this.check(topic, value);
    const { clock } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<Confirmation>();
    let confirmation: Confirmation | undefined;
    let isCommitted = false;
    let timer: unknown;
    const settle = (): void => {
      if (confirmation === undefined || !isCommitted) return;
      clock.clearTimeout(timer);
      resolve(confirmation);
    };
    const { version } = this.#change(
      topic,
      value,
      change,
      (given) => {
        confirmation = given;
        settle();
      },
      (error) => {
        if (error) {
          clock.clearTimeout(timer);
          return reject(error);
        }
        isCommitted = true;
        settle();
      },
    );
    if (confirmation === undefined) {
      timer = clock.setTimeout(() => topic.giveUpWaiting(version), change.timeoutMs);
    }
    return promise;
  }

  #change(
    topic: Topic,
    value: unknown,
    { by, why, isFirst }: Pick<Change, 'by' | 'why'> & { readonly isFirst?: true },
    confirm: (confirmation: Confirmation) => void,
    committed: (error?: AgentSystemError) => void,
  ): VariableVersion {
    const { journal, changed, queue } = this.#options;
    const { name } = topic;
    // What a definition does not take any more is nothing that it has taken before.
    const previous = isFirst ? undefined : topic.current?.value;
    const version = topic.version + 1;
    const because = why === undefined ? {} : { why };
    const { at } = journal.emit(
      { type: 'variable.changed', name, value, version, by, ...because },
      (error) => {
        this.#notify(Object.freeze({ name, version, value, at, by, previous, ...because }));
        committed(error);
      },
    );
    const entry: VariableVersion = Object.freeze({ version, value, at, by, ...because });
    journal.keepFact(FACT + name, storedHistory([...topic.history, entry]));
    topic.put(entry, HISTORY_LIMIT, confirm);
    queue.run(() => {
      changed(topic);
      topic.broadcast();
    });
    return entry;
  }

  #listen(listener: (change: VariableChange) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  #notify(change: VariableChange): void {
    for (const listener of this.#listeners) tellListener(listener, change, this.#complain);
  }

  readonly #complain = (thrown: unknown): void =>
    this.#options.reportFault('a listener of variables threw', thrown);

  #known(variable: VariableRef): Topic {
    const name = nameOf(variable);
    const topic = this.find(name);
    if (topic?.current !== undefined) {
      this.#assertAsDefined(variable);
      return topic;
    }
    const known = this.list().map((variable) => variable.name);
    throw unknown(`no variable ${inWords(name)} is defined, ${meantBy(name, known)}`);
  }

  /** What a handle says of a variable has to be so, or its values would be others than the compiler thinks. */
  #assertAsDefined(variable: VariableRef): void {
    if (typeof variable === 'string') return;
    const name = nameOf(variable);
    const topic = this.find(name);
    if (topic?.definition === undefined) throw notYetDefined(name);
    const { definition } = topic;
    if (Object.is(definition, variable) || described(definition) === described(variable)) return;
    throw invalid(
      `variable ${inWords(name)} is defined otherwise: its handle says ${described(variable)}, it is ${described(definition)}`,
    );
  }

  #valuesNow(): Record<string, unknown> {
    const values = Object.create(null) as Record<string, unknown>;
    for (const { name, current } of this.#topics.values()) if (current) values[name] = current.value;
    return values;
  }

  #recordOf({ name, definition, current, history }: Topic): VariableRecord {
    const { value, version } = current!;
    return {
      name,
      kind: definition?.kind,
      bounds: definition?.bounds ?? {},
      value,
      version,
      updatedAt: history.at(-1)?.at ?? 0,
    };
  }
}

/** What can be said of a definition in words. */
function described({ kind, bounds }: Partial<VariableDefinition>): string {
  const shown = Object.entries(bounds ?? {}).map(([bound, value]) => `${bound} ${inWords(value)}`);
  return [kind ?? 'no kind', ...shown].join(', ');
}

function notYetDefined(name: string): AgentSystemError {
  return unknown(
    `variable ${inWords(name)} is not defined in this program yet, call variables.define first: a store keeps values only`,
  );
}

function parsed<Type extends z.ZodType>(schema: Type, value: unknown, what: string): z.output<Type> {
  return parseInput(schema, value, { what, code: 'VARIABLE_INVALID' });
}

function invalid(message: string, cause?: unknown): AgentSystemError {
  return new AgentSystemError('VARIABLE_INVALID', message, { cause });
}

function unknown(message: string): AgentSystemError {
  return new AgentSystemError('VARIABLE_UNKNOWN', message);
}

const ignore = (): void => {};
