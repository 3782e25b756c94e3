/**
 * What the fleet shares: typed values and their versions, whether any may change, and the rounds that are open on them. One
 * object, so that versions have one order.
 *
 * It notifies no agent: coordination-service.ts spreads a change.
 *
 * I1  A value in force fits the kind and the bounds that the variable was defined with; the schema of a `json`
 *     variable is checked by the caller that changes it. Every constraint in force holds for it.
 * I2  Versions grow by one. A change that was made for another version than the one in force changes nothing.
 * I3  While coordination is away no value changes, and no round is open.
 * I4  A round is bound to the version that it was opened on: it is cut off by the step that changes its variable.
 */
import { object, type ObjectContext, type ObjectSharedContext } from '@restatedev/restate-sdk';
import { exclusive, shared } from '../engine/handlers.ts';
import type { VariableVersion } from '../../runtime/coordination/variables/topic.ts';
import {
  variable,
  type VariableDefinition,
  type VariableKind,
} from '../../runtime/coordination/variables/variable.ts';
import type { VariableRecord } from '../../runtime/coordination/variables/variables.ts';
import type { VariableState } from '../../runtime/hosting/host.ts';
import { AgentSystemError, inWords } from '../../runtime/values/errors.ts';
import type { NamedConstraint } from '../../runtime/coordination/variables/constraints.ts';
import { type Answer, answering, refusalOf } from '../engine/call-answer.ts';
import { tellEvents } from '../engine/calls.ts';
import { isAway, type Turned, VARIABLES } from '../engine/names.ts';
import { fleetOptions } from '../engine/service-options.ts';
import { getAll } from '../engine/state-reads.ts';
import { wire, wireOf } from '../engine/wire.ts';
import { saidBy } from '../../runtime/values/act.ts';
import {
  type AskedConstraint,
  ConstraintCode,
  CONSTRAINTS,
  type KeptConstraint,
} from './kept-constraints.ts';
import {
  cutRounds,
  dropRound,
  listedRounds,
  type ListedRound,
  listRound,
  MAX_OPEN_ROUNDS,
  openRounds,
  ROUNDS,
  roundStands,
  type RoundStanding,
} from './open-rounds.ts';

export interface Definition {
  readonly name: string;
  readonly kind: VariableKind;
  readonly bounds: Readonly<Record<string, unknown>>;
  readonly value: unknown;
}

/** What came of a definition, and whether it has put a value into force. */
export interface Defined {
  readonly record: VariableRecord;
  readonly isNew: boolean;
}

export interface Change {
  readonly name: string;
  readonly value: unknown;
  readonly by: string;
  readonly why?: string | undefined;
}

/** A round that is to be opened on a value. */
export interface AskedOpening extends ListedRound {
  readonly value: unknown;
}

/** An accepted value that is to be put into force. */
export interface Enactment extends Change {
  readonly roundId: string;
  /** The version that it was voted on. */
  readonly after: number;
}

interface Kept {
  readonly record: VariableRecord;
  readonly history: readonly VariableVersion[];
}

const MAX_HISTORY = 100;
const NAMES = 'names';
const keyOf = (name: string): string => `variable ${name}`;

const TURNS = 'turns';

const keptOf = (ctx: ObjectSharedContext, name: string) => ctx.get(keyOf(name), wireOf<Kept>());

/** Values of those that have one: an object without a prototype. */
async function valuesOf(ctx: ObjectContext, names: readonly string[]): Promise<Record<string, unknown>> {
  const values = Object.create(null) as Record<string, unknown>;
  for (const kept of await getAll<Kept>(ctx, names.map(keyOf))) {
    if (kept !== null) values[kept.record.name] = kept.record.value;
  }
  return values;
}

/** Reads all that a change of a variable needs, in one round trip. */
async function knownOf(ctx: ObjectContext, name: string) {
  const [kept, turns, listed, constraints] = await getAll<unknown>(ctx, [
    keyOf(name),
    TURNS,
    ROUNDS,
    CONSTRAINTS,
  ]);
  return {
    known: kept as Kept | null,
    isAway: isAway((turns as number | null) ?? 0),
    listed: (listed as readonly ListedRound[] | null) ?? [],
    constraints: (constraints as readonly KeptConstraint[] | null) ?? [],
  };
}

function away(): Answer<never> {
  const status = 'suspended';
  const message = `coordination is away (${status}): values stay as they are`;
  const details = { status };
  return { refusal: refusalOf(new AgentSystemError('COORDINATION_UNAVAILABLE', message, { details })) };
}

function unknown(name: string): Answer<never> {
  const message = `no variable ${inWords(name)} is defined`;
  return { refusal: refusalOf(new AgentSystemError('VARIABLE_UNKNOWN', message)) };
}

