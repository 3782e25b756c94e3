import { expect, it } from 'vitest';
import { Chronicle } from '../../src/dashboard/chronicle.ts';
import { type SystemEvent, variable } from '../../src/index.ts';
import { running, system } from '../kit/dashboard.ts';

const told = ({ order: _, ...mark }: { order: number }) => mark;
const all = () => true;
const shown = (_: string, value: unknown) => value;

const alert = (sequence: number): SystemEvent => ({
  type: 'alert.raised',
  sequence,
  at: sequence,
  alert: 'restart_storm',
  message: `number ${sequence}`,
});

it('a dashboard that comes late knows what one that was there from the beginning knows', async () => {
  const fleet = await system();
  const early = new Chronicle();
  const unsubscribe = fleet.events.subscribe((event) => early.note(event));
  await running(fleet, 'ada', 'bob');
  await fleet.agents.kill('ada');
  await fleet.variables.define('rate', variable.float({ min: 0, max: 1, default: 0.5 }));
  await fleet.consensus.propose({ variable: 'rate', value: 0.7 });
  const late = new Chronicle();
  const alsoUnsubscribe = fleet.events.subscribe((event) => late.note(event));
  await fleet.agents.stop('bob');
  await late.readEarlier(fleet.events);
  expect(late.marks(all).map(told)).toEqual(early.marks(all).map(told));
  expect(late.marks(all).map(({ order }) => order - late.marks(all)[0]!.order)).toEqual(
    late.marks(all).map((_, place) => place),
  );
  expect([...late.closedRounds(shown)]).toEqual([...early.closedRounds(shown)]);
  expect([...late.closedRounds(shown)]).toHaveLength(1);
  unsubscribe();
  alsoUnsubscribe();
});

it('what came before is read once, and numbered before what came since', async () => {
  const fleet = await system();
  await running(fleet, 'ada');
  await fleet.agents.kill('ada');
  const chronicle = new Chronicle();
  await Promise.all([chronicle.readEarlier(fleet.events), chronicle.readEarlier(fleet.events)]);
  expect(chronicle.marks(all).map(({ type }) => type)).toEqual(['agent.crashed', 'agent.restart_scheduled']);
  expect(chronicle.last).toBe(0);
  expect(chronicle.reaches(-2)).toBe(true);
  expect(chronicle.reaches(-3)).toBe(false);
});

const opened = (sequence: number, roundId: string): SystemEvent =>
  ({
    type: 'round.opened',
    sequence,
    at: sequence,
    roundId,
    variable: 'rate',
    value: 1,
    by: 'ada',
  }) as SystemEvent;
const closed = (sequence: number, roundId: string): SystemEvent =>
  ({
    type: 'round.closed',
    sequence,
    at: sequence,
    roundId,
    variable: 'rate',
    outcome: 'accepted',
  }) as SystemEvent;
/** The events of an earlier program. */
const earlierOf = (events: readonly SystemEvent[]) => ({
  async *read({ after = 0, limit = Infinity }: { after?: number; limit?: number } = {}) {
    yield* events.filter(({ sequence }) => sequence > after).slice(0, limit);
  },
  subscribe: () => () => {},
  replay: async () => [],
});

it('of rounds the newest hundred that are closed stay, with those of an earlier program', async () => {
  const chronicle = new Chronicle();
  const earlier = Array.from({ length: 80 }, (_, at) => closed(at + 1, `early-${at}`));
  chronicle.note(opened(100, 'open'));
  for (let at = 0; at < 70; at += 1) chronicle.note(closed(101 + at, `late-${at}`));
  await chronicle.readEarlier(earlierOf(earlier));
  const ids = [...chronicle.closedRounds(shown)].map(({ roundId }) => roundId);
  expect(ids.toSorted()).toEqual(
    [
      ...Array.from({ length: 29 }, (_, at) => `early-${51 + at}`),
      ...Array.from({ length: 70 }, (_, at) => `late-${at}`),
    ].toSorted(),
  );
});

