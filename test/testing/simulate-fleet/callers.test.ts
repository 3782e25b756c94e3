/** Laws of the callers of simulated fleets: each is answered by its time, and refused by the system alone. */
import { describe, expect, it } from 'vitest';
import { AgentSystemError } from '../../../src/index.ts';
import { settled } from '../../../src/testing/index.ts';
import { SimulatedCallers } from '../../../src/testing/simulate-fleet/callers.ts';
import { FleetJudge } from '../../../src/testing/simulate-fleet/fleet-judge.ts';
import { broken } from '../../../src/testing/simulate-fleet/laws.ts';

function rig() {
  const judge = new FleetJudge({
    maxConcurrentRestarts: 1,
    budgets: [],
    secrets: [],
    lacksSecrets: () => false,
  });
  return { judge, callers: new SimulatedCallers(judge, () => 100) };
}
const never = new Promise<never>(() => {});

describe('a caller', () => {
  it('is told its answer, once it is there; what is broken then is found', async () => {
    const { judge, callers } = rig();
    const told: number[] = [];
    callers.ask('one', 0, Promise.resolve(1), (value) => told.push(value));
    callers.ask('none', 0, Promise.resolve(1));
    expect(told).toEqual([]);
    await settled();
    expect(told).toEqual([1]);
    judge.assertHolds();
    callers.judgeQuiet(1_000);
    callers.judgeClosed();
    callers.ask('two', 0, Promise.resolve(2), () => broken('nothing is left', 'two'));
    await settled();
    expect(() => judge.assertHolds()).toThrow('nothing is left: two');
  });

  it('is refused by an error of the system; any other breaks a law', async () => {
    const { judge, callers } = rig();
    callers.ask('one', 0, Promise.reject(new AgentSystemError('SYSTEM_CLOSED', 'closed')));
    await settled();
    judge.assertHolds();
    callers.judgeQuiet(1_000);
    callers.judgeClosed();
    callers.ask('two', 0, Promise.reject(new TypeError('a bug')));
    await settled();
    expect(() => judge.assertHolds()).toThrow('only the system refuses: two: "TypeError: a bug"');
    callers.judgeQuiet(1_000);
  });

  it('is answered by its time, and at it', () => {
    const { callers } = rig();
    callers.ask('one', 50, never);
    callers.judgeQuiet(150);
    expect(() => callers.judgeQuiet(153)).toThrow('every call is answered: one was to be by 3 ms ago');
  });

  it('is answered before its system has closed', async () => {
    const { callers } = rig();
    callers.ask('one', 50, Promise.resolve());
    callers.ask('two', 50, never);
    await settled();
    expect(() => callers.judgeClosed()).toThrow(
      'every call is answered: two was not, and its system has closed',
    );
  });

  it('of a program that has died is told nothing, refused nothing, and waited for no more', async () => {
    const { judge, callers } = rig();
    const told: number[] = [];
    const late = Promise.withResolvers<number>();
    const bug = Promise.withResolvers<number>();
    callers.ask('one', 0, late.promise, (value) => told.push(value));
    callers.ask('two', 0, bug.promise);
    callers.programDied();
    late.resolve(1);
    bug.reject(new TypeError('a bug'));
    await settled();
    expect(told).toEqual([]);
    judge.assertHolds();
    callers.judgeQuiet(1_000);
    callers.judgeClosed();
  });

  it('may be kept waiting by a person: at the agent that has asked, or at a pool while any has', () => {
    const { judge, callers } = rig();
    const overdue = (of: string | { pool: string } | undefined) => {
      callers.programDied();
      callers.ask('one', 0, never, undefined, of);
      try {
        callers.judgeQuiet(101);
        return false;
      } catch {
        return true;
      }
    };
    expect([overdue('a'), overdue({ pool: 'p' }), overdue(undefined)]).toEqual([true, true, true]);
    judge.told.note({
      sequence: 1,
      at: 0,
      type: 'question.asked',
      agentId: 'a',
      questionId: 'q',
      taskId: 't',
    } as never);
    expect(['a', 'b', { pool: 'p' }, undefined].map(overdue)).toEqual([false, true, false, true]);
  });
});
