import { expect, onTestFinished, test } from 'vitest';
import { FleetOfPromises } from '../../bench/floor-fleet.ts';
import { quietSystem, specOf } from '../../bench/coder.ts';

const atOnce = { policy: 'immediate', delayMs: 0 } as const;
const never = { policy: 'never' } as const;

/** What a floor and the runtime do with three agents: a life, a kill that is seen, and one that is undone. */
interface Fleet {
  register(spec: ReturnType<typeof specOf>): Promise<unknown>;
  start(id: string): Promise<{ readonly incarnation: number }>;
  stop(id: string): Promise<object>;
  kill(id: string): Promise<object>;
}

const fieldsOfRecord = ['status', 'incarnation', 'restarts', 'reason', 'abandoned', 'capabilities'] as const;

const shown = (record: object) => fieldsOfRecord.map((field) => (record as Record<string, unknown>)[field]);
const isSet = (time: unknown) => typeof time === 'number';

async function deedsOf(fleet: Fleet, restarted: () => Promise<void>) {
  const answers: unknown[] = [];
  for (const [id, restart] of [
    ['life', never],
    ['mortal', never],
    ['phoenix', atOnce],
  ] as const) {
    answers.push(await fleet.register(specOf(id, { restart })));
    answers.push((await fleet.start(id)).incarnation);
  }
  answers.push(shown(await fleet.stop('life')), shown(await fleet.kill('mortal')));
  const again = restarted();
  answers.push(shown(await fleet.kill('phoenix')));
  await again;
  return answers;
}

type Told = Readonly<Record<string, unknown>> & { readonly type: string };

/** Without times, which differ; what the runtime says more of a registration is its own. */
function plain({ sequence: _s, at: _a, spec: _spec, manifest: _m, life, restartAt, ...event }: Told): object {
  const lived = life as { history: { recent: unknown[] }; startedAt?: number; endedAt?: number } | undefined;
  return {
    ...event,
    restartAt: isSet(restartAt),
    life: lived && {
      ...lived,
      history: { ...lived.history, recent: lived.history.recent.length },
      startedAt: isSet(lived.startedAt),
      endedAt: isSet(lived.endedAt),
      restartAt: isSet((lived as { restartAt?: number }).restartAt),
    },
  };
}

test.for(['hand', 'chart'])(
  'the floor by %s answers and tells what the runtime does, in the same order',
  async (kind) => {
    const floor = new FleetOfPromises(kind === 'chart');
    const floorTold: object[] = [];
    const restarted = Promise.withResolvers<void>();
    floor.journal.subscriber = (event) => {
      floorTold.push(plain(event));
      if (event.type === 'agent.started' && event.incarnation === 2) restarted.resolve();
    };
    const floorAnswers = await deedsOf(floor, () => restarted.promise);

    const system = await quietSystem();
    onTestFinished(() => system.close().then(() => undefined));
    const told: object[] = [];
    const runs = Promise.withResolvers<void>();
    system.events.subscribe((event) => {
      if (!event.type.startsWith('agent.')) return;
      told.push(plain(event as unknown as Told));
      if (event.type === 'agent.started' && event.incarnation === 2) runs.resolve();
    });
    const answers = await deedsOf(system.agents, () => runs.promise);

    expect(told).toHaveLength(17);
    expect(floorAnswers).toEqual(answers);
    expect(floorTold).toEqual(told);
  },
);
