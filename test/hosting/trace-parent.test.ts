/** Laws of work within a trace: whatever the program's tracing does around it, it is done once and ends as it ends. */
import { type Context, context, type ContextManager, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { afterEach, describe, expect, it } from 'vitest';
import { activeTrace, traceOf, withinTrace } from '../../src/runtime/hosting/trace-parent.ts';

const parent = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 };
const broken = (): never => {
  throw new Error('no context');
};

type With = (given: Context, run: () => unknown) => unknown;
const managers: Readonly<Record<string, Partial<{ active: () => Context; with: With }>>> = {
  'throws before it runs anything': { with: broken },
  'throws after it has run it': {
    with: (_, run) => {
      run();
      return broken();
    },
  },
  'runs nothing': { with: () => undefined },
  'runs it twice': {
    with: (_, run) => {
      run();
      return run();
    },
  },
  'has no context': { active: broken },
};

afterEach(() => context.disable());

describe.each(Object.entries(managers))('where the context manager %s', (_, given) => {
  const manage = (): void => {
    const manager = {
      active: () => ROOT_CONTEXT,
      with: (__: Context, run: () => unknown) => run(),
      ...given,
    };
    const whole = { ...manager, bind: (___: Context, target: unknown) => target, enable: () => whole };
    context.setGlobalContextManager({ ...whole, disable: () => whole } as unknown as ContextManager);
  };

  it('work is done once, with its own result', () => {
    manage();
    let runs = 0;
    expect(withinTrace(parent, () => (runs += 1))).toBe(1);
    expect(runs).toBe(1);
  });

  it('what the work throws is what is thrown', () => {
    manage();
    let runs = 0;
    const failing = () => {
      runs += 1;
      throw new RangeError('of the work');
    };
    expect(() => withinTrace(parent, failing)).toThrow(RangeError);
    expect(runs).toBe(1);
  });
});

it('no span is active where nobody can say which', () => {
  const manager = { active: broken, with: broken, bind: broken, enable: broken, disable: () => manager };
  context.setGlobalContextManager(manager);
  expect(activeTrace()).toBeUndefined();
});

it('the active span names the parent of those that an agent starts', () => {
  const span = trace.wrapSpanContext(parent);
  const recording = Object.assign(Object.create(span) as typeof span, { isRecording: () => true });
  const active = () => trace.setSpan(ROOT_CONTEXT, recording);
  const manager = { active, with: broken, bind: broken, enable: broken, disable: () => manager };
  context.setGlobalContextManager(manager);
  expect(activeTrace()).toEqual(parent);
});

it.each([
  [undefined],
  [{}],
  [{ ...parent, traceId: () => 'a' }],
  [{ ...parent, spanId: 7 }],
  [{ ...parent, traceFlags: '1' }],
])('of a context that is none no parent is named: %o', (given) => {
  expect(traceOf(given as never)).toBeUndefined();
});
