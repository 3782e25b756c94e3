/** Which errors of a model or a tool are the task's: a park, a limit, a budget that is used up. */
import { expect, it } from 'vitest';
import { isOfTask } from '../../src/ai/task-end.ts';
import { AgentSystemError } from '../../src/index.ts';
import { park } from '../../src/runtime/definition/parking.ts';

function parked(): unknown {
  try {
    return park({ why: 'later', afterMs: 5 });
  } catch (thrown) {
    return thrown;
  }
}

it.each<[string, unknown, boolean]>([
  ['a park', parked(), true],
  ['a limit of a provider', Object.assign(new Error('slow down'), { status: 429 }), true],
  ['a budget that is used up', new AgentSystemError('BUDGET_EXHAUSTED', 'no more'), true],
  ['another refusal', new AgentSystemError('TASK_FAILED', 'no'), false],
  ['an error with the code alone', Object.assign(new Error('no'), { code: 'BUDGET_EXHAUSTED' }), false],
  ['any other error', new Error('no'), false],
  ['nothing', undefined, false],
])('%s: %s', (_, thrown, isIt) => {
  expect(isOfTask(thrown)).toBe(isIt);
});
