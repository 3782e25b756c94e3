import { expect, it, onTestFinished } from 'vitest';
import { createAgentSystem, memoryStore } from '../../src/index.ts';
import { ask, dashboard, running, silent, system } from '../kit/dashboard.ts';

it('the steps are those of events.replay, and the lives those between starts and ends', async () => {
  const fleet = await system();
  await running(fleet, 'ada');
  const shown = await dashboard(fleet);
  for (let n = 0; n < 5; n++) await fleet.agents.execute('ada', { type: 'add' });
  await fleet.agents.execute('ada', { type: 'fail' }).catch(() => {});
  await fleet.agents.kill('ada');
  await fleet.agents.start('ada');
  await fleet.agents.stop('ada');
  await fleet.agents.start('ada');
  const { json } = await ask(shown, '/api/agents/ada/life');
  const replayed = await fleet.events.replay('ada');
  expect(json).toMatchObject({ steps: JSON.parse(JSON.stringify(replayed)), earlier: 0 });
  expect(json.lives).toEqual([
    {
      incarnation: 1,
      startedAt: expect.any(Number),
      endedAt: expect.any(Number),
      end: 'crashed',
      reason: 'killed',
    },
    {
      incarnation: 2,
      startedAt: expect.any(Number),
      endedAt: expect.any(Number),
      end: 'stopped',
      reason: 'shutdown',
    },
    { incarnation: 3, startedAt: expect.any(Number) },
  ]);
});

it('gives the newest steps, says how many came before, and goes back to any moment', async () => {
  const fleet = await system();
  await running(fleet, 'ada');
  const shown = await dashboard(fleet);
  for (let n = 0; n < 20; n++) await fleet.agents.execute('ada', { type: 'add' });
  const all = await fleet.events.replay('ada');
  const last = (await ask(shown, '/api/agents/ada/life?limit=4')).json;
  expect(last.earlier).toBe(all.length - 4);
  expect(last.steps.map(({ sequence }: { sequence: number }) => sequence)).toEqual(
    all.slice(-4).map(({ sequence }) => sequence),
  );
  const until = all[10]!.sequence;
  const before = (await ask(shown, `/api/agents/ada/life?limit=2&until=${until}`)).json;
  expect(before.steps.at(-1)).toEqual(JSON.parse(JSON.stringify(all[10])));
});

it('an agent that was forgotten still has its life, and one that never was is not found', async () => {
  const fleet = await system();
  await running(fleet, 'ada');
  const shown = await dashboard(fleet);
  await fleet.agents.stop('ada');
  await fleet.agents.forget('ada');
  const { json } = await ask(shown, '/api/agents/ada/life');
  expect(json.steps.at(-1).status).toBe('forgotten');
  expect((await ask(shown, '/api/agents/eve/life')).status).toBe(404);
});

it('of an agent whose events the store has dropped, its last life is told from its record', async () => {
  const fleet = await createAgentSystem({ logger: silent, store: memoryStore({ maxEvents: 10 }) });
  onTestFinished(async () => void (await fleet.close({ timeoutMs: 0 })));
  await running(fleet, 'ada');
  const shown = await dashboard(fleet);
  for (let n = 0; n < 20; n++) await fleet.agents.execute('ada', { type: 'add' });
  const { startedAt } = fleet.agents.get('ada');
  expect((await ask(shown, '/api/agents/ada/life')).json).toEqual({
    steps: [],
    earlier: 0,
    lives: [{ incarnation: 1, startedAt }],
  });
});