/** The definition, rebuilt from its record; `undefined` for kinds whose schema is code. */
function definitionOf({ kind, bounds }: VariableRecord, value: unknown): VariableDefinition | undefined {
  const given = { ...bounds, default: value } as never;
  switch (kind) {
    case 'float':
      return variable.float(given);
    case 'integer':
      return variable.integer(given);
    case 'choice':
      return variable.choice(given);
    case 'boolean':
      return variable.boolean(given);
    default:
      return undefined;
  }
}

/** @throws AgentSystemError `VARIABLE_INVALID` */
function assertFits(record: VariableRecord, value: unknown): void {
  try {
    // A default that does not fit is refused when it is defined.
    definitionOf(record, value);
  } catch (thrown) {
    if (!(thrown instanceof AgentSystemError)) throw thrown;
    const { message } = thrown;
    const problem = message.slice(message.indexOf('expected'));
    throw new AgentSystemError('VARIABLE_INVALID', `variable ${inWords(record.name)}: ${problem}`);
  }
}

function doesFit(record: VariableRecord, value: unknown): boolean {
  try {
    assertFits(record, value);
    return true;
  } catch {
    return false;
  }
}

function put(ctx: ObjectContext, known: Kept | null, record: VariableRecord, by: string, why?: string): void {
  const { name, value, version, updatedAt: at } = record;
  const entry: VariableVersion = { version, value, at, by, ...(why === undefined ? {} : { why }) };
  const history = [...(known?.history ?? []), entry].slice(-MAX_HISTORY);
  ctx.set(keyOf(name), { record, history } satisfies Kept, wire);
  const event = { type: 'variable.changed' as const, name, value, version, by, at };
  tellEvents(ctx, { events: [why === undefined ? event : { ...event, why }] });
}

/** What a change is made with. */
interface Changing {
  readonly known: Kept;
  readonly rounds: readonly ListedRound[];
  readonly constraints: readonly KeptConstraint[];
  readonly code: ConstraintCode;
}

/** Why a value may not be the next one of a variable, by its definition or by a constraint. */
async function unfit(
  ctx: ObjectContext,
  { known, constraints, code }: Omit<Changing, 'rounds'>,
  value: unknown,
): Promise<Answer<never> | undefined> {
  const { record } = known;
  const fit = answering(() => assertFits(record, value));
  if ('refusal' in fit) return fit;
  const { name } = record;
  return code.refusal(ctx, constraints, { name, value }, (names) => valuesOf(ctx, names));
}

/** Makes a valid value the next version, and cuts off the rounds that were held on the last one. */
async function putInForce(
  ctx: ObjectContext,
  changing: Changing,
  { name, value, by, why }: Change,
): Promise<Answer<VariableRecord>> {
  const { known, rounds } = changing;
  const { record } = known;
  const refused = await unfit(ctx, changing, value);
  if (refused !== undefined) return refused;
  const next = { ...record, value, version: record.version + 1, updatedAt: await ctx.date.now() };
  cutRounds(ctx, rounds, 'superseded', name);
  put(ctx, known, next, by, why);
  return { value: next };
}

const codec = { input: wire, output: wire, enableLazyState: true } as const;

