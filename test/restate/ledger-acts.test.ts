/** Laws of what an agent's ledger of tasks wants done. */
import { expect, it } from 'vitest';
import { LedgerActs } from '../../src/restate/tasks/ledger-acts.ts';

function rig(seat?: { readonly node: string }) {
  const acts: unknown[] = [];
  const turn = { state: { seat }, acts };
  return { acts, ledger: new LedgerActs(turn as never, {} as never, {} as never) };
}
const entry = (fields: object = {}) => ({ id: 't', task: 'work', attempts: 2, ...fields }) as never;

it('a task runs, and a message is posted, where the agent has its seat; nowhere where it has none', () => {
  const seated = rig({ node: 'n' });
  seated.ledger.run(entry(), { input: 1 });
  seated.ledger.post({ type: 'stop' } as never);
  expect(seated.acts).toEqual([
    {
      do: 'run',
      node: 'n',
      taskId: 't',
      task: 'work',
      attempt: 2,
      given: { input: 1 },
      hasSteps: false,
      terms: undefined,
    },
    { do: 'tell', node: 'n', message: { type: 'stop' } },
  ]);
  const alone = rig();
  alone.ledger.run(entry(), undefined);
  alone.ledger.post({ type: 'stop' } as never);
  expect(alone.acts).toEqual([]);
});

it.each([
  [{ terms: { a: 1 } }, { a: 1, endsAt: undefined }],
  [{ timeout: { dueAt: 9 } }, { endsAt: 9 }],
  [
    { terms: { a: 1 }, timeout: { dueAt: 9 } },
    { a: 1, endsAt: 9 },
  ],
])('a task with %o is given its terms, and when its time is over', (fields, terms) => {
  const { ledger, acts } = rig({ node: 'n' });
  ledger.run(entry({ ...fields, steps: [] }), undefined);
  expect(acts).toMatchObject([{ terms, hasSteps: true }]);
});

it('an input is kept once', () => {
  const { ledger, acts } = rig();
  const task = entry();
  ledger.keepInput(task, 1);
  ledger.keepInput(task, 2);
  expect(acts).toEqual([{ do: 'keepInput', taskId: 't', input: 1 }]);
});
