/**
 * A chart as it is saved, and what of a saved one a chart of today is begun with. Pure.
 *
 * I1  A snapshot is restored only by a chart that it fits: of another one it is migrated, or refused by name.
 * I2  What a migrated snapshot says nothing of, its states still get: the work they invoke, the delays they have.
 */
import {
  type AnyActorLogic,
  type AnyStateMachine,
  type AnyStateNode,
  createActor,
  type StateValue,
} from 'xstate';
import { z } from 'zod';
import type { ErrorInfo } from '../../../machines/index.ts';
import { errorInfoOf, inWords, isError } from '../../values/errors.ts';
import { ignoreRejection, isThenable } from '../../values/thenable.ts';
import { isMachine } from '../../engine/interpreted-counts.ts';
import type { ActorPath } from './actor-paths.ts';
import { isReference } from './actor-references.ts';
import { activeNodes, logicOf } from './chart-shape.ts';
import type { ChartSnapshot, ChildSnapshot } from './chart-snapshot.ts';
import type { DelayedEvent } from './delayed-events.ts';
import { replaced } from './plain-data.ts';

/** A task whose event was taken, and that has no answer yet. */
export interface OpenTask {
  readonly taskId: string;
  readonly task: string;
  /** The last incarnation in which somebody waited for it. */
  readonly incarnation: number;
}

export interface SavedChart {
  /** Identity of the chart that it is of. */
  readonly chart: string;
  readonly snapshot: ChartSnapshot;
  readonly delayed: readonly DelayedEvent[];
  readonly tasks: readonly OpenTask[];
  /** Versions of the variables that the chart knew, by name. */
  readonly variables: Readonly<Record<string, number>>;
}

/** From what a snapshot is migrated. */
export interface SavedBy {
  readonly stateVersion: number;
  /** Identity of the chart that it is of; `undefined` where the state was no chart's. */
  readonly chart: string | undefined;
}

/**
 * How a snapshot of an earlier chart becomes one of today's: by a function, or `keep` where it is to stay as it is
 * wherever its states are all still there.
 */
export type ChartMigration = 'keep' | ((snapshot: ChartSnapshot, from: SavedBy) => unknown);

export interface FittingOptions {
  readonly type: string;
  readonly machine: AnyStateMachine;
  readonly identity: string;
  readonly stateVersion: number;
  readonly migrate: ChartMigration | undefined;
}

const stateValue: z.ZodType<StateValue> = z.union([
  z.string(),
  z.record(
    z.string(),
    z.lazy(() => stateValue),
  ),
]);
const record = z.record(z.string(), z.unknown());
const snapshotSchema = z.looseObject({
  status: z.enum(['active', 'done', 'error', 'stopped']).default('active'),
  value: stateValue,
  context: record.default({}),
  children: z.record(z.string(), z.looseObject({ src: z.string(), snapshot: record })).default({}),
});
const path = z.array(z.string());
const savedSchema = z.object({
  chart: z.string(),
  snapshot: snapshotSchema,
  delayed: z.array(
    z.object({
      source: path,
      target: path,
      id: z.string(),
      event: z.looseObject({ type: z.string() }),
      dueAt: z.number().nullable(),
      scheduledMs: z.number().nonnegative().nullish(),
    }),
  ),
  tasks: z.array(z.object({ taskId: z.string(), task: z.string(), incarnation: z.number() })),
  variables: z.record(z.string(), z.number()),
});

/** @throws Error that names the chart, the state and what does not fit; and whatever the migration throws */
export function fittedChart(saved: unknown, fromVersion: number, options: FittingOptions): SavedChart {
  const { type, machine, identity, stateVersion, migrate } = options;
  const parsed = savedSchema.safeParse(saved);
  const known = parsed.success ? (parsed.data as SavedChart) : undefined;
  const versions = `the saved state has version ${fromVersion}, the definition ${type} has ${stateVersion}`;
  if (fromVersion > stateVersion) throw new Error(`${versions}: it was saved by a newer one`);
  if (known?.chart === identity && fromVersion === stateVersion) {
    activeNodes(machine, known.snapshot.value);
    return known;
  }
  const difference =
    known === undefined
      ? `the saved state of ${type} is not that of a chart`
      : known.chart === identity
        ? versions
        : differenceOf(known, options);
  if (migrate === undefined || (migrate === 'keep' && known === undefined)) {
    throw new Error(`${difference}, and the definition has no migrate`);
  }
  const snapshot =
    migrate === 'keep'
      ? known!.snapshot
      : migrated(
          migrate(known?.snapshot ?? (saved as ChartSnapshot), {
            stateVersion: fromVersion,
            chart: known?.chart,
          }),
          difference,
        );
  return adapted({ delayed: [], tasks: [], variables: {}, ...known, chart: identity, snapshot }, machine);
}

