/** Whether a task gets on, apart from whether its agent is alive; and whether it does the same over and over. */
import { describe, expect, it, test } from 'vitest';
import { createAgentSystem, defineAgent } from '../../src/index.ts';
import { progressMachine } from '../../src/machines/index.ts';
import { settled } from '../../src/testing/index.ts';
import { drivenBy, drivers } from '../kit/drivers.ts';
import { awaited, codeOf, gate, refusal, rig, silent } from '../kit/rig.ts';
import { chartCoverage } from '../models/life/chart-coverage.ts';
import { judgeProgress, progressTours } from '../models/progress/tour.ts';

/** Before anything is driven: what drives a chart takes its guards as they are then. */
const coverage = chartCoverage(progressMachine);

const MODULE = new URL('../fixtures/agents/limited.ts', import.meta.url);
const AFTER_MS = 1_000;

test.each(drivers)('in every state every move does what the model says (%s)', async (driver) => {
  for (const tour of progressTours()) await judgeProgress(tour, drivenBy(driver));
});

test('every transition of the chart was taken, and every guard has answered yes and no', async () => {
  for (const tour of progressTours()) await judgeProgress(tour, coverage.inspect);
  expect(coverage.total).toBeGreaterThan(5);
  expect(coverage.untaken()).toEqual([]);
});

async function worker(kind: { onStall?: 'warn' | 'abort' | 'crash'; retry?: object } = {}) {
  const through = gate();
  const tell: { now: (value: unknown) => void; emit: (chunk: unknown) => unknown } = {
    now: () => undefined,
    emit: () => undefined,
  };
  let attempts = 0;
  const module = defineAgent({
    type: 'worker',
    init: () => ({}),
    tasks: {
      work: {
        stalledAfterMs: AFTER_MS,
        ...(kind as object),
        run: async ({ progress, emit, signal }) => {
          attempts += 1;
          tell.now = progress;
          tell.emit = emit;
          const aborted = new Promise<never>((_, reject) =>
            signal.addEventListener('abort', () => reject(signal.reason as Error)),
          );
          await Promise.race([through.promise, aborted]);
          return 'done';
        },
      },
    },
  });
  const made = await rig();
  await made.agents.register({ id: 'ada', module, restart: { policy: 'immediate', delayMs: 10 } });
  await made.agents.start('ada');
  return { ...made, through, tell, attempts: () => attempts };
}

describe('a task that tells nothing for its time', () => {
  it('has stalled, is told of once, and gets on again with the next progress', async () => {
    const { system, clock, tell, through, eventsOf } = await worker();
    const { id } = await system.tasks.submit('ada', { type: 'work' });
    await clock.advance(AFTER_MS - 1);
    expect(eventsOf('task.stalled')).toEqual([]);
    await clock.advance(1);
    expect(eventsOf('task.stalled')).toMatchObject([
      { taskId: id, stalledAfterMs: AFTER_MS, onStall: 'warn' },
    ]);
    expect(system.tasks.get(id)).toMatchObject({ status: 'running', stalledAt: clock.now() });
    await clock.advance(20 * AFTER_MS);
    expect(eventsOf('task.stalled')).toHaveLength(1);
    tell.now('a line');
    await settled();
    expect(eventsOf('task.progressed')).toHaveLength(1);
    expect(system.tasks.get(id).stalledAt).toBeUndefined();
    await clock.advance(AFTER_MS);
    expect(eventsOf('task.stalled')).toHaveLength(2);
    through.resolve();
    expect(await system.tasks.result(id)).toBe('done');
    expect(clock.pending().length).toBeLessThan(2);
  });

  it.each(['now', 'emit'] as const)('a slow one that tells by %s is never touched', async (by) => {
    const { agents, clock, tell, through, eventsOf } = await worker({ onStall: 'crash' });
    const done = agents.execute('ada', { type: 'work' });
    for (let n = 0; n < 50; n++) {
      await clock.advance(AFTER_MS - 1);
      void tell[by](n);
      await settled();
    }
    through.resolve();
    expect(await done).toBe('done');
    expect(eventsOf('task.stalled')).toEqual([]);
    expect(agents.get('ada').incarnation).toBe(1);
  });

  it('is aborted where its kind says so: its signal fires, its agent lives on', async () => {
    const { agents, clock, eventsOf } = await worker({ onStall: 'abort' });
    const done = awaited(agents.execute('ada', { type: 'work' }));
    await clock.advance(AFTER_MS);
    const error = await refusal(done);
    expect(error.code).toBe('TASK_STALLED');
    expect(eventsOf('task.failed')).toMatchObject([{ code: 'TASK_STALLED' }]);
    expect(agents.get('ada')).toMatchObject({ status: 'running', incarnation: 1, metrics: { running: 0 } });
  });

  it('is tried again where it has attempts left', async () => {
    const { agents, clock, attempts, through, eventsOf } = await worker({
      onStall: 'abort',
      retry: { attempts: 2, backoff: { delayMs: 100, jitter: 0 } },
    });
    const done = agents.execute('ada', { type: 'work' });
    await clock.advance(AFTER_MS);
    expect(attempts()).toBe(1);
    await clock.advance(100);
    expect(attempts()).toBe(2);
    through.resolve();
    expect(await done).toBe('done');
    expect(eventsOf('task.retry_scheduled')).toHaveLength(1);
  });

  it('crashes its agent where its kind says so, and the restart policy decides', async () => {
    const { agents, clock, eventsOf } = await worker({ onStall: 'crash' });
    const done = awaited(agents.execute('ada', { type: 'work' }));
    await clock.advance(AFTER_MS);
    expect(await codeOf(done)).toBe('TASK_ABANDONED');
    await clock.advance(10);
    expect(agents.get('ada')).toMatchObject({ status: 'running', incarnation: 2, restarts: 1 });
    expect(eventsOf('agent.crashed')).toMatchObject([{ reason: 'killed' }]);
  });

  it('that ends in time leaves no timer', async () => {
    const { agents, clock, through } = await worker({ onStall: 'crash' });
    const before = clock.pending().length;
    const done = agents.execute('ada', { type: 'work' });
    await settled();
    expect(clock.pending().length).toBe(before + 1);
    through.resolve();
    await done;
    expect(clock.pending().length).toBe(before);
  });

  it.each([
    [{ stalledAfterMs: 0 }, 'stalledAfterMs'],
    [{ onStall: 'explode' }, 'onStall'],
    [{ maxRepeats: 0 }, 'maxRepeats'],
  ])('%j is refused by its name', async (kind, field) => {
    const error = await refusal(() =>
      defineAgent({ type: 'a', init: () => ({}), tasks: { work: { ...(kind as object), run: () => 1 } } }),
    );
    expect(error.message).toContain(field);
  });
});

describe.each(['in-process', 'thread', 'process'] as const)('in a host %s', (isolation) => {
  it('a stall is heard of, and the same call too often is refused', async () => {
    await using system = await createAgentSystem({ logger: silent });
    const id = await system.agents.register({ module: MODULE, isolation });
    await system.agents.start(id);
    expect((await refusal(system.agents.execute(id, { type: 'stalls' }))).code).toBe('TASK_STALLED');
    const error = await refusal(system.agents.execute(id, { type: 'repeats' }));
    expect(error.cause).toMatchObject({ code: 'TASK_REPEATED' });
    expect(await system.agents.execute(id, { type: 'varies' })).toEqual([1, 2, 1, 1, 3]);
  });
});
