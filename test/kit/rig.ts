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

/** Longer than all that a system waits for at its end: deadlines, grace, a store that does not answer. */
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

/** Chance is 0 unless a test says otherwise: a backoff is then half of its ceiling. */
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

/** What is refused with; anything but an `AgentSystemError` fails the test, and so does no refusal. */
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

/** What has become of a promise by now: its value, the code it was refused with, or that it is `pending`. */
export async function fateOf(promise: Promise<unknown>): Promise<unknown> {
  let fate: unknown = 'pending';
  promise.then(
    (value) => (fate = { value }),
    (thrown: unknown) => (fate = thrown instanceof AgentSystemError ? thrown.code : { thrown }),
  );
  await settled();
  return fate;
}

/** The very promise, whose refusal a test looks at later. */
export function awaited<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => undefined);
  return promise;
}

/** A promise that a test settles. */
export function gate<Value = void>(): PromiseWithResolvers<Value> {
  return Promise.withResolvers<Value>();
}
