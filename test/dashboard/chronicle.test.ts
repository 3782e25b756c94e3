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
