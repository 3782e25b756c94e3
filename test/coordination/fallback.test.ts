/** Laws of what follows a round that did not accept its value. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type AnyAgentDefinition, type ProposalOptions, variable } from '../../src/index.ts';
import { settled } from '../../src/testing/index.ts';
import { failingStore } from '../journal/failing-store.ts';
import { awaited, codeOf, fateOf, rig } from '../kit/rig.ts';
import { NEVER, voter, yes, no, hung, fleet, defining } from './voters.ts';

describe('fallback', () => {
  it('retry: so many more rounds, each with the electorate of its moment', async () => {
    const { propose, eventsOf, clock, agents } = await fleet([hung, no]);
    const round = propose({ fallback: { retry: 2 }, quorum: 1, deadlineMs: 100 });
    await clock.advance(100);
    await agents.kill('hung0');
    await clock.advance(100);
    expect(await round).toMatchObject({ outcome: 'rejected', rounds: 3, electorate: ['no1'] });
    expect(eventsOf('round.opened').map(({ electorate }) => electorate.length)).toEqual([2, 2, 1]);
    expect(new Set(eventsOf('round.opened').map(({ roundId }) => roundId)).size).toBe(3);
    expect(eventsOf('round.closed').map(({ outcome }) => outcome)).toEqual([
      'no_quorum',
      'rejected',
      'rejected',
    ]);
  });

  it('retry: ends with the first round that accepts', async () => {
    let asked = 0;
    const waverer = voter('waverer', () => (++asked < 3 ? 'reject' : 'accept'));
    const { propose } = await fleet([waverer]);
    expect(await propose({ fallback: { retry: 9 } })).toMatchObject({ outcome: 'accepted', rounds: 3 });
  });

  it('custom: may give another value, or none', async () => {
    const { propose, system } = await fleet([no]);
    const told: unknown[] = [];
    const other = await propose({
      by: 'me',
      fallback: (failed) => {
        told.push(failed);
        return 0.25;
      },
    });
    expect(other).toMatchObject({ outcome: 'rejected', decidedBy: 'fallback', version: 2 });
    const { roundId } = other;
    expect(told).toEqual([{ roundId, variable: 'lr', value: 0.5, current: 0.1, outcome: 'rejected' }]);
    expect(system.variables.history('lr').at(-1)).toMatchObject({
      value: 0.25,
      by: 'me',
      why: `fallback of ${roundId}`,
    });
    const none = await propose({ fallback: () => undefined });
    expect([none.outcome, none.version, none.decidedBy]).toEqual(['rejected', undefined, 'voters']);
  });

  it('custom: one that throws, hangs or gives a bad value keeps the current one, and says why', async () => {
    const { propose, system, clock } = await fleet([no]);
    const thrown = await propose({
      fallback: () => {
        throw new Error('mine');
      },
    });
    expect([thrown.problem, thrown.version]).toEqual(['mine', undefined]);
    expect((await propose({ fallback: () => 7 })).problem).toMatch(/expected a finite number/);
    const hangs = propose({ deadlineMs: 500, fallback: () => NEVER });
    await clock.advance(499);
    expect(await fateOf(hangs)).toBe('pending');
    await clock.advance(1);
    expect(await hangs).toMatchObject({
      outcome: 'rejected',
      problem: 'the fallback was dropped: no answer within 500 ms',
    });
    expect(system.variables.get('lr').version).toBe(1);
  });

  it('custom: one whose value is judged for longer than its deadline is dropped as well', async () => {
    const { system, clock } = await rig();
    const schema = z.number().refine((n) => n < 5 || NEVER.then(() => true));
    await system.variables.define('v', variable.json({ schema, default: 1 }));
    const round = system.consensus.propose({
      variable: 'v',
      value: 2,
      deadlineMs: 500,
      fallback: () => 7,
    });
    await settled();
    await clock.advance(500);
    expect((await round).problem).toMatch(/no answer within 500 ms/);
    expect(system.variables.get('v').version).toBe(1);
  });

  const fallbacks: [string, NonNullable<ProposalOptions['fallback']>][] = [
    ['keep', 'keep'],
    ['a function that keeps the value', () => undefined],
    ['a function that throws', () => Promise.reject(new Error('mine'))],
  ];
  it.each(fallbacks)('%s: answers once the outcome is durable, and not before', async (_, fallback) => {
    const store = failingStore();
    const { propose, eventsOf } = await fleet([no], { rig: await defining(store) });
    store.trouble = 'hangs';
    const round = propose({ fallback });
    expect(await fateOf(round)).toBe('pending');
    for (let commit = 0; commit < 3 && eventsOf('round.closed').length === 0; commit++) {
      expect(await fateOf(round)).toBe('pending');
      await store.answer(true);
    }
    expect(eventsOf('round.closed')).toHaveLength(1);
    expect(await round).toMatchObject({ outcome: 'rejected' });
    store.trouble = undefined;
    await store.answer(true);
  });

  it.each(fallbacks)('%s: with a store that fails, the failure is the answer', async (_, fallback) => {
    const store = failingStore();
    const { propose } = await fleet([no], { rig: await defining(store) });
    store.trouble = 'throws';
    expect(await codeOf(propose({ fallback }))).toBe('STORE_FAILED');
    store.trouble = undefined;
  });

  it('is not tried where a tie keeps the value', async () => {
    const { propose } = await fleet([yes, no]);
    const kept = await propose({ tie: 'keep', fallback: { retry: 3 } });
    expect([kept.outcome, kept.rounds]).toEqual(['rejected', 1]);
    expect((await propose({ fallback: { retry: 3 } })).rounds).toBe(4);
  });
});

/** Accepted by one voter at once; the other is waited for. */
async function ruledOut(
  fallback: NonNullable<ProposalOptions['fallback']>,
  voters: readonly AnyAgentDefinition[],
) {
  const whole = await fleet(voters);
  await whole.system.variables.define('cap', variable.float({ default: 1 }));
  whole.system.variables.constrain(['lr', 'cap'], ({ lr, cap }) => (lr as number) <= (cap as number));
  const round = awaited(whole.propose({ quorum: 1, fallback }));
  await settled();
  await whole.system.variables.set('cap', 0.3);
  await whole.agents.kill(whole.ids[1]!);
  return { ...whole, round };
}

