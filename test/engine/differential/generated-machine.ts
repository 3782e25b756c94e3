/**
 * Machines over everything that the compiler supports, made from chance.
 *
 * Their context counts; guards and delays look at the counts and at the event, assigns change them, effects carry
 * them out. Now and then a function throws, and an effect asks its performer to send an event at once.
 */
import {
  and,
  type AnyStateMachine,
  assign,
  cancel,
  createMachine,
  emit,
  enqueueActions,
  type EventObject,
  log,
  not,
  or,
  raise,
  sendTo,
  spawnChild,
  stateIn,
  stopChild,
} from 'xstate';
import { CHILDREN, type Move } from './chart-world.ts';
import type { Draw } from './draw.ts';

interface Counts {
  readonly n: number;
  readonly m: number;
  readonly last?: unknown;
}
interface Counted extends EventObject {
  readonly n?: number;
}
interface There {
  readonly context: Counts;
  readonly event: Counted;
}
type Config = Record<string, unknown>;

const SENT = ['a', 'b', 'c', 'a.b', 'a.b.c', 'a.z', 'd'] as const;
const DESCRIPTORS = [...SENT, 'a.*', 'a.b.*', '*', 'xstate.done.actor.*', 'xstate.error.actor.*'] as const;
/** Most children are quiet. */
const SOURCES = ['quiet', 'answers', ...CHILDREN, 'quiet', 'answers'] as const;
const CHILD_IDS = ['kid', 'kin', '7', '3'] as const;
const DEADLINE_IDS = ['soon', 'later'] as const;

/** Each part sees the context as it was before. */
const ASSIGNED: Config = {
  n: (_: There, params?: { k?: number }) => (params?.k ?? 1) % 5,
  last: ({ context }: There) => context.n,
  m: ({ context }: There) => context.m,
};

/** A definition, and what its guards and actions are called. */
export function machineOf(draw: Draw): AnyStateMachine {
  return new Maker(draw).machine();
}

/** What is done to a chart of such a machine. */
export function movesOf(draw: Draw, length: number): Move[] {
  return Array.from({ length }, (): Move => {
    const which = draw.below(6);
    switch (draw.below(14)) {
      case 0:
      case 1:
      case 2:
        return { do: 'fire', which };
      case 3:
        return { do: 'childDone', which, output: { n: draw.below(4) } };
      case 4:
        return { do: 'childError', which, error: new Error('child') };
      case 5:
        return { do: 'childSend', which, event: eventOf(draw) };
      case 6:
        if (draw.once(40)) return { do: 'stop' };
        if (draw.once(20)) return { do: 'send', event: { type: draw.of(['xstate.stop', 'xstate.init']) } };
        return { do: 'send', event: eventOf(draw) };
      default:
        return { do: 'send', event: eventOf(draw) };
    }
  });
}

/** The chart itself, until it has counted. */
const toSelf = ({ context }: There): string | undefined => (context.m > 6 ? 'nobody' : undefined);

function eventOf(draw: Draw): Counted {
  return { type: draw.of(SENT), n: draw.below(4) };
}

interface Place {
  readonly key: string;
  readonly id: string;
  readonly parent: Place | undefined;
  readonly type: 'atomic' | 'compound' | 'parallel' | 'final' | 'history';
  readonly inner: Place[];
}

class Maker {
  readonly #draw: Draw;
  readonly #places: Place[] = [];
  readonly #actions: Config = {};
  readonly #guards: Config = {};
  readonly #delays: Config = {};
  #names = 0;

  constructor(draw: Draw) {
    this.#draw = draw;
  }

  machine(): AnyStateMachine {
    const draw = this.#draw;
    const type = draw.once(30) ? 'atomic' : draw.once(4) ? 'parallel' : 'compound';
    const root = this.#place('m', undefined, type, 0);
    const context = draw.once(4) ? { n: 0, m: 1 } : this.#contextOf();
    const config = { ...this.#config(root), id: 'm', context, ...this.#outputOf(8) };
    return createMachine(
      config as never,
      {
        actions: this.#actions,
        guards: this.#guards,
        delays: this.#delays,
      } as never,
    );
  }

  #contextOf(): unknown {
    return this.#draw.once(100)
      ? this.#throwing('context')
      : ({ input }: { input: { n: number } }) => ({ n: input.n, m: 0 });
  }

