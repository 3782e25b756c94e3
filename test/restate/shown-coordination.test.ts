/** What an inspector is shown of a fleet's coordination and of its leader. */
import { expect, test } from 'vitest';
import type { SystemEvent } from '../../src/index.ts';
import { ShownCoordination } from '../../src/restate/inspection/shown-coordination.ts';
import { chartWatch } from './chart-watch.ts';

function shownCoordination(status: 'available' | 'suspended', leader?: string) {
  const { observe, last, shown } = chartWatch();
  const over = new AbortController();
  let asked = 0;
  const coordination = new ShownCoordination(
    {
      status: () => {
        asked += 1;
        return Promise.resolve(status);
      },
      elected: () =>
        Promise.resolve(leader === undefined ? leader : { agentId: leader, incarnation: 1, term: 3 }),
    },
    observe,
  );
  return {
    over,
    asked: () => asked,
    look: () => coordination.look(over.signal),
    hears: (event: object) => coordination.heard(event as SystemEvent),
    /** The newest: its kind, where it stands, by what, and its context. */
    newest: () => {
      const { type, snapshot, event } = last();
      return [type, snapshot.value, event.type, snapshot.context];
    },
    shown,
  };
}

const elected = { type: 'leader.elected', agentId: 'b', incarnation: 2, term: 4 };

test('how it stands is asked once, and events say the rest', async () => {
  const { look, asked, hears, newest } = shownCoordination('available', 'a');
  await look();
  await look();
  expect(asked()).toBe(1);
  const first = { term: 3, leader: { agentId: 'a', incarnation: 1 } };
  expect(newest()).toEqual(['started', 'available', 'xstate.init', first]);
  hears({ type: 'coordination.lost' });
  expect(newest()).toEqual(['stepped', { away: 'suspended' }, 'coordination.lost', first]);
  hears({ type: 'agent.started' });
  hears({ type: 'coordination.restored' });
  expect(newest()).toEqual(['stepped', 'available', 'coordination.restored', first]);
  hears(elected);
  expect(newest()).toEqual([
    'stepped',
    'available',
    'leader.elected',
    { term: 4, leader: { agentId: 'b', incarnation: 2 } },
  ]);
  expect(asked()).toBe(1);
});

test('what events told before the answer is newer than it', async () => {
  const { look, hears, newest } = shownCoordination('available');
  hears(elected);
  hears({ type: 'coordination.lost' });
  await look();
  expect(newest()).toEqual([
    'started',
    { away: 'suspended' },
    'xstate.init',
    { term: 4, leader: { agentId: 'b', incarnation: 2 } },
  ]);
});

test('one that is suspended is shown away, and without a leader nobody; after the end nothing is', async () => {
  const { look, newest } = shownCoordination('suspended');
  await look();
  expect(newest()).toEqual([
    'started',
    { away: 'suspended' },
    'xstate.init',
    { term: undefined, leader: undefined },
  ]);
  const ended = shownCoordination('available');
  ended.over.abort();
  await ended.look();
  expect(() => ended.newest()).toThrow();
});
