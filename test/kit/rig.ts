/**
 * A system on simulated time for one test, with everything it told. It is closed when the test is over, and has
 * then to have left no timer behind.
 */
import { pino } from 'pino';
import { expect, onTestFinished } from 'vitest';
import {
  type AgentSystem,
  AgentSystemError,
  type AgentSystemOptions,
  createAgentSystem,
  type ErrorCode,
  type SystemEvent,
  type SystemEventType,
} from '../../src/index.ts';
import { settled, type SimulatedClock, simulatedClock } from '../../src/testing/index.ts';

export const silent = pino({ level: 'silent' });

/** Longer than anything a closing system waits for: deadlines, grace, a silent store. */
const LONG_MS = 120_000;

export interface Rig {
  readonly system: AgentSystem;
  readonly agents: AgentSystem['agents'];
  readonly clock: SimulatedClock;
  /** What a subscriber has heard so far, in order. */
  readonly events: readonly SystemEvent[];
  /** Events of one type, in order. */
  readonly eventsOf: <Type extends SystemEventType>(type: Type) => Extract<SystemEvent, { type: Type }>[];
}

/** `random` is 0 unless a test gives another: a backoff is then half of its ceiling. */
export async function rig({
  clock = simulatedClock(),
  ...options
}: Omit<AgentSystemOptions, 'clock'> & { readonly clock?: SimulatedClock } = {}): Promise<Rig> {
  const system = await createAgentSystem({ clock, random: () => 0, logger: silent, ...options });
  const events: SystemEvent[] = [];
  system.events.subscribe((event) => events.push(event));
  onTestFinished(async () => {
    const closed = system.close({ timeoutMs: 0 });
    await clock.advance(LONG_MS);
    await closed;
    expect(clock.pending()).toEqual([]);
  });
  return {
    system,
    agents: system.agents,
    clock,
    events,
    eventsOf: (type) => events.filter((event) => event.type === type) as never,
  };
}

/** The error that `work` is refused with. The test fails without a refusal, and for any other error. */
export async function refusal(work: Promise<unknown> | (() => unknown)): Promise<AgentSystemError> {
  let came: unknown;
  try {
    came = await (typeof work === 'function' ? work() : work);
  } catch (thrown) {
    if (thrown instanceof AgentSystemError) return thrown;
    throw new Error('expected an AgentSystemError', { cause: thrown });
  }
  throw new Error(`expected a refusal, got ${String(came)}`);
}

export async function codeOf(work: Promise<unknown> | (() => unknown)): Promise<ErrorCode> {
  return (await refusal(work)).code;
}

/** A promise's fate so far: its value, the code of its refusal, or `pending`. */
export async function fateOf(promise: Promise<unknown>): Promise<unknown> {
  let fate: unknown = 'pending';
  promise.then(
    (value) => (fate = { value }),
    (thrown: unknown) => (fate = thrown instanceof AgentSystemError ? thrown.code : { thrown }),
  );
  await settled();
  return fate;
}

/** The same promise, marked as handled: the test looks at its refusal later. */
export function awaited<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => undefined);
  return promise;
}

/** A promise that a test settles. */
export function gate<Value = void>(): PromiseWithResolvers<Value> {
  return Promise.withResolvers<Value>();
}
