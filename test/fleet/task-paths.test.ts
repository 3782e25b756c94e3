/**
 * Generated ways through a task's life, on the real runtime and a simulated clock, judged by a model of its own after
 * every move: submitted, begun, failed, tried again, parked, asking a person, cancelled, over ends of its agent, a clean
 * close and a kill -9, asked for again, forgotten; in all hosts and stores.
 *
 * Here each transition is made once by each move that brings it about, for all kinds of tasks and targets, and in the
 * slow hosts and stores for some. `TASK_PATHS=all` makes every move in every state (some minutes).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Isolation, memoryStore, type Store } from '../../src/index.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import { judgeTasks } from '../models/task/judge.ts';
import {
  type Kind,
  kinds,
  type Move,
  type Place,
  type Profile,
  statuses,
  type Target,
  targets,
} from '../models/task/model.ts';
import { byEvent, byMove, type Theme, themes, toursOf, wayOfTransitions } from '../models/task/tours.ts';
import type { Disk } from '../models/task/world.ts';

const ALL = process.env['TASK_PATHS'] === 'all';
/** Many moves, and what starts threads and processes takes its time; ms. */
const LIMIT_MS = ALL ? 1_800_000 : 180_000;
const stores = ['memory', 'sqlite'] as const;

async function diskOf(store: (typeof stores)[number], isDurable: boolean): Promise<Disk> {
  if (store === 'memory') {
    const kept = memoryStore({ maxEvents: 1_000_000 });
    return { open: () => lasting(kept, isDurable) };
  }
  const directory = await mkdtemp(join(tmpdir(), 'mabeam-task-paths-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  return { open: () => sqliteStore(join(directory, 'fleet.db')) };
}

/** What one program has kept in memory is there for the next. */
function lasting(kept: Store, isDurable: boolean): Store {
  return {
    isDurable,
    recover: () => kept.recover(),
    append: (batch) => kept.append(batch),
    read: (query) => kept.read(query),
    state: (agentId) => kept.state(agentId),
    close: () => kept.close(),
  };
}

interface Judged {
  readonly isolation: Isolation;
  readonly store: (typeof stores)[number];
  readonly kind: Kind;
  readonly target: Target;
  readonly isDurable?: boolean;
  /** Every move in every state; without it each transition once. */
  readonly theme?: Theme;
}

/** Gives the places that were come to, and the events that were told. */
async function judged({
  isolation,
  store,
  kind,
  target,
  isDurable = true,
  theme,
}: Judged): Promise<Set<string>> {
  const profile: Profile = { kind, target, isDurable };
  const ways: readonly (readonly Move[])[] =
    theme === undefined
      ? [wayOfTransitions(profile, isolation === 'in-process' || ALL ? byMove : byEvent)]
      : toursOf(theme, profile).tours;
  const seen = new Set<string>();
  for (const moves of ways) {
    await judgeTasks(profile, isolation, await diskOf(store, isDurable), moves, (_, __, { place, told }) => {
      seen.add(place);
      for (const event of told) seen.add(event);
    });
  }
  return seen;
}

const places = Object.keys(statuses) as Place[];
const EVENTS = [
  'task.accepted',
  'task.started',
  'task.parked',
  'task.retry_scheduled',
  'task.completed',
  'task.failed',
  'task.timed_out',
  'task.abandoned',
  'task.unknown',
  'task.forgotten',
];

describe.each(stores)('every transition of a task, in-process, on a store of the kind %s', (store) => {
  const seen = new Set<string>();

  // To a file it takes its time, and whom a task was submitted to is nothing that a store knows.
  const some = store === 'memory' || ALL ? targets : (['agent'] as const);
  test.each(some.flatMap((target) => kinds.map((kind) => ({ target, kind }))))(
    'to $target, of a kind that is done $kind',
    async ({ target, kind }) => {
      for (const one of await judged({ isolation: 'in-process', store, kind, target })) seen.add(one);
    },
    LIMIT_MS,
  );

  test('leads to every place, and tells every event', () => {
    expect([...seen].toSorted()).toEqual([...places, ...EVENTS].toSorted());
  });
});

describe('where nothing lasts beyond the program', () => {
  test.each(kinds)('a close ends what waits and what runs, of a kind that is done %s', async (kind) => {
    const theme = 'its program';
    await judged({
      isolation: 'in-process',
      store: 'memory',
      kind,
      target: 'agent',
      isDurable: false,
      theme,
    });
  });
});

describe('every transition of a task, in the other hosts', () => {
  const some: readonly Omit<Judged, 'isolation'>[] = ALL
    ? stores.flatMap((store) => targets.flatMap((target) => kinds.map((kind) => ({ store, target, kind }))))
    : [];
  test.each<Judged>([
    { isolation: 'thread', store: 'memory', kind: 'once', target: 'agent' },
    { isolation: 'process', store: 'sqlite', kind: 'often', target: 'agent' },
    ...some.flatMap((one) => [
      { ...one, isolation: 'thread' as const },
      { ...one, isolation: 'process' as const },
    ]),
  ])(
    '$isolation, $store: to $target, of a kind that is done $kind',
    async (one) => {
      expect((await judged(one)).size).toBeGreaterThan(15);
    },
    LIMIT_MS,
  );
});

describe.runIf(ALL).each(stores)(
  'every move in every state of a task, in-process, on a store of the kind %s',
  (store) => {
    const all = (Object.keys(themes) as Theme[]).flatMap((theme) =>
      targets.flatMap((target) => kinds.map((kind) => ({ theme, target, kind }))),
    );
    test.each(all)(
      '$theme: to $target, of a kind that is done $kind',
      async ({ theme, target, kind }) => {
        await judged({ isolation: 'in-process', store, kind, target, theme });
      },
      LIMIT_MS,
    );
  },
);
