/** What an agent throws becomes data that is kept and passed on: however long it is, that stays short. */
import { describe, expect, it } from 'vitest';
import { defineAgent, type ExitReason } from '../../src/index.ts';
import { errorInfoOf } from '../../src/runtime/values/errors.ts';
import { settled } from '../../src/testing/index.ts';
import { refusal, rig } from '../kit/rig.ts';

const LONG = 'long '.repeat(2_000_000);

describe('an error as data', () => {
  it('keeps the beginning of a long message, and says how long it was', () => {
    const { message } = errorInfoOf(new Error(LONG));
    expect(message).toHaveLength(8_192 + '... (cut, of 10000000 characters)'.length);
    expect(message).toMatch(/^long long .*\.\.\. \(cut, of 10000000 characters\)$/);
  });
  it('keeps where it was thrown, however long its message is', () => {
    const { stack } = errorInfoOf(new Error(LONG));
    expect(stack).toMatch(/\(cut, of 10000000 characters\)\n +at .*long-errors\.test\.ts/);
  });
  it('keeps the beginning of a long stack, name and code', () => {
    const info = errorInfoOf(Object.assign(new Error('m'), { stack: LONG, name: LONG, code: LONG }));
    expect(info.stack?.length).toBeLessThan(16_500);
    expect(info.name.length + String(info.code).length).toBeLessThan(700);
  });
  it('does so with its causes', () => {
    const { cause } = errorInfoOf(new Error('m', { cause: new Error(LONG) }));
    expect(cause?.message.length).toBeLessThan(8_300);
  });
  it('holds no half of a character', () => {
    const { message } = errorInfoOf(new Error(`${'x'.repeat(8_191)}${'😀'.repeat(10)}`));
    expect(message.isWellFormed()).toBe(true);
    expect(message).toMatch(/x\.\.\. \(cut, of 8211 characters\)$/);
  });
  it('is as it was where it is not long', () => {
    const error = new RangeError('x'.repeat(8_192));
    expect(errorInfoOf(error)).toEqual({ name: 'RangeError', message: error.message, stack: error.stack });
  });
});

it('an agent that throws megabytes leaves little of them in events, and to its next incarnation', async () => {
  const stops: (ExitReason | undefined)[] = [];
  const thrower = defineAgent({
    type: 'thrower',
    onTaskError: 'crash',
    init: ({ previousStop }) => {
      stops.push(previousStop);
      return {};
    },
    tasks: {
      fail: {
        run: () => {
          throw new Error(LONG);
        },
      },
    },
  });
  const { agents, clock, events } = await rig();
  const id = await agents.register({ module: thrower, restart: { policy: 'immediate', delayMs: 1 } });
  await agents.start(id);
  const { message, cause } = await refusal(agents.execute(id, { type: 'fail' }));
  expect(message.length).toBeLessThan(10_000);
  // Its caller has the very error.
  expect((cause as Error).message).toBe(LONG);
  await clock.advance(1);
  await settled();
  expect(stops).toHaveLength(2);
  expect(JSON.stringify(stops).length).toBeLessThan(40_000);
  expect(events.map(({ type }) => type)).toContain('agent.crashed');
  for (const event of events) expect(JSON.stringify(event).length).toBeLessThan(100_000);
});
