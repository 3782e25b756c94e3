/** Laws of callers that wait for an agent: each is answered once, with how it stands then. */
import { describe, expect, it } from 'vitest';
import { AgentCallers } from '../../src/restate/agent/agent-callers.ts';

function rig() {
  const answered: unknown[] = [];
  const state = {
    life: { context: { incarnation: 3 } },
    spec: { id: 'ada', module: 'm', startTimeoutMs: 5 },
    starting: [] as string[],
    ending: [] as string[],
    holding: [] as string[],
  };
  let looks = 0;
  const owner = {
    state,
    get record() {
      return (looks += 1);
    },
    answer: (token: string, answer: { value?: unknown; refusal?: { code: string } }) =>
      void answered.push([token, answer.refusal?.code ?? answer.value]),
  };
  return {
    state,
    callers: new AgentCallers(owner as never),
    answered: () => answered.splice(0),
    looks: () => looks,
  };
}

describe('callers of a start', () => {
  it('are all answered with the incarnation that has started, once', () => {
    const { callers, answered } = rig();
    callers.forStart('a');
    callers.forStart(undefined);
    callers.forStart('b');
    callers.answerStart();
    callers.answerStart();
    expect(answered()).toEqual([
      ['a', 3],
      ['b', 3],
    ]);
  });

  it('are refused where it has failed', () => {
    const { callers, answered } = rig();
    callers.forStart('a');
    callers.answerStart({ error: { name: 'Error', message: 'no' } });
    expect(answered()).toEqual([['a', 'AGENT_START_FAILED']]);
  });

  it('and those that forget it are answered without a value', () => {
    const { callers, answered } = rig();
    callers.forStart('a');
    callers.answerForgotten();
    callers.answerForgotten();
    expect(answered()).toEqual([['a', undefined]]);
  });
});

it('callers of an end are answered with one record, which is not read where nobody waits', () => {
  const { callers, answered, looks } = rig();
  callers.answerEnd();
  expect(looks()).toBe(0);
  callers.forEnd('a');
  callers.forEnd(undefined);
  callers.forEnd('b');
  callers.answerEnd();
  callers.answerEnd();
  expect(answered()).toEqual([
    ['a', 1],
    ['b', 1],
  ]);
});

it('callers of pause and resume are answered when the step has ended in which that came, once, and no other', () => {
  const { callers, answered, state } = rig();
  callers.forHold('a');
  callers.forHold(undefined);
  callers.stepEnded();
  expect(answered()).toEqual([]);
  callers.heldOrResumed();
  callers.forHold('b');
  callers.heldOrResumed();
  callers.forHold('c');
  callers.stepEnded();
  callers.stepEnded();
  expect(answered()).toEqual([
    ['a', 1],
    ['b', 2],
  ]);
  expect(state.holding).toEqual(['c']);
});
