/**
 * Two nodes that take themselves for the one that answers for the fleet: the engine takes from one what it has done of a
 * step, and the other goes on from there. Tried at every place of every step of the nodes' object: what is kept and sent is
 * what one node alone does, whatever the first still does after that.
 */
import { type ObjectContext, RestatePromise } from '@restatedev/restate-sdk';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { Deployment } from '../../src/restate/engine/engine-admin.ts';
import { AGENT, hostOf } from '../../src/restate/engine/names.ts';
import { wire } from '../../src/restate/engine/wire.ts';
import { ControlSeat, markOf } from '../../src/restate/nodes/control-seat.ts';
import { type JoiningNode, nodesObject } from '../../src/restate/nodes/nodes-object.ts';
import { seededRandom } from '../../src/testing/index.ts';
import { objectContext } from './object-context.ts';
import { asking, joining as newNode } from './occupants.ts';

type Act = (...args: unknown[]) => unknown;
type Handler = (ctx: ObjectContext, given: unknown) => Promise<unknown>;
interface Entry {
  readonly asked: string;
  /** As it came: what a step makes of it is its own. */
  readonly answer: () => unknown;
}

/** What the engine keeps of one step: each thing that was done, with its answer. */
function journaled(ctx: ObjectContext, entries: Entry[], isTaken: (at: number) => boolean): ObjectContext {
  let at = 0;
  const wrap =
    (name: string, act: Act): Act =>
    (...args) => {
      // Functions that a step gives along run on its node, and are no part of what it asks for.
      const asked = `${name} ${JSON.stringify(args.filter((arg) => typeof arg !== 'function' && arg !== wire))}`;
      const place = at++;
      const known = entries[place];
      if (known !== undefined) {
        expect(asked, 'it goes on from what the other has done').toBe(known.asked);
        return known.answer();
      }
      if (!isTaken(place)) return RestatePromise.resolve(new Promise(() => undefined));
      const answer = act(...args);
      const isLater = typeof (answer as PromiseLike<unknown> | undefined)?.then === 'function';
      const asItCame = isLater ? Promise.resolve(answer).then((value) => structuredClone(value)) : undefined;
      const again = () => (asItCame ? RestatePromise.resolve(asItCame.then(structuredClone)) : answer);
      entries.push({ asked, answer: again });
      return answer;
    };
  const wrapped = (of: object, prefix = ''): object =>
    new Proxy(of, {
      get: (target, name: string) => {
        const value = (target as Record<string, unknown>)[name];
        if (typeof value === 'function' && name !== 'request') return wrap(prefix + name, value as Act);
        return typeof value === 'object' && value !== null ? wrapped(value, `${name}.`) : value;
      },
    });
  return wrapped(ctx) as ObjectContext;
}

const joining = (name: string, more: Partial<JoiningNode> = {}) => newNode(name, { leaseMs: 2_000, ...more });
const sign = (name: string, more = {}) => ({ name, epoch: `${name}-1`, reachedMsAgo: 0, ...more });

/** What happens to a fleet of three nodes, and when. */
const LIFE: readonly (readonly [at: number, handler: string, given: unknown])[] = [
  [0, 'join', joining('a')],
  [10, 'join', joining('b')],
  [20, 'place', asking('ada')],
  [30, 'place', asking('bob')],
  [40, 'requestRestart', asking('eve')],
  [50, 'stands', { agentId: 'eve', incarnation: 1, hasPermit: true }],
  [60, 'requestRestart', asking('joe')],
  [70, 'requestRestart', asking('kim')],
  [75, 'withdraw', { agentId: 'nobody' }],
  [80, 'missed', { names: ['a'] }],
  [90, 'coordinate', { turns: 1 }],
  [250, 'sweep', { at: 250 }],
  [300, 'beat', sign('a')],
  [1_500, 'beat', sign('a', { unseated: { name: 'b', silentMs: 1_400 } })],
  [1_600, 'probed', { epoch: 'b-1', isThere: false, at: 1_550 }],
  [1_700, 'join', joining('c')],
  [1_800, 'join', joining('a', { epoch: 'a-2' })],
  [1_900, 'vacate', { agentId: 'ada', incarnation: 2 }],
  [2_000, 'drain', { epoch: 'c-1' }],
  [2_100, 'giveBack', { agentId: 'bob', incarnation: 2 }],
  [2_200, 'leave', { epoch: 'c-1' }],
];

const isAtA = ({ uri }: { readonly uri: string }) => uri.startsWith('http://a/');

