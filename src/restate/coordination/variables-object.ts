/**
 * What the fleet shares: typed values and their versions. One object, so that versions have one order.
 *
 * It notifies no agent: coordination-service.ts spreads a change.
 *
 * I1  A value in force fits the kind and the bounds that the variable was defined with; the schema of a `json`
 *     variable is checked by the caller that changes it.
 * I2  Versions grow by one. A change that was made for another version than the one in force changes nothing.
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
import { type Answer, refusalOf } from '../engine/call-answer.ts';
import { tellEvents } from '../engine/calls.ts';
import { VARIABLES } from '../engine/names.ts';
import { fleetOptions } from '../engine/service-options.ts';
import { wire, wireOf } from '../engine/wire.ts';

export interface Definition {
  readonly name: string;
  readonly kind: VariableKind;
  readonly bounds: Readonly<Record<string, unknown>>;
  readonly value: unknown;
}

export interface Change {
  readonly name: string;
  readonly value: unknown;
  readonly by: string;
  readonly why?: string | undefined;
  /** The version that it is to follow; any, when left out. */
  readonly after?: number | undefined;
}

interface Kept {
  readonly record: VariableRecord;
  readonly history: readonly VariableVersion[];
}

const MAX_HISTORY = 100;
const NAMES = 'names';
const keyOf = (name: string): string => `variable ${name}`;

const keptOf = (ctx: ObjectSharedContext, name: string) => ctx.get(keyOf(name), wireOf<Kept>());

function unknown(name: string): Answer<never> {
  const message = `no variable ${inWords(name)} is defined`;
  return { refusal: refusalOf(new AgentSystemError('VARIABLE_UNKNOWN', message)) };
}

/** The definition again, where it is data. */
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

function put(ctx: ObjectContext, known: Kept | null, record: VariableRecord, by: string, why?: string): void {
  const { name, value, version, updatedAt: at } = record;
  const entry: VariableVersion = { version, value, at, by, ...(why === undefined ? {} : { why }) };
  const history = [...(known?.history ?? []), entry].slice(-MAX_HISTORY);
  ctx.set(keyOf(name), { record, history } satisfies Kept, wire);
  const event = { type: 'variable.changed' as const, name, value, version, by, at };
  tellEvents(ctx, { events: [why === undefined ? event : { ...event, why }] });
}

const codec = { input: wire, output: wire, enableLazyState: true } as const;

export const variablesObject = object({
  name: VARIABLES,
  handlers: {
    /** Makes one known; one that is there keeps its value, where that still fits. */
    define: exclusive(codec, async (ctx: ObjectContext, given: unknown): Promise<Answer<VariableRecord>> => {
      const { name, kind, bounds, value } = given as Definition;
      const known = await keptOf(ctx, name);
      const updatedAt = await ctx.date.now();
      const first = { name, kind, bounds, value, version: (known?.record.version ?? 0) + 1, updatedAt };
      if (known !== null) {
        const kept = { ...known.record, kind, bounds };
        try {
          assertFits(kept, known.record.value);
          ctx.set(keyOf(name), { ...known, record: kept } satisfies Kept, wire);
          return { value: kept };
        } catch {
          put(ctx, known, first, 'definition', 'its default: the value that was kept no longer fits');
          return { value: first };
        }
      }
      const names = (await ctx.get(NAMES, wireOf<string[]>())) ?? [];
      ctx.set(NAMES, [...names, name].toSorted(), wire);
      put(ctx, known, first, 'definition', 'its default');
      return { value: first };
    }),

    change: exclusive(codec, async (ctx: ObjectContext, given: unknown): Promise<Answer<VariableRecord>> => {
      const { name, value, by, why, after } = given as Change;
      const known = await keptOf(ctx, name);
      if (known === null) return unknown(name);
      const { record } = known;
      try {
        assertFits(record, value);
      } catch (thrown) {
        if (thrown instanceof AgentSystemError) return { refusal: refusalOf(thrown) };
        throw thrown;
      }
      // Nothing is changed for a version that is no longer in force: the caller is told which one is.
      if (after !== undefined && after !== record.version) return { value: record };
      const next = { ...record, value, version: record.version + 1, updatedAt: await ctx.date.now() };
      put(ctx, known, next, by, why);
      return { value: next };
    }),

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

    /** Those of these that have a value. */
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