function differenceOf({ chart, snapshot }: SavedChart, { type, machine, identity }: FittingOptions): string {
  const what = `the saved state is of another chart of ${type} (${chart.slice(0, 8)}, the definition has ${identity.slice(0, 8)})`;
  try {
    activeNodes(machine, snapshot.value);
    return `${what}: their states, their invoked work or their delays differ`;
  } catch (thrown) {
    return `${what}: ${errorInfoOf(thrown).message}`;
  }
}

function migrated(snapshot: unknown, difference: string): ChartSnapshot {
  if (isThenable(snapshot)) {
    ignoreRejection(snapshot);
    throw new TypeError(`${difference}, and its migrate gave a promise, expected the snapshot itself`);
  }
  const parsed = snapshotSchema.safeParse(snapshot);
  if (parsed.success) return parsed.data;
  throw new TypeError(
    `${difference}, and its migrate gave ${inWords(snapshot)}, expected a snapshot with value and context`,
  );
}

/** What was migrated, made whole: its states run what they do in this chart, and wait as they do in it. */
function adapted(saved: SavedChart, machine: AnyStateMachine): SavedChart {
  const begun: DelayedEvent[] = [];
  const waits = new Map<string, ReadonlySet<string>>();
  const walk = (chart: ChartSnapshot, logic: AnyStateMachine, path: ActorPath): ChartSnapshot => {
    activeNodes(logic, chart.value);
    // Regions that the chart did not have then are where they begin.
    const { value } = logic.resolveState({ value: chart.value, context: chart.context });
    const nodes = activeNodes(logic, value);
    const delays = nodes.flatMap(({ after }) =>
      after.map(({ eventType, delay }) => [String(eventType), delay] as const),
    );
    waits.set(JSON.stringify(path), new Set(delays.map(([type]) => type)));
    for (const [type, delay] of delays) {
      const isKept = saved.delayed.some((known) => known.id === type && isAt(known.source, path));
      if (!isKept)
        begun.push({
          source: path,
          target: path,
          id: type,
          event: { type },
          dueAt: null,
          delayMs: delayOf(delay, logic, chart),
        });
    }
    const children: Record<string, ChildSnapshot> = {};
    for (const [id, child] of Object.entries(chart.children)) {
      const run = logicOf(logic, child.src);
      if (run === undefined) {
        throw new Error(
          `its child ${inWords(id)} runs ${inWords(child.src)}, which ${logic.id} does not have`,
        );
      }
      children[id] = isMachine(run)
        ? { ...child, snapshot: walk(child.snapshot as never, run, [...path, id]) }
        : child;
    }
    for (const { id, src, input, systemId, syncSnapshot = false } of nodes.flatMap(invokedBy)) {
      const run = logicOf(logic, src);
      if (Object.hasOwn(children, id) || run === undefined) continue;
      children[id] = { src, systemId, syncSnapshot, snapshot: beginningOf(run, givenBy(input, chart)) };
    }
    return { ...chart, value, children };
  };
  const snapshot = walk(saved.snapshot, machine, []);
  // A delay of a state that is not active any more is over; other delayed events are the chart's own.
  const kept = saved.delayed.filter(
    ({ source, event: { type } }) =>
      !type.startsWith('xstate.after.') || waits.get(JSON.stringify(source))?.has(type) === true,
  );
  return { ...saved, snapshot, delayed: [...kept, ...begun] };
}

function isAt(one: ActorPath, other: ActorPath): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** A delay as a state names it, in ms. */
function delayOf(delay: unknown, machine: AnyStateMachine, chart: ChartSnapshot): number {
  const named = machine.implementations.delays as Record<string, unknown>;
  const known = typeof delay === 'string' && Object.hasOwn(named, delay) ? named[delay] : delay;
  const delayMs = Number(givenBy(known, chart));
  return Number.isNaN(delayMs) ? 0 : delayMs;
}

