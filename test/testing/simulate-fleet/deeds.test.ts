/** Every deed is a line that says all of it. */
import { expect, it } from 'vitest';
import type { Deed } from '../../../src/testing/index.ts';
import { deedInWords } from '../../../src/testing/simulate-fleet/deeds.ts';

it.each<[Deed, string]>([
  [{ do: 'register', agent: 'a' }, 'register a'],
  [{ do: 'lift', agent: 'a' }, 'lift a'],
  [{ do: 'stop', agent: 'a' }, 'stop a'],
  [{ do: 'stop', agent: 'a', timeoutMs: 0 }, 'stop a within 0 ms'],
  [{ do: 'execute', to: 'a', task: 'add' }, 'execute add() at a'],
  [
    { do: 'submit', to: { pool: 'p' }, task: 'add', input: { n: 1 }, timeoutMs: 5, priority: 0, delayMs: 9 },
    'submit add({"n":1}) at pool p within 5 ms with priority 0, not before 9 ms',
  ],
  [{ do: 'stream', to: 'a', task: 'tell', chunks: 2 }, 'read 2 chunks of tell() at a'],
  [{ do: 'stream', to: 'a', task: 'tell', input: 3, chunks: 2 }, 'read 2 chunks of tell(3) at a'],
  [{ do: 'answer', which: 1 }, 'answer the oldest question, choice 1'],
  [{ do: 'refill', budget: 'daily' }, 'refill the budget daily'],
  [{ do: 'give secrets', agent: 'a' }, 'give the secrets of a'],
  [{ do: 'schedule', to: 'a', task: 'add', everyMs: 9 }, 'schedule add at a every 9 ms'],
  [{ do: 'unschedule', to: 'a' }, 'schedule nothing at a'],
  [{ do: 'cancel', ago: 1 }, 'cancel the last task'],
  [{ do: 'retry', ago: 2 }, 'retry the task of 2 tasks ago'],
  [{ do: 'set', variable: 'rate', value: 'x' }, 'set rate to "x"'],
  [{ do: 'propose', variable: 'rate', value: 1, deadlineMs: 9 }, 'propose 1 for rate within 9 ms'],
  [{ do: 'open pool', pool: 'p' }, 'open pool p'],
  [{ do: 'close pool', pool: 'p' }, 'close pool p'],
  [{ do: 'resize', pool: 'p', size: 3 }, 'resize pool p to 3'],
  [{ do: 'reopen' }, 'close the program, and begin another'],
  [{ do: 'settle' }, 'settle'],
  [{ do: 'mend store' }, 'mend store'],
  [{ do: 'resume coordination' }, 'resume coordination'],
  [{ do: 'wait', ms: 4 }, 'wait 4 ms'],
  [{ do: 'wait for deadline', offMs: 0 }, 'wait for the next deadline'],
  [{ do: 'wait for deadline', offMs: -1 }, 'wait for the next deadline, -1 ms'],
  [{ fault: 'crash', agent: 'a', reason: 'out_of_memory' }, 'FAULT the body of a ends: "out_of_memory"'],
  [{ fault: 'hang', agent: 'a' }, 'FAULT the body of a answers nothing any more'],
  [{ fault: 'slow', agent: 'a', report: 'vote', ms: 9 }, 'FAULT the next "vote" of a takes 9 ms'],
  [{ fault: 'lost_report', agent: 'a', report: 'vote' }, 'FAULT the next "vote" of a is lost'],
  [{ fault: 'failed_start', agent: 'a' }, 'FAULT the next body of a ends before it is ready'],
  [{ fault: 'store_failure', trouble: 'hangs' }, 'FAULT the store hangs'],
  [{ fault: 'program_killed', inAppends: undefined, isKept: true }, 'FAULT the program is killed'],
  [
    { fault: 'program_killed', inAppends: 0, isKept: true },
    'FAULT the program is killed in append 1 from here, which is kept',
  ],
  [
    { fault: 'program_killed', inAppends: 2, isKept: false },
    'FAULT the program is killed in append 3 from here, which is not kept',
  ],
  [{ fault: 'coordination_lost' }, 'FAULT coordination is lost'],
  [{ fault: 'limited', agent: 'a' }, 'FAULT the next task of a runs into a limit'],
  [{ fault: 'limited', agent: 'a', afterMs: 5 }, 'FAULT the next task of a runs into a limit for 5 ms'],
])('%o', (deed, line) => {
  expect(deedInWords(deed)).toBe(line);
});