describe('a value that other variables rule out while it is voted on', () => {
  it('and accepted has its fallback follow: a retry is not held, for it would be of the same value', async () => {
    const { round, eventsOf, system } = await ruledOut({ retry: 2 }, [yes, hung]);
    const decision = await round;
    expect(decision).toMatchObject({ outcome: 'expired', cut: 'superseded', rounds: 1 });
    expect(decision.problem).toMatch(/constraint on lr, cap/);
    expect(eventsOf('round.closed')).toMatchObject([{ outcome: 'expired', cut: 'superseded' }]);
    expect(system.variables.get('lr').value).toBe(0.1);
  });

  it('and accepted has its fallback follow: one of the caller is asked, and may give another value', async () => {
    const { round, eventsOf, system } = await ruledOut(() => 0.2, [yes, hung]);
    expect(await round).toMatchObject({ outcome: 'expired', decidedBy: 'fallback', version: 2, rounds: 1 });
    expect(eventsOf('round.closed')).toMatchObject([{ outcome: 'expired', cut: 'superseded' }]);
    expect(system.variables.get('lr').value).toBe(0.2);
  });

  it('and rejected is not voted on again', async () => {
    const { round, eventsOf } = await ruledOut({ retry: 2 }, [no, hung]);
    const decision = await round;
    expect(decision).toMatchObject({ outcome: 'rejected', rounds: 1 });
    expect(decision.problem).toMatch(/constraint on lr, cap/);
    expect(eventsOf('round.opened')).toHaveLength(1);
  });
});