it('of marks as many of an earlier program are kept as have room, the newest of them', async () => {
  const chronicle = new Chronicle();
  for (let at = 1; at <= 19_998; at += 1) chronicle.note(alert(100 + at));
  await chronicle.readEarlier(earlierOf([1, 2, 3, 4].map(alert)));
  const kept = chronicle.marks(all);
  expect(kept).toHaveLength(20_000);
  expect(kept.slice(0, 3).map(({ order, at }) => [order, at])).toEqual([
    [-1, 3],
    [0, 4],
    [1, 101],
  ]);
});

it('keeps a bounded number of marks, the newest, and says when one comes too late for them', () => {
  const chronicle = new Chronicle();
  for (let sequence = 1; sequence <= 100_000; sequence++) chronicle.note(alert(sequence));
  const kept = chronicle.marks(all);
  expect(kept.length).toBeLessThanOrEqual(22_000);
  expect(kept.at(-1)).toMatchObject({ order: 100_000, text: 'number 100000' });
  expect(chronicle.reaches(50_000)).toBe(false);
  expect(chronicle.reaches(99_000)).toBe(true);
  expect(chronicle.after(99_998, 10).map(({ order }) => order)).toEqual([99_999, 100_000]);
  expect(chronicle.after(100_000, 10)).toEqual([]);
  expect(chronicle.after(Number.NEGATIVE_INFINITY, 2).map(({ order }) => order)).toEqual(
    kept.slice(0, 2).map(({ order }) => order),
  );
});

it('keeps a bounded number of rounds and votes, and every round that is open', () => {
  const chronicle = new Chronicle();
  const terms = { rule: 'majority', tie: 'reject', deadlineMs: 1_000, fallback: 'keep' } as const;
  const open = (sequence: number, roundId: string): SystemEvent => ({
    type: 'round.opened',
    sequence,
    at: sequence,
    roundId,
    variable: 'rate',
    value: 1,
    by: 'ada',
    terms,
    electorate: ['a'],
    deadlineAt: 9,
  });
  for (let n = 0; n < 300; n++) {
    chronicle.note(open(n, `open-${n}`));
    chronicle.note(open(n, `closed-${n}`));
    chronicle.note({
      type: 'round.closed',
      sequence: n,
      at: n,
      roundId: `closed-${n}`,
      variable: 'rate',
      outcome: 'accepted',
      tally: null,
      decidedBy: 'voters',
    });
  }
  for (let n = 0; n < 1_000; n++) {
    chronicle.note({
      type: 'round.voted',
      sequence: n,
      at: n,
      roundId: 'open-299',
      agentId: `a${n}`,
      incarnation: 1,
      vote: 'accept',
    });
  }
  expect(chronicle.round('open-0').opened?.by).toBe('ada');
  const { votes } = chronicle.round('open-299');
  expect(votes.length).toBeLessThanOrEqual(400);
  expect(votes.at(-1)?.agentId).toBe('a999');
  expect([...chronicle.closedRounds(() => 1)].length).toBeLessThanOrEqual(100);
});

const crashed = (agent: number): SystemEvent =>
  ({
    type: 'agent.crashed',
    sequence: agent + 1,
    at: agent + 1,
    agentId: `agent-${agent}`,
    incarnation: 1,
    reason: 'killed',
    life: { startedAt: 1 },
  }) as unknown as SystemEvent;

it('of 20,000 agents it is known what was noted last, and of the oldest beyond them no more', () => {
  const chronicle = new Chronicle();
  for (let agent = 0; agent < 20_000; agent += 1) chronicle.note(crashed(agent));
  expect(chronicle.noted('agent-0')).toBeDefined();
  chronicle.note(crashed(0));
  chronicle.note(crashed(20_000));
  const known = [0, 1, 2, 20_000].map((agent) => chronicle.noted(`agent-${agent}`) !== undefined);
  expect(known).toEqual([true, false, true, true]);
});
