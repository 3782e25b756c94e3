/**
 * The context of one virtual object, in memory: its state is what was written, as the engine keeps it, its time is set by
 * the test, and what it sends is kept for the test to look at.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type ObjectContext, RestatePromise, type Serde, TimeoutError } from '@restatedev/restate-sdk';
import { expect } from 'vitest';
import { wire } from '../../src/restate/engine/wire.ts';

/** A message, or a call: `agent ada tell`, without the prefix of the service. */
export interface Sent {
  readonly to: string;
  readonly given: unknown;
  readonly delay?: number;
}

type Handlers = Readonly<Record<string, (ctx: ObjectContext, given: unknown) => Promise<unknown>>>;

interface Request {
  readonly service: string;
  readonly key?: string;
  readonly method: string;
  readonly parameter: unknown;
  readonly delay?: number;
}

const copied = (value: unknown): unknown => wire.deserialize(wire.serialize(value));
const named = ({ service, key: of = '', method }: Request): string =>
  [service.replace('mabeam_', ''), of, method].filter((part) => part !== '').join(' ');

export interface ObjectContextOptions {
  readonly key?: string;
  /** Gives the answers to its calls. */
  readonly answer?: (to: string, given: unknown) => unknown;
  /** In [0, 1), each time the next. */
  readonly chance?: () => number;
  /** What its awakeables are answered by. */
  readonly awaited?: unknown;
}

export function objectContext(
  object: unknown,
  { key = 'fleet', answer = () => null, chance = () => 0, awaited = 'its answer' }: ObjectContextOptions = {},
) {
  const kept = new Map<string, Uint8Array>();
  const sent: Sent[] = [];
  const called: Sent[] = [];
  const events: unknown[] = [];
  const resolved: unknown[] = [];
  /** What a step has done after it was over. */
  const late: string[] = [];
  let underWay = 0;
  let now = 0;
  let ids = 0;
  const given = {
    key,
    get: (name: string, serde: Serde<unknown> = wire) => {
      const bytes = kept.get(name);
      return RestatePromise.resolve(bytes === undefined ? null : serde.deserialize(bytes));
    },
    set: (name: string, value: unknown, serde: Serde<unknown> = wire) =>
      void kept.set(name, serde.serialize(value)),
    clear: (name: string) => void kept.delete(name),
    clearAll: () => kept.clear(),
    stateKeys: () => RestatePromise.resolve([...kept.keys()]),
    run: (_: string, act: () => unknown) => {
      const ran = Promise.resolve().then(act).then(copied);
      // What has not been answered after many turns is not answered in time.
      const late = nextTurn()
        .then(nextTurn)
        .then(() => Promise.reject(new TimeoutError()));
      late.catch(() => {});
      return Object.assign(ran, { orTimeout: () => Promise.race([ran, late]) });
    },
    date: { now: () => RestatePromise.resolve(now) },
    rand: { random: chance, uuidv4: () => `id-${(ids += 1)}` },
    awakeable: () => ({ id: 'awaited', promise: RestatePromise.resolve(awaited) }),
    resolveAwakeable: (token: string, value: unknown) => void resolved.push([token, copied(value)]),
    genericSend: ({ delay, ...request }: Request) => {
      const given = copied(request.parameter);
      if (named(request) === 'events fleet append') {
        const { events: told } = given as { events: unknown[] };
        // Each costs the fleet a step.
        expect(told, 'a message without events').not.toEqual([]);
        events.push(...told);
      } else sent.push({ to: named(request), given, ...(delay === undefined ? {} : { delay }) });
    },
    genericCall: (request: Request) => {
      const given = copied(request.parameter);
      called.push({ to: named(request), given });
      const answered = nextTurn()
        .then(() => answer(named(request), given))
        .then(copied);
      // As with the engine, nobody hears of a failure before it waits for the answer.
      answered.catch(() => undefined);
      return RestatePromise.resolve(answered);
    },
    request: () => ({ attemptCompletedSignal: AbortSignal.abort() }),
  };
  const ctx = new Proxy(given, {
    get: (target, name: keyof typeof given) => {
      if (underWay === 0 && typeof target[name] === 'function') late.push(name);
      return target[name];
    },
  }) as unknown as ObjectContext;
  const { object: handlers } = object as { readonly object: Handlers };
  return {
    /** The state's keys. */
    keys: () => [...kept.keys()],
    kept: (name: string) => copied(kept.has(name) ? wire.deserialize(kept.get(name)!) : null),
    keep: (name: string, value: unknown) => void kept.set(name, wire.serialize(value)),
    at: (time: number) => void (now = time),
    /** One step. It is over with all that it does: what it does later would be lost. */
    does: async (handler: string, given: unknown = null): Promise<never> => {
      underWay += 1;
      const answer = await handlers[handler]!(ctx, copied(given)).finally(() => (underWay -= 1));
      await nextTurn();
      expect(late).toEqual([]);
      return (answer instanceof Uint8Array ? wire.deserialize(answer) : copied(answer)) as never;
    },
    // What there is since it was looked at last.
    sent: () => sent.splice(0),
    called: () => called.splice(0),
    events: () => events.splice(0),
    resolved: () => resolved.splice(0),
  };
}
