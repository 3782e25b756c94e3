/** What an inspector is shown of the rounds of a fleet, by looks and events in whatever order they come. */
import { expect, test } from 'vitest';
import type { OpenRound, SystemEvent } from '../../src/index.ts';
import { ShownRounds } from '../../src/restate/inspection/shown-rounds.ts';
import type { ChartObservation } from '../../src/runtime/engine/chart.ts';

const voters = { total: 3, accept: 1, reject: 0, abstain: 0, failed: 0 };
const tally = { voters, weight: voters };
const final = { voters: { ...voters, reject: 2 }, weight: { ...voters, reject: 2 } };

function shownRounds() {
  const told: ChartObservation[] = [];
  let listed: readonly OpenRound[] = [];
  let sequence = 0;
  const rounds = new ShownRounds(
    () => Promise.resolve(listed),
    (observation) => told.push(observation),
  );
  const { signal } = new AbortController();
  const hear = (event: object) => rounds.heard({ sequence: (sequence += 1), at: 0, ...event } as SystemEvent);
  return {
    rounds,
    told,
    look: async (...open: readonly OpenRound[]) => {
      listed = open;
      await rounds.look(signal);
    },
    opens: (roundId: string) =>
      hear({ type: 'round.opened', roundId, variable: 'rate', value: 2, deadlineAt: 9, electorate: ['a'] }),
    changes: (why?: string) => hear({ type: 'variable.changed', name: 'rate', value: 2, version: 2, why }),
    closes: (roundId: string, outcome: string, decidedBy = 'voters') =>
      hear({ type: 'round.closed', roundId, variable: 'rate', outcome, tally: final, decidedBy }),
    /** What was told of each chart, in their order. */
    shown: () => {
      const charts = [...new Set(told.map(({ chart }) => chart))];
      return charts.map((chart) =>
        told
          .filter((one) => one.chart === chart)
          .map(({ type, snapshot, event }) => `${type} ${String(snapshot.value)} by ${event.type}`),
      );
    },
  };
}

function openRound(roundId: string, more: Partial<OpenRound> = {}): OpenRound {
  const electorate = ['a', 'b', 'c'];
  const about = { variable: 'rate', value: 2, openedAt: 1, deadlineAt: 9, tally };
  return { roundId, phase: 'voting', electorate, stillOut: electorate, ...about, ...more };
}

test('one that a look has shown goes on as that chart, and each standing is told once', async () => {
  const { look, opens, closes, shown, told } = shownRounds();
  await look(openRound('r1'));
  await look(openRound('r1'));
  await look(openRound('r1', { phase: 'casting', tally: final }));
  opens('r1');
  closes('r1', 'rejected', 'leader');
  expect(shown()).toEqual([
    ['started voting by round.seen', 'stepped casting by round.seen', 'ended rejected by round.closed'],
  ]);
  expect(told.at(-1)!.snapshot).toEqual({
    status: 'done',
    value: 'rejected',
    context: {
      roundId: 'r1',
      variable: 'rate',
      value: 2,
      openedAt: 1,
      deadlineAt: 9,
      tally: final,
      decidedBy: 'leader',
      cut: undefined,
    },
  });
});

test('one that no look has shown is shown by its events', async () => {
  const { look, opens, closes, shown } = shownRounds();
  await look();
  opens('r1');
  closes('r1', 'accepted');
  expect(shown()).toEqual([['started voting by round.opened', 'ended accepted by round.closed']]);
});

test.each([
  ['accepted', false, 'accepted'],
  ['accepted', true, 'accepted'],
  ['rejected', false, 'rejected'],
  ['rejected', true, 'enactedOver'],
  ['no_quorum', false, 'noQuorum'],
  ['no_quorum', true, 'enactedWithoutQuorum'],
  ['expired', false, 'expired'],
])('its end by its outcome, %s, and whether a change comes from it, %s: %s', (outcome, isEnacted, end) => {
  const { opens, changes, closes, told } = shownRounds();
  opens('r1');
  opens('r2');
  changes('decided by the leader in r2');
  changes();
  if (isEnacted) changes('decided by the leader in r1: it is time');
  closes('r1', outcome, 'leader');
  expect(told.at(-1)!.snapshot.value).toBe(end);
});

test('one that has ended is not shown again by a look that began before, nor by an event that comes twice', async () => {
  const { look, opens, closes, shown } = shownRounds();
  opens('r1');
  closes('r1', 'accepted');
  await look(openRound('r1'));
  opens('r1');
  closes('r1', 'accepted');
  await look();
  expect(shown()).toEqual([['started voting by round.opened', 'ended accepted by round.closed']]);
});

test('one whose end is not told ends as it was seen last, after 20 looks in a row that do not list it', async () => {
  const { look, shown } = shownRounds();
  const missed = async (times: number) => {
    for (let time = 0; time < times; time++) await look();
  };
  await look(openRound('r1'));
  await missed(19);
  await look(openRound('r1'));
  await missed(19);
  expect(shown()).toEqual([['started voting by round.seen']]);
  await missed(1);
  expect(shown()).toEqual([['started voting by round.seen', 'ended voting by round.seen']]);
});
