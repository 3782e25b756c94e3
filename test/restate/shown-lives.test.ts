/** What an inspector is shown of the lives of a fleet: by the newest that is known of them. */
import { describe, expect, it } from 'vitest';
import { ShownLives } from '../../src/restate/inspection/shown-lives.ts';
import { AgentSystemError } from '../../src/runtime/values/errors.ts';
import { settled } from '../../src/testing/index.ts';
import { ShownQuotas } from '../../src/restate/inspection/shown-quotas.ts';
import { chartWatch } from './chart-watch.ts';

function shownLives() {
  const records = new Map<string, object | Error>();
  const faults: unknown[] = [];
  const over = new AbortController();
  const { observe, shown, last } = chartWatch();
  const asked: string[] = [];
  let underWay = 0;
  let most = 0;
  const agents = {
    list: () => Promise.resolve([...records.values()]),
    get: async (id: string) => {
      asked.push(id);
      most = Math.max(most, (underWay += 1));
      await Promise.resolve();
      underWay -= 1;
      const record = records.get(id) ?? new AgentSystemError('AGENT_NOT_FOUND', 'gone');
      if (record instanceof Error) throw record;
      return record;
    },
  };
  const lives = new ShownLives({
    agents: agents as never,
    observe,
    quotas: new ShownQuotas(() => Promise.resolve([]), observe),
    signal: over.signal,
    reportFault: (message, thrown) => void faults.push([message, thrown]),
  });
  return {
    lives,
    agents,
    faults,
    over,
    shown,
    last,
    asked: () => asked.splice(0),
    most: () => most,
    stands: (id: string, state: string) =>
      void records.set(id, { id, state, incarnation: 1, status: 'running' }),
    fails: (id: string, error: Error) => void records.set(id, error),
    goes: (id: string) => void records.delete(id),
    hear: (agentId: string | undefined, type = 'agent.started') => lives.heard({ agentId, type } as never),
  };
}

describe('a life', () => {
  it('is shown as it stands at first, and after each of its events, as one chart', async () => {
    const { lives, stands, hear, shown, last } = shownLives();
    stands('a', 'alive.starting.initializing');
    stands('b', 'stopped');
    await lives.begin();
    expect(shown()).toEqual([
      'started a #1 alive.starting.initializing by xstate.init',
      'started b #2 stopped by xstate.init',
    ]);
    stands('a', 'alive.serving.unresponsive');
    hear('a');
    await settled();
    const { snapshot } = last();
    expect(snapshot).toMatchObject({
      status: 'active',
      context: { id: 'a', incarnation: 1, status: 'running' },
    });
    expect(shown()).toEqual(['stepped a #1 alive.serving.unresponsive by agent.started']);
    hear('a');
    await settled();
    expect(shown()).toEqual(['stepped a #1 alive.serving.unresponsive by agent.started']);
  });

  it('of which an event came before the list did is begun once', async () => {
    const { lives, stands, hear, shown } = shownLives();
    stands('a', 'stopped');
    hear('a');
    await settled();
    await lives.begin();
    expect(shown()).toEqual(['started a #1 stopped by agent.started']);
  });

  it('is not read for what changes no state, nor for what is of no agent', async () => {
    const { stands, hear, asked } = shownLives();
    stands('a', 'stopped');
    hear('a', 'agent.state_saved');
    hear(undefined, 'round.opened');
    await settled();
    expect(asked()).toEqual([]);
  });

  it('is read once for all that it has told while others were read, by its newest event; eight at a time', async () => {
    const { stands, hear, shown, asked, most } = shownLives();
    const ids = Array.from({ length: 20 }, (_, at) => `a${at}`);
    for (const id of [...ids, 'late']) stands(id, 'stopped');
    hear('a0');
    for (const id of ids) hear(id);
    hear('late', 'agent.stopping');
    hear('late', 'agent.stopped');
    await settled();
    expect(asked()).toEqual(['a0', ...ids, 'late']);
    expect(most()).toBe(8);
    expect(shown().at(-1)).toBe('started late #21 stopped by agent.stopped');
  });

  it('of one that is forgotten ends, and is begun anew when it is there again; of one never shown there is nothing', async () => {
    const { lives, stands, goes, hear, shown, last, faults } = shownLives();
    stands('a', 'stopped');
    await lives.begin();
    shown();
    goes('a');
    hear('a', 'agent.forgotten');
    hear('b', 'agent.forgotten');
    await settled();
    expect(last().snapshot).toMatchObject({ status: 'done', context: { id: 'a' } });
    expect([shown(), faults]).toEqual([['ended a #1 forgotten by agent.forgotten'], []]);
    stands('a', 'registered');
    hear('a', 'agent.registered');
    await settled();
    expect(shown()).toEqual(['started a #2 registered by agent.registered']);
  });

  it('that cannot be read is told, and read again with its next event', async () => {
    const { stands, fails, hear, shown, faults } = shownLives();
    const error = new AgentSystemError('STORE_FAILED', 'away');
    fails('a', error);
    hear('a');
    await settled();
    expect(faults).toEqual([['an agent could not be shown', error]]);
    stands('a', 'stopped');
    hear('a');
    await settled();
    expect(shown()).toEqual(['started a #1 stopped by agent.started']);
  });

  it('is shown no more once it is over, and nothing that fails then is told', async () => {
    const { lives, agents, stands, fails, hear, shown, asked, faults, over } = shownLives();
    stands('a', 'stopped');
    fails('b', new Error('away'));
    hear('a');
    hear('b');
    over.abort();
    await lives.begin();
    await settled();
    agents.list = () => Promise.reject(new Error('away'));
    await lives.begin();
    expect([shown(), asked(), faults]).toEqual([[], ['a'], []]);
  });

  it('of a fleet that cannot be listed is told once', async () => {
    const { lives, agents, faults } = shownLives();
    const error = new Error('away');
    agents.list = () => Promise.reject(error);
    await lives.begin();
    expect(faults).toEqual([['the agents could not be listed', error]]);
  });
});
