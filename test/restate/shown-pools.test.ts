/** What an inspector is shown of the pools of a fleet and of their autoscalers, look by look. */
import { describe, expect, it } from 'vitest';
import { ShownPools } from '../../src/restate/inspection/shown-pools.ts';
import { chartWatch } from './chart-watch.ts';

const look = (name: string, path: string, scaling?: object, autoscaler?: string) => ({
  record: { name, size: 2, ...(scaling === undefined ? {} : { scaling }) },
  states: { pool: path, ...(autoscaler === undefined ? {} : { autoscaler }) },
});
function shownPools() {
  let looks: unknown[] = [];
  const { observe, shown, last } = chartWatch();
  const over = new AbortController();
  const pools = new ShownPools(() => Promise.resolve(looks as never), observe);
  return {
    shown,
    last,
    over,
    look: async (...given: unknown[]) => {
      looks = given;
      await pools.look(over.signal);
    },
  };
}

describe('a pool', () => {
  it('is shown with its autoscaler, each time that one of them stands elsewhere', async () => {
    const { look: see, shown, last } = shownPools();
    await see(look('p', 'open', { load: 1 }, 'steady'), look('q', 'open'));
    expect(shown()).toEqual([
      'started pool p #1 open by pool.seen',
      'started autoscaler of p #2 steady by pool.seen',
      'started pool q #3 open by pool.seen',
    ]);
    await see(look('p', 'open', { load: 1 }, 'steady'), look('q', 'open'));
    expect(shown()).toEqual([]);
    await see(look('p', 'open', { load: 2 }, 'steady'), look('q', 'closing'));
    expect(last().snapshot.context).toEqual({ id: 'pool q', size: 2 });
    expect(shown()).toEqual([
      'stepped autoscaler of p #2 steady by pool.seen',
      'stepped pool q #3 closing by pool.seen',
    ]);
    await see(look('p', 'open', { load: 2 }, 'steady'), look('q', 'closing'));
    expect(shown()).toEqual([]);
  });

  it('that scales, and is not said where its autoscaler stands, is shown alone', async () => {
    const { look: see, shown } = shownPools();
    await see(look('p', 'open', { load: 1 }), look('q', 'open', undefined, 'steady'));
    expect(shown()).toEqual(['started pool p #1 open by pool.seen', 'started pool q #2 open by pool.seen']);
  });

  it('that is gone ends, with its autoscaler; the others go on', async () => {
    const { look: see, shown } = shownPools();
    await see(look('p', 'open', { load: 1 }, 'steady'), look('q', 'open'));
    shown();
    await see(look('q', 'open'));
    expect(shown()).toEqual([
      'ended autoscaler of p #2 closed by pool.seen',
      'ended pool p #1 closed by pool.seen',
    ]);
    await see();
    expect(shown()).toEqual(['ended pool q #3 closed by pool.seen']);
  });

  it('is shown no more once it is over', async () => {
    const { look: see, shown, over } = shownPools();
    over.abort();
    await see(look('p', 'open'));
    expect(shown()).toEqual([]);
  });
});
