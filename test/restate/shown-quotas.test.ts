/** What an inspector is shown of the limits that a fleet's agents work under. */
import { expect, test } from 'vitest';
import type { QuotaRecord } from '../../src/runtime/limits/quotas.ts';
import { ShownQuotas } from '../../src/restate/inspection/shown-quotas.ts';
import { chartWatch } from './chart-watch.ts';

const parked = { at: 1, until: 9, why: 'too many' };

function shownQuotas() {
  let looks: readonly QuotaRecord[] = [];
  const { observe, shown, last } = chartWatch();
  const over = new AbortController();
  const quotas = new ShownQuotas(() => Promise.resolve(looks), observe);
  return {
    quotas,
    over,
    shown,
    last,
    look: async (...given: readonly QuotaRecord[]) => {
      looks = given;
      await quotas.look(over.signal);
    },
  };
}

const shared = (status: QuotaRecord['status'], waiting: readonly string[] = []): QuotaRecord => ({
  name: 'api',
  isShared: true,
  status,
  waiting,
  ...(status === 'open' ? {} : { parked }),
});

test('one that is shared is shown each time that it stands elsewhere, and that others wait for it', async () => {
  const { look, shown, last } = shownQuotas();
  await look(shared('open'));
  await look(shared('open'));
  await look(shared('parked', ['a']));
  await look(shared('parked', ['a', 'b']));
  expect(last().snapshot.context).toEqual({ id: 'quota api', quota: 'api', parked, waiting: ['a', 'b'] });
  await look(shared('releasing', ['b']));
  expect(shown()).toEqual([
    'started quota api #1 open by quota.seen',
    'stepped quota api #1 parked by quota.seen',
    'stepped quota api #1 parked by quota.seen',
    'stepped quota api #1 releasing by quota.seen',
  ]);
});

test("an agent's own is shown from its first wait on, by the events of the agent, and ends with it", () => {
  const { quotas, shown, last } = shownQuotas();
  quotas.agentSeen({ id: 'a' }, 'agent.started');
  quotas.agentSeen({ id: 'a', parked: { ...parked, quota: 'api' } }, 'agent.parked');
  quotas.agentForgotten('a', 'agent.forgotten');
  expect(shown()).toEqual([]);
  quotas.agentSeen({ id: 'a', parked }, 'agent.parked');
  expect(last().snapshot.context).toEqual({ id: 'quota of a', parked, waiting: ['a'] });
  quotas.agentSeen({ id: 'a', parked }, 'task.parked');
  quotas.agentSeen({ id: 'a' }, 'agent.unparked');
  expect(last().snapshot.context).toEqual({ id: 'quota of a', parked: undefined, waiting: [] });
  quotas.agentForgotten('a', 'agent.forgotten');
  expect(shown()).toEqual([
    'started quota of a #1 parked by agent.parked',
    'stepped quota of a #1 open by agent.unparked',
    'ended quota of a #1 open by agent.forgotten',
  ]);
});

test('a look that comes back after the end shows nothing', async () => {
  const { look, over, shown } = shownQuotas();
  over.abort();
  await look(shared('open'));
  expect(shown()).toEqual([]);
});
