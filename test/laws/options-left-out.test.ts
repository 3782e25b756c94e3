/** An option that is `undefined` counts as left out, also where a task asks its system for something. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AgentSystem, createAgentSystem } from '../../src/index.ts';
import { asked } from '../fixtures/agents/leaving-out.ts';
import { refusal, rig, silent } from '../kit/rig.ts';

const module = new URL('../fixtures/agents/leaving-out.ts', import.meta.url);

describe.for(['in-process', 'thread', 'process'] as const)('in a host of the kind %s', (isolation) => {
  let system: AgentSystem;
  beforeAll(async () => {
    system = await createAgentSystem({ logger: silent });
    system.budgets.define({ name: 'all', limits: { tokens: 100 } });
    for (const id of ['other', 'one']) {
      await system.agents.register({ id, module, isolation });
      await system.agents.start(id);
    }
  });
  afterAll(() => system.close());

  test.for(asked)('each option of %s may be undefined', async (input) => {
    expect(await system.agents.execute('one', { type: 'ask', input })).toBe(1);
  });
});

test('each option of a budget, and each of its limits, may be undefined', async () => {
  const { system } = await rig();
  const limits = { tokens: 5, money: undefined } as object;
  const budget = { name: 'left out', scope: undefined, limits, everyMs: undefined } as never;
  system.budgets.define(budget);
  expect(system.budgets.get('left out')).toMatchObject({ limits: { tokens: 5 }, left: { tokens: 5 } });
  const none = { name: 'none', limits: { tokens: undefined } } as never;
  const { message } = await refusal(() => system.budgets.define(none));
  expect(message).toContain('limits: expected one of tokens, money, calls, wallMs');
});
