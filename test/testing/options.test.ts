/** What the tools for tests are made with is read like everything else that callers hand in. */
import { expect, test } from 'vitest';
import { defineAgent } from '../../src/index.ts';
import {
  describeAgent,
  scriptedHost,
  seededRandom,
  simulatedClock,
  simulateFleet,
} from '../../src/testing/index.ts';
import { refusal } from '../kit/rig.ts';

test.each<[string, (came: never) => unknown, unknown, RegExp]>([
  ['simulatedClock', simulatedClock, null, /: .*got null$/],
  ['simulatedClock', simulatedClock, { startAt: NaN }, /: startAt: .*got NaN$/],
  ['simulatedClock', simulatedClock, { startAt: '2026' }, /: startAt: .*got "2026"$/],
  ['simulatedClock', simulatedClock, { start: 0 }, /: start: unknown option \(.*\), got 0$/],
  ['seededRandom', seededRandom, undefined, /: seed: .*got undefined$/],
  ['seededRandom', seededRandom, 0.5, /: seed: .*got 0\.5$/],
  ['seededRandom', seededRandom, '7', /: seed: .*got "7"$/],
  ['scriptedHost', scriptedHost, null, /: .*got null$/],
  ['scriptedHost', scriptedHost, { isolation: 'moon' }, /: isolation: .*got "moon"$/],
  ['scriptedHost', scriptedHost, { manifest: 7 }, /: manifest: expected an object, got 7$/],
  ['scriptedHost', scriptedHost, { onOpen: 'ready' }, /: onOpen: expected a function, got "ready"$/],
  ['scriptedHost', scriptedHost, { onopen: 1 }, /: onopen: unknown option \(.*\), got 1$/],
])('%s: case %# is refused, saying what was expected and what came', async (name, make, came, message) => {
  const refused = await refusal(() => make(came as never));
  expect(refused.code).toBe('AGENT_SPEC_INVALID');
  expect(refused.message).toMatch(message);
  expect(refused.message.startsWith(`${name}: `)).toBe(true);
});

const idle = defineAgent({ type: 'idle', init: () => ({}), tasks: {} });

test.each(Object.entries({ patienceMs: 0, walks: 0, walkLength: 1, coverage: 0 }))(
  'describeAgent: %s may be %d, and no less',
  (option, least) => {
    const runner = { describe: () => {}, it: () => {} };
    expect(() => describeAgent(idle, { ...runner, [option]: least })).not.toThrow();
    expect(() => describeAgent(idle, { ...runner, [option]: least - 1 })).toThrow(
      `describeAgent: ${option}: `,
    );
  },
);

test('describeAgent: a runner is both of its functions', () => {
  for (const half of [{ describe: () => {} }, { it: () => {} }])
    expect(() => describeAgent(idle, half)).toThrow('describeAgent: expected a test runner');
});

const fleetOf = (count: number) => ({ agents: [{ module: idle, count }], hours: 0.01 });

test('simulateFleet: there may be one agent of a kind, and no fewer', async () => {
  expect(await simulateFleet(fleetOf(1))).toMatchObject({ finding: undefined });
  await expect(simulateFleet(fleetOf(0))).rejects.toThrow(/agents.*count: /);
});
