/** Each event as one line: when, what, of which agent, what it says, and who asked for it. */
import { expect, it } from 'vitest';
import { eventLine, inShort } from '../../src/cli/event-line.ts';
import { moment } from '../../src/cli/figures.ts';

const plain = (_: unknown, text: string) => text;
const lineOf = (event: object, paint: typeof plain = plain) =>
  eventLine({ sequence: 1, at: 0, ...event } as never, paint);
const styled = (style: unknown, text: string) => `<${String(style)}>${text}`;
const error = { name: 'Error', message: 'no luck' };
const of = { agentId: 'ada', incarnation: 2 };
const wait = { until: 60_000, why: 'full' };
const round = { roundId: 'r1', variable: 'rate' };
const by = 'ann';

it.each<[string, object]>([
  ['agent.registered  ada  worker  by ann', { ...of, agentType: 'worker', by }],
  [
    'agent.updated  ada  shutdownMs 1 → 2, a undefined → null',
    {
      ...of,
      changes: [
        { field: 'shutdownMs', from: 1, to: 2 },
        { field: 'a', from: undefined, to: null },
      ],
    },
  ],
  ['agent.started  ada  incarnation 2', of],
  ['agent.unresponsive  ada  1 check missed', { ...of, misses: 1 }],
  ['agent.unresponsive  ada  2 checks missed', { ...of, misses: 2 }],
  [
    'agent.stopped  ada  shutdown: manual  by ann',
    { ...of, reason: { shutdown: 'manual' }, abandoned: [], by },
  ],
  [
    'agent.crashed  ada  Error: no luck; 2 tasks left undone',
    { ...of, reason: { error }, abandoned: ['a', 'b'] },
  ],
  ['agent.gave_up  ada  killed', { ...of, reason: 'killed' }],
  ['agent.paused  ada  by ann', { ...of, by }],
  ['agent.paused  ada', { ...of, by: undefined }],
  [`agent.parked  ada  until ${moment(60_000)}: full`, { ...of, ...wait }],
  [
    `agent.parked  ada  until about ${moment(60_000)} with calls: full`,
    { ...of, ...wait, guessed: true, quota: 'calls' },
  ],
  [`task.parked  ada  work until ${moment(60_000)}: full`, { ...of, ...wait, task: 'work' }],
  ['agent.restart_scheduled  ada  back in 1 s', { ...of, delayMs: 1_000 }],
  ['agent.state_saved  ada  3 B', { ...of, bytes: 3 }],
  ['task.completed  ada  work in 3 ms', { ...of, task: 'work', ranMs: 3 }],
  ['task.failed  ada  work: Error: no luck', { ...of, task: 'work', error }],
  ['task.timed_out  ada  work after 5 s', { ...of, task: 'work', timeoutMs: 5_000 }],
  ['task.abandoned  ada  work: stopped', { ...of, task: 'work', why: 'stopped' }],
  ['task.step  ada  work: pay', { ...of, task: 'work', key: 'pay' }],
  ['question.answered  ada  q1: true  by ann', { ...of, questionId: 'q1', answer: true, by }],
  [
    'variable.changed  rate = 2 (v3) by ann: cheaper',
    { name: 'rate', value: 2, version: 3, by, why: 'cheaper' },
  ],
  ['variable.changed  rate = 2 (v3) by ann', { name: 'rate', value: 2, version: 3, by }],
  ['round.opened  r1: rate = 2? by ann', { ...round, value: 2, by }],
  ['round.voted  ada  r1: accept', { ...of, ...round, vote: 'accept' }],
  ['round.voted  ada  r1: accept (refused: late)', { ...of, ...round, vote: 'accept', refused: 'late' }],
  ['round.closed  r1: rate: expired', { ...round, outcome: 'expired' }],
  ['round.closed  r1: rate: expired (lost)', { ...round, outcome: 'expired', cut: 'lost' }],
  ['pool.scaled  crew: 1 → 2: busy  by ann', { pool: 'crew', from: 1, to: 2, why: 'busy', by }],
  ['alert.raised  gave_up pool crew: so it is', { alert: 'gave_up', pool: 'crew', message: 'so it is' }],
  ['alert.raised  ada  gave_up: so it is', { agentId: 'ada', alert: 'gave_up', message: 'so it is' }],
  ['alert.cleared  gave_up pool crew', { alert: 'gave_up', pool: 'crew' }],
  ['alert.cleared  gave_up', { alert: 'gave_up' }],
  ['store.recovered  3 events lost', { lost: 3 }],
  ['store.recovered', { lost: 0 }],
  ['of.later  ada', of],
])('%s', (line, event) => {
  expect(lineOf({ type: line.split(' ')[0], ...event })).toBe(`${moment(0)}  ${line}`);
});

it('what is bad is red, and what an agent says moves no cursor', () => {
  expect(lineOf({ type: 'agent.gave_up', agentId: 'a\u001B[2Jda', reason: 'killed' }, styled)).toBe(
    `<dim>${moment(0)}  <red,bold>agent.gave_up  a·[2Jda  killed`,
  );
});

it('a value is shown up to 80 characters', () => {
  expect(inShort('x'.repeat(78))).toBe(`"${'x'.repeat(78)}"`);
  expect(inShort('x'.repeat(79))).toBe(`"${'x'.repeat(78)}…`);
  expect(inShort(undefined)).toBe('undefined');
});