  #place(key: string, parent: Place | undefined, type: Place['type'], depth: number): Place {
    const draw = this.#draw;
    const id = parent === undefined ? 'm' : draw.once(3) ? `i${this.#places.length}` : `${parent.id}.${key}`;
    const place: Place = { key, id, parent, type, inner: [] };
    this.#places.push(place);
    if (type !== 'compound' && type !== 'parallel') return place;
    const count = 1 + draw.below(depth === 0 ? 4 : 3);
    for (let at = 0; at < count; at++) {
      place.inner.push(this.#place(this.#keyOf(at), place, this.#typeIn(place, at, depth), depth + 1));
    }
    if (draw.once(4)) place.inner.push(this.#place('h', place, 'history', depth + 1));
    return place;
  }

  #typeIn({ type, parent }: Place, at: number, depth: number): Place['type'] {
    const draw = this.#draw;
    const mayBeFinal = type === 'compound' && at > 0;
    if (mayBeFinal && draw.once(parent?.type === 'parallel' ? 2 : 8)) return 'final';
    if (depth === 3) return 'atomic';
    const kind = draw.below(8);
    return kind === 7 ? 'parallel' : kind > 4 ? 'compound' : 'atomic';
  }

  /** Keys that are array indices come first in objects, whatever was said first. */
  #keyOf(at: number): string {
    return this.#draw.once(12) ? String(9 - at) : `s${at}`;
  }

  #config(place: Place): Config {
    const draw = this.#draw;
    const states = Object.fromEntries(place.inner.map((inner) => [inner.key, this.#config(inner)]));
    const own = place.parent !== undefined && place.id.startsWith('i') ? { id: place.id } : {};
    if (place.type === 'history') {
      const siblings = place.parent!.inner.filter(({ type }) => type !== 'history');
      return {
        ...own,
        type: 'history',
        history: draw.of(['shallow', 'deep']),
        ...(draw.once(2) ? { target: draw.of(siblings).key } : {}),
      };
    }
    const config: Config = {
      ...own,
      ...(place.type === 'final' || place.type === 'parallel' ? { type: place.type } : {}),
      ...(place.inner.length > 0 ? { states } : {}),
      entry: this.#actionsOf(2),
      exit: this.#actionsOf(2),
    };
    if (place.type === 'compound') {
      const initial = draw.of(place.inner.filter(({ type }) => type !== 'history')).key;
      config.initial = draw.once(4) ? { target: initial, actions: this.#actionsOf(2) } : initial;
    }
    if (place.type === 'final') {
      const invoke = draw.once(4) ? { invoke: this.#invokesOf(place) } : {};
      return { ...config, ...invoke, ...this.#outputOf(2) };
    }
    config.on = Object.fromEntries(draw.some(5, () => [draw.of(DESCRIPTORS), this.#transitionsOf(place)]));
    if (draw.once(6)) config.always = this.#eventlessOf(place);
    if (draw.once(4)) {
      config.after = Object.fromEntries(draw.some(2, () => [this.#delayKey(), this.#transitionsOf(place)]));
    }
    if (place.parent === undefined && !draw.once(3)) {
      config.on = { ...(config.on as object), 'xstate.error.actor.*': { actions: this.#actionsOf(1) } };
    }
    if (draw.once(5)) {
      const invokes = this.#invokesOf(place);
      config.invoke = invokes;
      // Also before they are spawned, and when they are about to be stopped.
      for (const actions of [config.entry, config.exit] as unknown[][]) {
        const [invoked] = invokes.filter(({ id }) => id !== undefined);
        if (invoked !== undefined && draw.once(2)) actions.push(this.#send(invoked.id as string));
      }
    }
    if (place.inner.length > 0 && draw.once(2)) config.onDone = this.#transitionsOf(place);
    return config;
  }

  #outputOf(times: number): Config {
    const draw = this.#draw;
    if (!draw.once(times)) return {};
    if (draw.once(30)) return { output: this.#throwing('output') };
    return {
      output: draw.once(2)
        ? { n: 1 }
        : ({ context, event }: There & { event: { output?: unknown } }) => [
            context.n,
            event.type,
            event.output,
          ],
    };
  }

  #invokesOf(place: Place): Config[] {
    const draw = this.#draw;
    return [this.#invokeOf(place), ...(draw.once(4) ? [this.#invokeOf(place)] : [])];
  }

  #invokeOf(place: Place): Config {
    const draw = this.#draw;
    return {
      src: draw.of(SOURCES),
      ...(draw.once(4) ? {} : { id: draw.of(CHILD_IDS) }),
      ...(draw.once(2) ? { input: draw.once(2) ? 1 : this.#reads() } : {}),
      ...(draw.once(2) ? { onDone: this.#transitionsOf(place) } : {}),
      ...(draw.once(2) ? { onError: this.#transitionsOf(place) } : {}),
    };
  }

  #delayKey(): string {
    const draw = this.#draw;
    if (draw.once(2)) return String(draw.of([0, 10, 20, 10]));
    const name = this.#name('delay');
    this.#delays[name] = this.#delayOf();
    return name;
  }

  #delayOf(): unknown {
    const draw = this.#draw;
    switch (draw.below(10)) {
      case 0:
        return Infinity;
      case 1:
        return draw.once(4) ? this.#throwing('delay') : undefined;
      case 2:
        return draw.once(4) ? Number.NaN : 3;
      case 3:
      case 4:
      case 5:
        return ({ context }: There) => context.n + 1;
      default:
        return 5 + draw.below(3);
    }
  }

  #transitionsOf(place: Place): unknown {
    const draw = this.#draw;
    switch (draw.below(8)) {
      case 0:
        return draw.of([undefined, {}]);
      case 1:
        return this.#target(place);
      case 2:
      case 3:
        return [this.#transitionOf(place, 1), this.#transitionOf(place, 2)];
      default:
        return this.#transitionOf(place, 3);
    }
  }

  #transitionOf(place: Place, guarded: number): Config {
    const draw = this.#draw;
    return {
      ...(draw.once(4) ? {} : { target: this.#targets(place) }),
      ...(draw.once(4) ? { reenter: draw.once(2) || undefined } : {}),
      ...(draw.once(guarded) ? { guard: this.#guardOf(2) } : {}),
      actions: this.#actionsOf(2),
    };
  }

  /** Eventless transitions mostly come to an end: they count, and their guards look at the count. */
  #eventlessOf(place: Place): unknown {
    const draw = this.#draw;
    const limit = 1 + draw.below(6);
    const isEarly = ({ context }: There): boolean => context.m < limit;
    const counted = {
      ...this.#transitionOf(place, 1000),
      guard: draw.once(3) ? and([isEarly as never, this.#guardOf(1) as never]) : isEarly,
      actions: [assign({ m: ({ context }: There) => context.m + 1 }), ...this.#actionsOf(1)],
    };
    const another = this.#transitionOf(place, draw.once(10) ? 1_000 : 1);
    if (draw.once(6)) return { ...another, target: `#${place.id}`, reenter: true };
    return draw.once(3) ? [counted, another] : counted;
  }

  #targets(place: Place): unknown {
    const parallel = this.#places.filter(({ type, inner }) => type === 'parallel' && inner.length > 1);
    if (parallel.length === 0 || !this.#draw.once(5)) return this.#target(place);
    const regions = this.#draw.of(parallel).inner.filter(({ type }) => type !== 'history');
    return regions.slice(0, 2).map((region) => `#${this.#draw.of(this.#within(region)).id}`);
  }

  #target(place: Place): string {
    const draw = this.#draw;
    if (draw.once(6)) {
      const wanted = draw.of(['history', 'final']);
      const places = this.#places.filter(({ type }) => type === wanted);
      if (places.length > 0) return `#${draw.of(places).id}`;
    }
    if (place.inner.length > 0 && draw.once(3)) return `.${draw.of(place.inner).key}`;
    if (place.parent !== undefined && draw.once(2)) return draw.of(place.parent.inner).key;
    const target = draw.of(this.#places);
    return `#${target.parent === undefined && !draw.once(6) ? draw.of(this.#places).id : target.id}`;
  }

  #within(place: Place): Place[] {
    return [place, ...place.inner.flatMap((inner) => this.#within(inner))];
  }

  #guardOf(depth: number): unknown {
    const draw = this.#draw;
    const kind = draw.below(depth > 0 ? 10 : 6);
    switch (kind) {
      case 6:
        return and([this.#guardOf(depth - 1) as never, this.#guardOf(depth - 1) as never]);
      case 7:
        return or([this.#guardOf(depth - 1) as never, this.#guardOf(depth - 1) as never]);
      case 8:
        return not(this.#guardOf(depth - 1) as never);
      case 9:
        return this.#stateIn();
      case 5: {
        const name = this.#name('is');
        if (draw.once(20)) return name;
        this.#guards[name] = draw.once(4)
          ? this.#guardOf(depth - 1)
          : (_: There, params: { k: number } | undefined) => params === undefined || params.k % 2 === 0;
        return draw.once(3) ? name : { type: name, params: this.#paramsOf() };
      }
      default:
        return this.#predicate();
    }
  }

  #stateIn(): unknown {
    const place = this.#draw.of(this.#places);
    if (place.parent === undefined || this.#draw.once(2)) return stateIn(`#${place.id}`);
    const path = [place.key];
    for (let at = place.parent; at.parent !== undefined; at = at.parent) path.unshift(at.key);
    return stateIn(path.join('.'));
  }

  #predicate(): unknown {
    const draw = this.#draw;
    if (draw.once(80)) return this.#throwing('guard');
    const [k, q] = [draw.below(3), 2 + draw.below(2)];
    return draw.once(3)
      ? ({ event }: There) => ((event.n ?? 0) + k) % q === 0
      : ({ context }: There) => (context.n + k) % q !== 0;
  }

  #paramsOf(): unknown {
    const draw = this.#draw;
    if (draw.once(80)) return this.#throwing('params');
    const k = draw.below(4);
    return draw.once(2) ? { k } : ({ context, event }: There) => ({ k: context.n + (event.n ?? k) });
  }

  #reads(): unknown {
    return this.#draw.once(80)
      ? this.#throwing('input')
      : ({ context, event }: There) => [context.n, event.type];
  }

  #actionsOf(most: number): unknown[] {
    return this.#draw.some(most, () => (this.#draw.once(30) ? this.#sendSelf() : [this.#actionOf(1)])).flat();
  }

  /** Counted, so that a chart that feeds itself comes to an end: a child that is not there is a bug. */
  #sendSelf(): unknown[] {
    const event = eventOf(this.#draw);
    return [
      assign({ m: ({ context }: There) => context.m + 1 }),
      sendTo(toSelf as never, event as never, this.#draw.once(3) ? { delay: 1 } : {}),
    ];
  }

  #actionOf(depth: number): unknown {
    const draw = this.#draw;
    const builtIn = this.#builtIn(depth);
    if (builtIn === undefined) return this.#effect();
    if (!draw.once(3)) return builtIn;
    const name = this.#name('act');
    this.#actions[name] = builtIn;
    return draw.once(2) ? name : { type: name, params: this.#paramsOf() };
  }

  #effect(): unknown {
    const draw = this.#draw;
    const type = draw.of(['ring', 'tell', 'show']);
    switch (draw.below(8)) {
      case 0:
        return type;
      case 1:
        return function inline() {};
      case 2:
        return { type, params: { send: eventOf(draw) } };
      case 3:
        return draw.once(10) ? { type, params: draw.of([{ throws: true }, { stop: true }]) } : { type };
      default:
        return { type, params: this.#paramsOf() };
    }
  }

  /** `undefined` for an effect. */
  #builtIn(depth: number): unknown {
    const draw = this.#draw;
    switch (draw.below(depth > 0 ? 26 : 22)) {
      case 0:
      case 1:
      case 2:
        return assign(this.#assignment() as never);
      case 3:
      case 4:
        return assign(ASSIGNED as never);
      case 5:
        return raise(
          draw.once(2) ? eventOf(draw) : ((({ context }: There) => ({ type: 'b', n: context.n })) as never),
        );
      case 6:
      case 7:
        return raise(eventOf(draw), {
          ...(draw.once(4) ? {} : { id: draw.of(DEADLINE_IDS) }),
          delay: this.#delayRef() as number,
        });
      case 8:
        return cancel(draw.once(2) ? draw.of(DEADLINE_IDS) : () => draw.of(DEADLINE_IDS.slice(0, 1)));
      case 9:
        return emit(
          draw.once(2) ? { type: 'e' } : ((({ context }: There) => ({ type: 'e', n: context.n })) as never),
        );
      case 10:
        return draw.once(2) ? log('said') : log((({ context }: There) => context.n) as never, 'counted');
      case 11:
      case 12: {
        const id = draw.of(CHILD_IDS);
        return spawnChild(draw.of(SOURCES) as never, {
          id: draw.once(2) ? id : () => id,
          ...(draw.once(2) ? { input: this.#reads() } : {}),
        });
      }
      case 13: {
        const id = draw.of(CHILD_IDS);
        return stopChild(draw.once(2) ? id : ((() => id) as never));
      }
      case 14:
        return draw.once(5) ? this.#send(draw.of(CHILD_IDS)) : this.#sendThere();
      case 22:
      case 23:
      case 24:
        return this.#enqueue();
      default:
        return undefined;
    }
  }

  /** A child that is not there is a bug. */
  #send(id: string): unknown {
    const draw = this.#draw;
    const event = draw.once(2)
      ? eventOf(draw)
      : ((({ context }: There) => ({ type: 'c', n: context.n })) as never);
    return sendTo((draw.once(3) ? () => id : id) as never, event as never, {
      ...(draw.once(2) ? { id: draw.of(DEADLINE_IDS) } : {}),
      ...(draw.once(3) ? { delay: this.#delayRef() as number } : {}),
    });
  }

  /** To a child that is spawned just before. */
  #sendThere(): unknown {
    const id = this.#draw.of(CHILD_IDS);
    const send = this.#send(id);
    const src = this.#draw.of(SOURCES);
    return enqueueActions((({ enqueue }: never) => {
      const put = enqueue as ((action: unknown) => void) & Record<string, (...given: unknown[]) => void>;
      put.spawnChild!(src, { id });
      put(send);
    }) as never);
  }

  #delayRef(): unknown {
    if (!this.#draw.once(3)) return this.#delayOf();
    const name = this.#name('delay');
    this.#delays[name] = this.#delayOf();
    return name;
  }

  #assignment(): unknown {
    const draw = this.#draw;
    const k = draw.below(4);
    switch (draw.below(16)) {
      case 0:
        return draw.once(4) ? this.#throwing('assign') : () => undefined;
      case 1:
        return {};
      default:
        return ({ context, event }: There, params?: { k?: number }) => ({
          n: (context.n + (event.n ?? 1) + (params?.k ?? k)) % 7,
          last: event.type,
        });
    }
  }

  #enqueue(): unknown {
    const draw = this.#draw;
    const guard = this.#guardOf(1);
    const [first, second] = [draw.some(2, () => this.#actionOf(0)), draw.some(2, () => this.#actionOf(0))];
    const isLate = draw.once(2);
    return enqueueActions((({ enqueue, check, context }: never) => {
      const put = enqueue as ((action: unknown) => void) & Record<string, (...given: unknown[]) => void>;
      for (const action of first) put(action);
      if (isLate) put.assign!({ n: ((context as Counts).n + 1) % 7 });
      if ((check as (guard: unknown) => boolean)(guard)) for (const action of second) put(action);
      else put.raise!({ type: 'd' }, { delay: 4, id: 'soon' });
    }) as never);
  }

  #throwing(what: string): () => never {
    return () => {
      throw new Error(`thrown by a ${what}`);
    };
  }

  #name(kind: string): string {
    this.#names += 1;
    return `${kind}${this.#names}`;
  }
}
