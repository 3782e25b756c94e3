/** What an agent is handed and may change is its own, and what it shares it cannot change: the same in every host. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AgentSystem, createAgentSystem, variable } from '../../src/index.ts';
import { silent } from '../kit/rig.ts';

const module = new URL('../fixtures/agents/changing.ts', import.meta.url);

describe.for(['in-process', 'thread', 'process'] as const)('in a host of the kind %s', (isolation) => {
  let system: AgentSystem;
  beforeAll(async () => {
    system = await createAgentSystem({ logger: silent });
    await system.variables.define('limits', variable.json({ default: { models: ['small'] } }));
    await system.agents.register({
      id: 'ada',
      module,
      isolation,
      coordination: { communicationPattern: 'sync' },
    });
    await system.agents.start('ada');
  });
  afterAll(() => system.close());
  const run = (type: string) => system.agents.execute('ada', { type });

  test('nobody writes into the value of a variable: every task reads what was set', async () => {
    expect(await run('variables')).toEqual({ models: ['small'], refused: [true, true] });
    await system.variables.set('limits', { models: ['large'] });
    const after = { models: ['large'], refused: [true, true, true] };
    expect([await run('variables'), await run('variables')]).toEqual([after, after]);
    expect(system.variables.get('limits').value).toEqual({ models: ['large'] });
  });

  test('nobody gives a task other variables than its agent’s', async () => {
    const known = {
      assigned: false,
      added: false,
      deleted: false,
      variables: { limits: system.variables.get('limits').value },
    };
    expect([await run('others'), await run('others')]).toEqual([known, known]);
  });

  test('a task that goes on reads what its agent hears meanwhile', async () => {
    const reading = Promise.withResolvers<void>();
    const task = { type: 'follow', onProgress: () => reading.resolve() };
    const read = system.agents.execute('ada', task);
    await reading.promise;
    await system.variables.define('later', variable.integer({ default: 3 }));
    expect(await read).toEqual([undefined, 3]);
  });

  test('the answer of a person is the task’s own', async () => {
    const answered: unknown[] = [];
    const unsubscribe = system.events.subscribe(
      (event) => {
        if (event.type === 'question.asked')
          answered.push(system.questions.answer(event.questionId, { to: ['ann'] }));
      },
      { types: ['question.asked'] },
    );
    expect(await run('answer')).toEqual({ to: ['ann', 'archive'], note: 'none' });
    unsubscribe();
    expect(await Promise.all(answered)).toMatchObject([{ answer: { to: ['ann'] } }]);
  });
});