/** Lives it all; in one step the first node loses the seat after so many entries. */
async function lived(cutStep: number, after: number) {
  const { object } = nodesObject as unknown as { readonly object: Readonly<Record<string, Handler>> };
  let isCut = false;
  const counts: number[] = [];
  const handlers = Object.fromEntries(
    Object.entries(object).map(([name, handler]) => [
      name,
      async (ctx: ObjectContext, given: unknown): Promise<unknown> => {
        const entries: Entry[] = [];
        if (isCut) {
          void handler(
            journaled(ctx, entries, (place) => place < after),
            structuredClone(given),
          );
          // It does all that it can do before the other begins.
          for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
          expect(entries).toHaveLength(after);
        }
        const answer = await handler(
          journaled(ctx, entries, () => true),
          structuredClone(given),
        );
        counts.push(entries.length);
        return answer;
      },
    ]),
  );
  const world = objectContext({ object: handlers });
  const answers: unknown[] = [];
  for (const [step, [at, handler, given]] of LIFE.entries()) {
    isCut = step === cutStep;
    world.at(at);
    answers.push(await world.does(handler, given));
  }
  const kept = Object.fromEntries(world.keys().map((key) => [key, world.kept(key)]));
  return { seen: { answers, kept, sent: world.sent(), called: world.called() }, counts };
}

test('a step that one holder of the seat began, and another went on with, does what one alone does: at every place', async () => {
  const { seen, counts } = await lived(-1, 0);
  expect(seen.sent.map(({ to }) => to)).toEqual(
    expect.arrayContaining(['agent ada lost', 'nodes fleet sweep', 'agent joe lost']),
  );
  let tried = 0;
  for (const [step, count] of counts.entries()) {
    for (let after = 0; after < count; after++) {
      const other = await lived(step, after);
      expect(other.seen, `step ${step} after ${after} entries`).toEqual(seen);
      tried += 1;
    }
  }
  expect(tried).toBeGreaterThan(LIFE.length);
});

test.each(Array.from({ length: 40 }, (_, seed) => seed))(
  'whoever takes the seat at once with others, in whatever order the engine hears them: each seat has one living holder, seed %i',
  async (seed) => {
    const random = seededRandom(seed);
    const pick = (count: number) => Math.floor(random() * count);
    const names = ['a', 'b', 'c', 'd'];
    const deployments: Deployment[] = names.map((name) => ({
      id: `host of ${name}`,
      uri: `http://${name}/host`,
      services: [hostOf(name)],
      metadata: markOf('v'),
      revision: 1,
    }));
    const seat = (id: string, revision: number) =>
      deployments.push({
        id,
        uri: 'http://a/control',
        services: [AGENT],
        metadata: markOf('v'),
        revision,
      });
    seat('old', 1);
    seat('new', 2);
    const held = () => deployments.filter(({ services }) => services.includes(AGENT));
    const waiting: (() => void)[] = [];
    const heard = async (): Promise<void> => new Promise((resolve) => waiting.push(resolve));
    const admin = {
      deployments: async () => {
        await heard();
        const seen = [...deployments];
        await heard();
        return seen;
      },
      register: () => Promise.reject(new Error('there are seats')),
      move: async (id: string, uri: string) => {
        await heard();
        const at = deployments.findIndex((one) => one.id === id);
        deployments[at] = { ...deployments[at]!, uri };
      },
    };
    const seats = new Map(
      names.map((name) => [
        name,
        new ControlSeat({
          admin,
          uri: `http://${name}/control`,
          version: 'v',
          logger: pino({ level: 'silent' }),
        }),
      ]),
    );
    const settle = async (works: readonly Promise<unknown>[]): Promise<void> => {
      const state = { isOver: false };
      const over = Promise.all(works).then(() => (state.isOver = true));
      while (!state.isOver) {
        for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
        waiting.splice(pick(waiting.length), 1)[0]?.();
      }
      await over;
    };
    // The holder is dead; all others find that at once, and one of them leaves meanwhile.
    const leaver = names[1 + pick(3)]!;
    const alive = names.filter((name) => name !== 'a' && name !== leaver);
    const hosts = deployments.filter(({ services }) => alive.some((name) => services.includes(hostOf(name))));
    await settle([
      ...['b', 'c', 'd'].map((name) => seats.get(name)!.take(isAtA)),
      seats.get(leaver)!.giveToOneOf(hosts),
    ]);
    // Who is left looks again, as long as calls have no answer.
    const isGone = ({ uri }: { readonly uri: string }) =>
      !alive.some((name) => uri.startsWith(`http://${name}/`));
    await settle(alive.map((name) => seats.get(name)!.take(isGone)));
    expect(held().map(({ id }) => id)).toEqual(['old', 'new']);
    for (const { uri } of held()) expect(alive.map((name) => `http://${name}/control`)).toContain(uri);
  },
);
