import { expect, it } from 'vitest';
import { type AgentStatus, hasBody, showLife, type ShownLife } from '../../src/machines/index.ts';

const PARKED = { since: 5, limit: 'quota', name: 'q' } as unknown as NonNullable<ShownLife['parked']>;
const PAUSED = { since: 4 } as unknown as NonNullable<ShownLife['paused']>;
const life = {
  reason: 'normal',
  restartAt: 1,
  startedAt: 2,
  endedAt: 3,
  paused: PAUSED,
  parked: PARKED,
} as const;

it.each<[AgentStatus, readonly (keyof ShownLife)[]]>([
  ['registered', ['reason', 'startedAt', 'endedAt', 'paused']],
  ['starting', ['startedAt', 'paused']],
  ['running', ['startedAt', 'paused', 'parked']],
  ['unresponsive', ['startedAt', 'paused', 'parked']],
  ['stopping', ['startedAt', 'paused']],
  ['stopped', ['reason', 'startedAt', 'endedAt', 'paused']],
  ['completed', ['reason', 'startedAt', 'endedAt', 'paused']],
  ['crashed', ['reason', 'restartAt', 'startedAt', 'endedAt', 'paused']],
])('an agent that is %s shows of its life %j, and no field that has no value', (status, fields) => {
  const shown = {};
  showLife(shown, life, status);
  expect(shown).toEqual(Object.fromEntries(fields.map((field) => [field, life[field]])));
  const empty = {};
  const nothing = Object.fromEntries(Object.keys(life).map((field) => [field, undefined]));
  showLife(empty, nothing as never, status);
  expect(Object.keys(empty)).toEqual([]);
  expect(hasBody(status)).toBe(!fields.includes('endedAt'));
});
