import { expect, it } from 'vitest';
import type { AgentSystem } from '../../src/index.ts';
import { ask, dashboard, follow, type Listening, running, system } from '../kit/dashboard.ts';
import { onlyTimersBelow } from '../kit/short-timers.ts';

async function sequencesOf(fleet: AgentSystem, agentId?: string): Promise<number[]> {
  const sequences: number[] = [];
  const who = agentId === undefined ? {} : { agentId };
  for await (const { sequence } of fleet.events.read(who)) sequences.push(sequence);
  return sequences;
}

function told({ messages }: Listening): number[] {
  return messages.flatMap(({ name, data }) =>
    name === 'events' ? data.events.map(({ sequence }) => sequence) : [],
  );
}

const reached = ({ until }: Listening, newest: number) =>
  until('events', ({ events }) => events.some(({ sequence }) => sequence === newest));

it('tells all that happens from one event on, in order, and what comes at once', async () => {
  onlyTimersBelow(1_000);
  const fleet = await system();
  await running(fleet, 'ada', 'bob');
  const shown = await dashboard(fleet);
  const before = await sequencesOf(fleet);
  const [all, one, fresh] = await Promise.all([
    follow(shown, 'after=0'),
    follow(shown, 'after=0&agent=bob'),
    follow(shown, ''),
  ]);
  await reached(all, before.at(-1)!);
  await fleet.agents.kill('bob');
  await all.until('events', ({ events }) => events.some(({ type }) => type === 'agent.crashed'));
  for (let n = 0; n < 300; n++) await fleet.agents.execute('ada', { type: 'add' });
  const newest = (await sequencesOf(fleet)).at(-1)!;
  await Promise.all([reached(all, newest), reached(fresh, newest)]);
  expect(told(all)).toEqual(await sequencesOf(fleet));
  expect(told(one)).toEqual(await sequencesOf(fleet, 'bob'));
  expect(told(fresh)).toEqual((await sequencesOf(fleet)).filter((sequence) => sequence > before.at(-1)!));
});

it('one that reads slowly is late and misses nothing; one that comes back goes on where it was', async () => {
  const fleet = await system();
  await running(fleet, 'ada');
  const shown = await dashboard(fleet);
  const slow = await follow(shown, 'after=0');
  await slow.until('events');
  slow.pause();
  for (let n = 0; n < 1_500; n++) await fleet.agents.execute('ada', { type: 'add' });
  const newest = (await sequencesOf(fleet)).at(-1)!;
  slow.resume();
  await reached(slow, newest);
  expect(told(slow)).toEqual(await sequencesOf(fleet));
  slow.close();
  await fleet.agents.execute('ada', { type: 'add' });
  const again = await follow(shown, '', slow.position);
  const last = (await sequencesOf(fleet)).at(-1)!;
  await reached(again, last);
  expect(told(again)).toEqual((await sequencesOf(fleet)).filter((sequence) => sequence > newest));
});

it('shows no secret, counts as a viewer, and is told goodbye', async () => {
  const fleet = await system();
  await running(fleet, 'ada');
  const shown = await dashboard(fleet, { maxViewers: 1 });
  const following = await follow(shown, 'after=0');
  await following.until('events');
  expect(JSON.stringify(following.messages)).not.toContain('of-init-args');
  expect(shown.viewers()).toBe(1);
  expect((await ask(shown, '/api/events/stream')).json.error.code).toBe('TOO_MANY_VIEWERS');
  expect((await ask(shown, '/api/stream')).json.error.code).toBe('TOO_MANY_VIEWERS');
  expect((await ask(shown, '/api/events/stream?after=soon')).status).toBe(400);
  expect((await ask(shown, '/api/events/stream', { token: undefined })).status).toBe(401);
  await shown.close();
  await following.until('bye');
  await following.ended;
});
