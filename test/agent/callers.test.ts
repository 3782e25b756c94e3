/** Callers that wait for the same thing of an agent are all told, each once. */
import { describe, expect, it } from 'vitest';
import { AgentSystemError } from '../../src/index.ts';
import { Callers } from '../../src/runtime/agent/callers.ts';
import { LifeCallers } from '../../src/runtime/agent/life-callers.ts';
import type { AgentRecord } from '../../src/runtime/agent/agent-record.ts';

const why = new AgentSystemError('SYSTEM_CLOSED', 'the system is closed');
const failed = new AgentSystemError('AGENT_START_FAILED', 'no init');
const [first, second] = ['first', 'second'].map((id) => ({ id }) as AgentRecord) as [
  AgentRecord,
  AgentRecord,
];
const settledOf = async (waiting: readonly Promise<unknown>[]): Promise<unknown[]> =>
  (await Promise.allSettled(waiting)).map((one) =>
    one.status === 'fulfilled' ? one.value : (one.reason as unknown),
  );

describe.each([1, 2, 3])('%i callers of one thing', (count) => {
  const waitingFor = () => {
    const callers = new Callers<string>();
    const asked: string[] = [];
    const waiting = Array.from({ length: count }, (_, n) =>
      callers.wait((told) => {
        asked.push(`${n} ${told}`);
        return `${told} for ${n}`;
      }),
    );
    return { callers, asked, waiting };
  };

  it('are told in the order of asking, each by its own answer', async () => {
    const { callers, asked, waiting } = waitingFor();
    callers.toTell('ready').committed();
    expect(asked).toEqual(waiting.map((_, n) => `${n} ready`));
    expect(await settledOf(waiting)).toEqual(waiting.map((_, n) => `ready for ${n}`));
  });

  it('are refused with one error', async () => {
    const { callers, asked, waiting } = waitingFor();
    callers.refuse(why);
    expect(await settledOf(waiting)).toEqual(waiting.map(() => why));
    expect(asked).toEqual([]);
  });
});

describe('callers of a life', () => {
  it('of a start are told the incarnation once that is kept; who asks later waits for the next start', async () => {
    const callers = new LifeCallers();
    expect(callers.answerStart(1)).toBeUndefined();
    const both = [callers.forStart((incarnation) => incarnation), callers.forStart((n) => `life ${n}`)];
    expect(callers.isStartAwaited).toBe(true);
    const told = callers.answerStart(3);
    expect(callers.isStartAwaited).toBe(false);
    const later = callers.forStart((incarnation) => incarnation);
    told?.committed();
    expect(await settledOf(both)).toEqual([3, 'life 3']);
    callers.answerStart(4)?.committed();
    expect(await later).toBe(4);
  });

  it.each<[string, AgentSystemError | undefined, AgentSystemError | undefined, AgentSystemError]>([
    ['its failure', failed, undefined, failed],
    ['the failure of the store', undefined, why, why],
    ['its own failure, where both have failed', failed, why, failed],
  ])('of a start are refused with %s', async (_, failure, error, told) => {
    const callers = new LifeCallers();
    const waiting = callers.forStart((incarnation) => incarnation);
    callers.answerStart(1, failure)?.committed(error);
    expect(await settledOf([waiting])).toEqual([told]);
  });

  it('of an end get the record of that end, whatever comes before it is kept', async () => {
    const callers = new LifeCallers();
    const waiting = [callers.forEnd(), callers.forEnd()];
    expect(callers.isEndAwaited).toBe(true);
    const told = callers.answerEnd(first);
    expect(callers.isEndAwaited).toBe(false);
    const later = callers.forEnd();
    told?.committed();
    expect(await settledOf(waiting)).toEqual([first, first]);
    callers.answerEnd(second)?.committed(why);
    expect(await settledOf([later])).toEqual([why]);
    expect(callers.answerEnd(second)).toBeUndefined();
  });

  it('of a pause get the record as it is once that is kept', async () => {
    const callers = new LifeCallers();
    let record = first;
    const waiting = callers.forHold(() => record);
    const told = callers.answerHold();
    record = second;
    told?.committed();
    expect(await waiting).toBe(second);
    const refused = callers.forHold(() => record);
    callers.answerHold()?.committed(why);
    expect(await settledOf([refused])).toEqual([why]);
    expect(callers.answerHold()).toBeUndefined();
  });

  it('are all refused when the system has ended', async () => {
    const callers = new LifeCallers();
    const waiting = [
      callers.forStart((n) => n),
      callers.forEnd(),
      callers.forHold(() => first),
      callers.forEnd(),
    ];
    callers.refuse(why);
    expect(await settledOf(waiting)).toEqual([why, why, why, why]);
  });
});
