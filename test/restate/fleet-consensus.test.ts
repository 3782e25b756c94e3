/** Laws of a proposer's own fallback in a fleet: no server, an engine that says how the round has ended. */
import { expect, it } from 'vitest';
import { FleetConsensus } from '../../src/restate/client/fleet-consensus.ts';
import { AgentSystemError } from '../../src/index.ts';
import { refusal } from '../kit/rig.ts';

const decision = { roundId: 'r1', outcome: 'rejected' };

function consensus({ isConsulted = true, set = async (): Promise<unknown> => ({ version: 3 }) } = {}) {
  const sets: unknown[] = [];
  const faults: string[] = [];
  const engine = { assertOpen: () => undefined, call: async () => ({ value: { decision, isConsulted } }) };
  const variables = {
    judged: async (_: string, value: unknown) => value,
    get: async () => ({ value: 1 }),
    set: (...given: unknown[]) => {
      sets.push(given);
      return set();
    },
  };
  const report = (message: string, thrown: unknown) => {
    faults.push(`${message}: ${(thrown as Error).message}`);
  };
  const of = new FleetConsensus(engine as never, variables as never, report);
  const propose = (fallback: (failed: unknown) => unknown, deadlineMs = 60_000) =>
    of.propose({ variable: 'rate', value: 2, by: 'ann', deadlineMs, fallback });
  return { propose, sets, faults };
}

it('it is given the proposal that failed, and its value is put into force, with who proposed and for which round', async () => {
  const { propose, sets, faults } = consensus();
  const given: unknown[] = [];
  const decided = await propose((failed) => (given.push(failed), 7));
  expect(given).toEqual([{ roundId: 'r1', variable: 'rate', value: 2, current: 1, outcome: 'rejected' }]);
  expect(sets).toEqual([['rate', 7, { by: 'ann', why: 'fallback of r1', timeoutMs: expect.any(Number) }]]);
  expect(decided).toEqual({ ...decision, version: 3, decidedBy: 'fallback' });
  expect(faults).toEqual([]);
});

it('it is not asked where the round needs none, and changes nothing where it gives none', async () => {
  const unasked = consensus({ isConsulted: false });
  expect(await unasked.propose(() => 7)).toEqual(decision);
  const silent = consensus();
  expect(await silent.propose(() => undefined)).toEqual(decision);
  expect([unasked.sets, silent.sets, silent.faults]).toEqual([[], [], []]);
});

it('one that throws, or answers too late, changes nothing: the decision says why, and so does the log', async () => {
  const throwing = consensus();
  const thrown = await throwing.propose(() => {
    throw new Error('no idea');
  });
  expect(thrown).toEqual({ ...decision, problem: 'no idea' });
  expect(throwing.faults).toEqual(['the fallback of r1 on "rate" failed: no idea']);
  const slow = consensus();
  const late = 'the fallback was dropped: no answer within 1 ms';
  expect(await slow.propose(() => new Promise(() => undefined), 1)).toEqual({ ...decision, problem: late });
  expect(slow.faults).toEqual([`the fallback of r1 on "rate" failed: ${late}`]);
  expect([throwing.sets, slow.sets]).toEqual([[], []]);
});

const refusing = (code: 'VARIABLE_INVALID' | 'STORE_FAILED') =>
  consensus({
    set: async () => {
      throw new AgentSystemError(code, `it is ${code}`);
    },
  });

it('a value that is refused stays away, and says so; one of which nobody knows is an error', async () => {
  const invalid = refusing('VARIABLE_INVALID');
  expect(await invalid.propose(() => 7)).toEqual({ ...decision, problem: 'it is VARIABLE_INVALID' });
  const unknown = refusing('STORE_FAILED');
  expect(await refusal(unknown.propose(() => 7))).toMatchObject({ code: 'STORE_FAILED' });
  expect(unknown.faults).toEqual([]);
});