/** @param given the constraints of the node that it runs on */
export function variablesObjectOf(given: readonly NamedConstraint[]) {
  const code = new ConstraintCode(given);
  return object({
    name: VARIABLES,
    handlers: {
      /** Defines a variable. One that is defined already keeps its value if that still fits. */
      define: exclusive(codec, async (ctx: ObjectContext, given: unknown): Promise<Answer<Defined>> => {
        const { name, kind, bounds, value } = given as Definition;
        const { known, isAway: isGone, listed, constraints } = await knownOf(ctx, name);
        if (isGone) return away();
        const refused = () =>
          code.refusal(ctx, constraints, { name, value }, (names) => valuesOf(ctx, names));
        const updatedAt = await ctx.date.now();
        const first = { name, kind, bounds, value, version: (known?.record.version ?? 0) + 1, updatedAt };
        if (known !== null) {
          const kept = { ...known.record, kind, bounds };
          if (doesFit(kept, known.record.value)) {
            ctx.set(keyOf(name), { ...known, record: kept } satisfies Kept, wire);
            return { value: { record: kept, isNew: false } };
          }
          const broken = await refused();
          if (broken !== undefined) return broken;
          cutRounds(ctx, listed, 'superseded', name);
          put(ctx, known, first, 'definition', 'its default: the value that was kept no longer fits');
          return { value: { record: first, isNew: true } };
        }
        const broken = await refused();
        if (broken !== undefined) return broken;
        const names = (await ctx.get(NAMES, wireOf<string[]>())) ?? [];
        ctx.set(NAMES, [...names, name].toSorted(), wire);
        put(ctx, known, first, 'definition', 'its default');
        return { value: { record: first, isNew: true } };
      }),

      change: exclusive(
        codec,
        async (ctx: ObjectContext, given: unknown): Promise<Answer<VariableRecord>> => {
          const change = given as Change;
          const { known, isAway: isGone, listed: rounds, constraints } = await knownOf(ctx, change.name);
          if (known === null) return unknown(change.name);
          if (isGone) return away();
          return putInForce(ctx, { known, rounds, constraints, code }, change);
        },
      ),

      // Constraints.

      constrain: exclusive(codec, (ctx: ObjectContext, asked: unknown) =>
        code.constrain(ctx, asked as AskedConstraint, (names) => valuesOf(ctx, names)),
      ),

      lift: exclusive(codec, (ctx: ObjectContext, asked: unknown) =>
        code.lift(ctx, asked as AskedConstraint),
      ),

      // Rounds.

      /** Opens a round on a variable. @returns the variable's record, which the round is bound to */
      openRound: exclusive(
        codec,
        async (ctx: ObjectContext, given: unknown): Promise<Answer<VariableRecord>> => {
          const { value, ...round } = given as AskedOpening;
          const { known, isAway: isGone, listed, constraints } = await knownOf(ctx, round.variable);
          if (known === null) return unknown(round.variable);
          if (isGone) return away();
          if (listed.length >= MAX_OPEN_ROUNDS) {
            const message = 'consensus.propose: too many rounds are open';
            return { refusal: refusalOf(new AgentSystemError('RESOURCES_EXHAUSTED', message)) };
          }
          const refused = await unfit(ctx, { known, constraints, code }, value);
          if (refused !== undefined) return refused;
          listRound(ctx, listed, round);
          return { value: known.record };
        },
      ),

      roundStands: exclusive(codec, (ctx: ObjectContext, given: unknown) =>
        roundStands(ctx, given as RoundStanding),
      ),

      /** Removes a round that has ended without a change. */
      closeRound: exclusive(codec, async (ctx: ObjectContext, given: unknown) => {
        dropRound(ctx, await listedRounds(ctx), (given as Pick<ListedRound, 'roundId'>).roundId);
      }),

      /**
       * Removes a round that has ended, and puts its value into force. Changes nothing, and returns `null`, when the version
       * that was voted on is no longer in force.
       */
      enact: exclusive(
        codec,
        async (ctx: ObjectContext, given: unknown): Promise<Answer<VariableRecord | null>> => {
          const enactment = given as Enactment;
          const { known, isAway: isGone, listed, constraints } = await knownOf(ctx, enactment.name);
          const others = dropRound(ctx, listed, enactment.roundId);
          if (known === null) return unknown(enactment.name);
          if (isGone) return away();
          if (enactment.after !== known.record.version) return { value: null };
          return putInForce(ctx, { known, rounds: others, constraints, code }, enactment);
        },
      ),

      rounds: shared(codec, openRounds),

      // Coordination.

      /** Takes coordination away, or brings it back; nothing happens where it is so already. */
      turn: exclusive(codec, async (ctx: ObjectContext, given: unknown): Promise<Turned> => {
        const { to, by } = given as { to: 'away' | 'there'; by?: string };
        const turns = (await ctx.get(TURNS, wireOf<number>())) ?? 0;
        if (isAway(turns) === (to === 'away')) return { turns };
        ctx.set(TURNS, turns + 1, wire);
        const at = await ctx.date.now();
        if (to === 'there')
          tellEvents(ctx, { events: [{ type: 'coordination.restored', at, ...saidBy(by) }] });
        else {
          tellEvents(ctx, { events: [{ type: 'coordination.lost', at, why: 'suspended', ...saidBy(by) }] });
          cutRounds(ctx, await listedRounds(ctx), 'coordination_lost');
        }
        return { turns: turns + 1 };
      }),

      turned: shared(
        codec,
        async (ctx: ObjectSharedContext): Promise<Turned> => ({
          turns: (await ctx.get(TURNS, wireOf<number>())) ?? 0,
        }),
      ),

      get: shared(codec, async (ctx: ObjectSharedContext, given: unknown): Promise<Answer<Kept>> => {
        const { name } = given as { name: string };
        const known = await keptOf(ctx, name);
        return known === null ? unknown(name) : { value: known };
      }),

      list: shared(codec, async (ctx: ObjectSharedContext): Promise<readonly VariableRecord[]> => {
        const records: VariableRecord[] = [];
        for (const name of (await ctx.get(NAMES, wireOf<string[]>())) ?? []) {
          const known = await keptOf(ctx, name);
          if (known !== null) records.push(known.record);
        }
        return records;
      }),

      /** Values of those of the named variables that are defined. */
      valuesOf: shared(codec, async (ctx: ObjectSharedContext, given: unknown): Promise<VariableState[]> => {
        const { names } = given as { names: readonly string[] };
        const values: VariableState[] = [];
        for (const name of names) {
          const known = await keptOf(ctx, name);
          if (known === null) continue;
          const { value, version } = known.record;
          values.push({ name, value, version });
        }
        return values;
      }),
    },
    options: fleetOptions,
  });
}
