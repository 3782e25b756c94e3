/** What the tools for tests are made with is read like everything else that callers hand in. */
import { expect, test } from 'vitest';
import { scriptedHost, seededRandom, simulatedClock } from '../../src/testing/index.ts';
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