interface Invoked {
  readonly id: string;
  readonly src: string;
  readonly input?: unknown;
  readonly systemId?: string | undefined;
  readonly syncSnapshot?: boolean;
}

function invokedBy(node: AnyStateNode): readonly Invoked[] {
  return node.invoke as unknown as readonly Invoked[];
}

/** What a chart says outright, or works out from its context. */
function givenBy(said: unknown, { context }: ChartSnapshot): unknown {
  return typeof said === 'function' ? said({ context, event: { type: 'xstate.init' } }) : said;
}

/** The snapshot that an actor begins with, as it is kept. */
function beginningOf(logic: AnyActorLogic, input: unknown): Record<string, unknown> {
  return { ...createActor(logic, { input }).getPersistedSnapshot() };
}

/** Whether what a child runs is work that a restore begins anew, rather than a state that it goes on from. */
function isWork(logic: AnyActorLogic | undefined): boolean {
  return logic !== undefined && !isMachine(logic) && logic.start !== undefined;
}

/** Work that was under way and is told as failed instead of being done again. */
export interface Interrupted {
  /** The actor whose child it was. */
  readonly parent: ActorPath;
  readonly id: string;
  readonly src: string;
}

/**
 * Marks work that is not to be done again as failed, in the snapshot of the chart and of charts among its children.
 *
 * @param isRepeated whether work of that name is done again
 */
export function withoutInterrupted(
  snapshot: ChartSnapshot,
  machine: AnyStateMachine,
  isRepeated: (src: string) => boolean,
): { readonly snapshot: ChartSnapshot; readonly interrupted: readonly Interrupted[] } {
  const interrupted: Interrupted[] = [];
  const walk = (chart: ChartSnapshot, logic: AnyStateMachine, parent: ActorPath): ChartSnapshot => {
    const children = Object.entries(chart.children).map(([id, child]) => {
      const run = logicOf(logic, child.src);
      if (isMachine(run)) {
        return [id, { ...child, snapshot: walk(child.snapshot as never, run, [...parent, id]) }] as const;
      }
      const isUnderWay = child.snapshot['status'] === 'active' && isWork(run);
      if (!isUnderWay || isRepeated(child.src)) return [id, child] as const;
      interrupted.push({ parent, id, src: child.src });
      return [id, { ...child, snapshot: { ...child.snapshot, status: 'error' } }] as const;
    });
    return { ...chart, children: Object.fromEntries(children) };
  };
  return { snapshot: walk(snapshot, machine, []), interrupted };
}

/** The id that XState gives a child which was spawned without one; another program gives it again. */
const UNNAMED = /^x:\d+$/;

/** Children without an id of their own are called so that nothing which is spawned later has their name. */
export function withLastingIds(saved: SavedChart, incarnation: number): SavedChart {
  const lasting = (id: string): string => (UNNAMED.test(id) ? `${id}@${incarnation}` : id);
  const lastingPath = (path: ActorPath): ActorPath => path.map(lasting);
  const referring = <Part>(part: Part): Part =>
    replaced(part, (value) =>
      isReference(value)
        ? { ...value, id: lasting(value.id), ...(value.path ? { path: lastingPath(value.path) } : {}) }
        : value,
    ) as Part;
  const renamed = ({ children, ...own }: ChartSnapshot): ChartSnapshot => ({
    ...(referring(own) as ChartSnapshot),
    children: Object.fromEntries(
      Object.entries(children).map(([id, child]) => {
        const { snapshot } = child;
        const below = 'children' in snapshot ? renamed(snapshot as never) : referring(snapshot);
        return [lasting(id), { ...child, snapshot: below }];
      }),
    ),
  });
  return {
    ...saved,
    snapshot: renamed(saved.snapshot),
    delayed: saved.delayed.map((event) => ({
      ...event,
      event: referring(event.event),
      source: lastingPath(event.source),
      target: lastingPath(event.target),
    })),
  };
}

/** Errors as data, without their stacks: charts keep them in contexts, and JSON would lose them without a word. */
export function plainIfError(part: object): object {
  return isError(part) ? plainError(errorInfoOf(part)) : part;
}

function plainError({ stack: _, cause, errors, ...info }: ErrorInfo): ErrorInfo {
  return {
    ...info,
    ...(cause === undefined ? {} : { cause: plainError(cause) }),
    ...(errors === undefined ? {} : { errors: errors.map(plainError) }),
  };
}
