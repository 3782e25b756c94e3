/** An event as a line: its number, its type, and whom and what it is about. */
import { expect, it } from 'vitest';
import type { SystemEvent } from '../../../src/index.ts';
import { inLine } from '../../../src/testing/simulate-fleet/event-line.ts';

const line = (type: string, fields: object = {}) =>
  inLine({ sequence: 7, at: 0, type, ...fields } as SystemEvent);

it.each<[string, object, string]>([
  ['coordination.lost', {}, ''],
  ['agent.registered', { agentId: 'a' }, ' a'],
  ['agent.started', { agentId: 'a', incarnation: 2 }, ' a/2'],
  ['task.started', { agentId: 'a', incarnation: 2, taskId: 't' }, ' a/2 t'],
  ['round.voted', { agentId: 'a', incarnation: 2, roundId: 'r' }, ' a/2 r'],
  ['variable.changed', { name: 'rate', version: 3 }, ' rate v3'],
  // A name alone is not a variable's.
  ['schedule.fired', { name: 'nightly' }, ''],
  ['agent.crashed', { agentId: 'a', incarnation: 1, reason: 'out_of_memory' }, ' a/1 out_of_memory'],
  ['agent.crashed', { agentId: 'a', incarnation: 1, reason: { exitCode: 3 } }, ' a/1 {"exitCode":3}'],
])('%s with %o', (type, fields, rest) => {
  expect(line(type, fields)).toBe(`#7 ${type}${rest}`);
});

it('of a long reason the first 80 characters are shown, with the space before it', () => {
  expect(line('agent.crashed', { reason: 'x'.repeat(79) })).toBe(`#7 agent.crashed ${'x'.repeat(79)}`);
  expect(line('agent.crashed', { reason: 'x'.repeat(80) })).toBe(`#7 agent.crashed ${'x'.repeat(79)}`);
});
