import { pino } from 'pino';
import { expect, it } from 'vitest';
import { logTail } from '../../src/dashboard.ts';
import { ask, dashboard, running, system } from '../kit/dashboard.ts';

it('keeps the newest lines, and gives those of one agent, oldest first', () => {
  const tail = logTail({ maxLines: 100 });
  const logger = pino({ base: null }, tail);
  for (let n = 0; n < 1_000; n++) logger.info({ agentId: n % 2 ? 'ada' : 'bob', n }, 'line');
  const lines = tail.linesOf('ada', 1_000).map(({ n }) => n);
  expect(lines).toHaveLength(50);
  expect(lines[0]).toBe(901);
  expect(lines.at(-1)).toBe(999);
  expect(tail.linesOf('ada', 3).map(({ n }) => n)).toEqual([995, 997, 999]);
  expect(tail.linesOf('eve', 3)).toEqual([]);
});

it('a line that only mentions an agent, is malformed, or is too long, is not one of its lines', () => {
  const tail = logTail();
  const logger = pino({ base: null }, tail);
  logger.info({ agentId: 'bob' }, 'saw "ada"');
  tail.write('half a line "ada"');
  logger.info({ agentId: 'ada', text: 'x'.repeat(20_000) }, 'long');
  expect(tail.linesOf('ada', 10)).toEqual([]);
});

it('the lines of an agent are shown beside it, without what names a secret', async () => {
  const logs = logTail();
  const fleet = await system();
  await running(fleet, 'ada');
  const shown = await dashboard(fleet, { logs });
  pino({ level: 'info' }, logs).warn({ agentId: 'ada', password: 'of-the-log', step: 3 }, 'slow');
  const { json } = await ask(shown, '/api/agents/ada/logs');
  expect(json.lines).toEqual([
    { at: expect.any(Number), level: 40, message: 'slow', fields: { password: '[redacted]', step: 3 } },
  ]);
  const without = await dashboard(fleet);
  expect((await ask(without, '/api/agents/ada/logs')).json).toEqual({ lines: [] });
});

it('of many lines the newest 200 are shown, or as many as are asked for', async () => {
  const logs = logTail({ maxLines: 1_000 });
  const fleet = await system();
  await running(fleet, 'ada');
  const shown = await dashboard(fleet, { logs });
  const logger = pino({ base: null }, logs);
  for (let n = 0; n < 300; n++) logger.info({ agentId: 'ada' }, String(n));
  const messages = async (query: string) =>
    (await ask(shown, `/api/agents/ada/logs${query}`)).json.lines.map(
      ({ message }: { message: string }) => message,
    );
  const [newest, few] = [await messages(''), await messages('?limit=3')];
  expect([newest.length, newest[0], newest.at(-1)]).toEqual([200, '100', '299']);
  expect(few).toEqual(['297', '298', '299']);
});
