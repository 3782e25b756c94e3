/** The bodies of one node, and how often they tell the engine something: on simulated time, without a server. */
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { type AnyAgentDefinition, defineAgent } from '../../src/index.ts';
import { agentSpec } from '../../src/machines/index.ts';
import type { EngineClient } from '../../src/restate/engine/engine-client.ts';
import type { Target } from '../../src/restate/engine/calls.ts';
import type { DeliveredMessage, ReportBatch } from '../../src/restate/engine/names.ts';
import { Residents } from '../../src/restate/nodes/residents.ts';
import { manifestOf } from '../../src/runtime/definition/manifest.ts';
import { specToKeep } from '../../src/runtime/fleet/spec-reading.ts';
import type { BodyStart, Host, VariableState } from '../../src/runtime/hosting/host.ts';
import { inProcessHost } from '../../src/runtime/hosting/hosts/in-process.ts';
import { steadyClock } from '../../src/runtime/time/clock.ts';
import { settled, simulatedClock } from '../../src/testing/index.ts';
import { fateOf } from '../kit/rig.ts';

const EPOCH = 'e';

type Values = readonly VariableState[];

/** One body of a node, and the batches of reports that its agent got. */
function bodyOf(definition: AnyAgentDefinition, inForce: () => Values = () => [], terms: object = {}) {
  const clock = simulatedClock();
  const batches: ReportBatch[] = [];
  let heard: Promise<void> | undefined;
  const engine = {
    now: () => Promise.resolve(clock.now()),
    call: async ({ method }: Target, batch: ReportBatch) => {
      if (method === 'valuesOf') return inForce();
      batches.push(batch);
      await heard;
      return { isAlive: true, isWatched: false, answers: [] };
    },
  } as unknown as EngineClient;
  const residents = new Residents({
    node: 'n',
    code: new Map([[definition.type, definition]]),
    hosts: new Map([['in-process', inProcessHost()]]),
    engine,
    clock: steadyClock(clock),
    logger: pino({ level: 'silent' }),
    secrets: undefined,
    requests: new Map(),
  });
  residents.begin(EPOCH);
  let last = 0;
  const deliver = async (message: DeliveredMessage, epoch = EPOCH): Promise<void> => {
    last += 1;
    residents.deliver('a', { epoch, incarnation: 1, first: last, messages: [message] });
    await settled();
  };
  const manifest = manifestOf(definition);
  const spec = specToKeep(agentSpec.parse({ ...terms, id: 'a', module: definition }), 'a', definition.type);
  const start = { restored: undefined, previousStop: undefined };
  return {
    clock,
    residents,
    /** @param epoch of the life of the node that it is for */
    open: (epoch?: string) => {
      last = 0;
      return deliver({ type: 'open', spec, manifest, start }, epoch);
    },
    run: () => deliver({ type: 'task.run', taskId: `t${last}`, task: 'work', attempt: 1, input: undefined }),
    kill: () => deliver({ type: 'kill' }),
    /** Reports take until what this gives is called. */
    holdsReports: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      heard = promise;
      return resolve;
    },
    /** The reports of all batches since the last time. */
    reports: () => batches.splice(0).flatMap(({ reports }) => reports),
    /** What each batch since the last time has told. */
    told: () => batches.splice(0).map(({ reports }) => reports.map(({ type }) => type)),
    close: () => {
      residents.abandonAll();
      residents.close();
    },
  };
}

const LONG_MS = 60_000;

it('all is heard of one that has ended once its end is, too', async () => {
  const body = bodyOf(defineAgent({ type: 'mortal', init: () => ({}), tasks: {} }));
  await body.open();
  const hear = body.holdsReports();
  await body.kill();
  expect(body.residents.list()).toEqual([]);
  const settling = body.residents.settled();
  expect(await fateOf(settling)).toBe('pending');
  hear();
  expect(await fateOf(settling)).toEqual({ value: undefined });
  body.close();
});

it('what ends at once is told of once, and nothing follows', async () => {
  const body = bodyOf(
    defineAgent({ type: 'quick', init: () => ({}), tasks: { work: { run: () => undefined } } }),
  );
  await body.open();
  expect(body.told()).toEqual([['ready']]);
  for (let task = 0; task < 3; task++) {
    await body.run();
    expect(body.told()).toEqual([['task.completed']]);
  }
  await body.clock.advance(LONG_MS);
  expect(body.told()).toEqual([]);
  body.close();
});

it.each<[what: string, output: () => unknown, problem: string]>([
  ['a Map', () => ({ found: new Map([['a', 1]]) }), 'output.found is an instance of Map'],
  ['a date', () => [new Date(0)], 'output[0] is an instance of Date'],
  [
    'an array with a name',
    () => Object.assign([1], { page: 2 }),
    'output is an array with holes, or with fields',
  ],
  ['a symbol as a key', () => ({ [Symbol('key')]: 1 }), 'output is an object with symbols for keys'],
  ['a function', () => ({ run: () => 1 }), 'output.run is a function'],
])(
  'an output with %s, which would cross machines as something else, fails its task by name',
  async (_, output, problem) => {
    const body = bodyOf(defineAgent({ type: 'odd', init: () => ({}), tasks: { work: { run: output } } }));
    await body.open();
    body.told();
    await body.run();
    const [report] = body.reports();
    expect(report).toMatchObject({ type: 'task.failed', code: 'TASK_FAILED' });
    expect((report as { error: { message: string } }).error.message).toContain(problem);
    body.close();
  },
);

it('what takes longer is told of by an empty batch, once, and by what comes of it', async () => {
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const [started, worked] = gates.map(({ resolve }) => resolve);
  const body = bodyOf(
    defineAgent({
      type: 'slow',
      init: () => gates[0]!.promise.then(() => ({})),
      tasks: { work: { run: () => gates[1]!.promise } },
    }),
  );
  await body.open();
  expect(body.told()).toEqual([]);
  await body.clock.advance(LONG_MS);
  expect(body.told()).toEqual([[]]);
  started!();
  await settled();
  expect(body.told()).toEqual([['ready']]);
  await body.run();
  expect(body.told()).toEqual([]);
  await body.clock.advance(LONG_MS);
  expect(body.told()).toEqual([[]]);
  worked!();
  await settled();
  expect(body.told()).toEqual([['task.completed']]);
  await body.clock.advance(LONG_MS);
  expect(body.told()).toEqual([]);
  body.close();
});

it('a node that is out of its fleet takes nothing, and reads the values of variables anew once it has joined', async () => {
  let version = 1;
  const seen: unknown[] = [];
  const body = bodyOf(
    defineAgent({
      type: 'told',
      variables: ['rate'],
      init: ({ variables }) => void seen.push(variables['rate']),
      tasks: {},
    }),
    () => [{ name: 'rate', value: version, version }],
  );
  await body.open();
  body.residents.abandonAll();
  expect(await body.residents.serve('alive', { epoch: EPOCH })).toBe(false);
  // It was underway when the node was taken for gone.
  await body.open();
  expect(body.residents.list()).toEqual([]);
  // Whoever changes it now has no reason to tell this node.
  version = 2;
  body.residents.begin('next');
  await body.open();
  await body.open('next');
  expect(seen).toEqual([1, 2]);
  body.close();
});

it.each(['sync', 'async'])('a value that a %s body has already is not waited for', async (pattern) => {
  const rate = { name: 'rate', value: 2, version: 2 };
  const body = bodyOf(
    defineAgent({ type: 'told', variables: ['rate'], init: () => ({}), tasks: {} }),
    () => [rate],
    { coordination: { communicationPattern: pattern } },
  );
  await body.open();
  const spread = (variable: VariableState) =>
    body.residents.serve('variable', { variable, timeoutMs: LONG_MS });
  const told = { acknowledged: [{ agentId: 'a', incarnation: 1 }], outOfDate: [] };
  // It began with that, which came into force before anybody was told.
  expect(await fateOf(spread(rate))).toEqual({ value: told });
  const next = { ...rate, value: 3, version: 3 };
  expect(await fateOf(spread(next))).toEqual({ value: told });
  // The answer got lost, and the engine asks again.
  expect(await fateOf(spread(next))).toEqual({ value: told });
  expect(await fateOf(spread(rate))).toEqual({ value: told });
  body.close();
});

it('a body that ends before it has acknowledged a value is not waited for', async () => {
  const rate = { name: 'rate', value: 2, version: 2 };
  const body = bodyOf(
    defineAgent({
      type: 'deaf',
      variables: ['rate'],
      init: () => ({}),
      onVariable: () => new Promise(() => undefined),
      tasks: {},
    }),
    () => [],
    { coordination: { communicationPattern: 'sync' } },
  );
  await body.open();
  const spread = body.residents.serve('variable', { variable: rate, timeoutMs: LONG_MS });
  expect(await fateOf(spread)).toBe('pending');
  await body.kill();
  expect(await fateOf(spread)).toEqual({ value: { acknowledged: [], outOfDate: [] } });
  body.close();
});

it.each([
  ['in-process', 'the definition'],
  ['thread', 'file:///worker.js'],
])(
  'a module that its spec names, where the program has the code too: %s is of %s',
  async (isolation, expected) => {
    const definition = defineAgent({ type: 'both', init: () => ({}), tasks: {} });
    const opened: BodyStart[] = [];
    const host = {
      open: (start: BodyStart) => {
        opened.push(start);
        throw new Error('seen');
      },
    } as unknown as Host;
    const residents = new Residents({
      node: 'n',
      code: new Map([[definition.type, definition]]),
      hosts: new Map([
        ['in-process', host],
        ['thread', host],
      ]),
      engine: {
        now: () => Promise.resolve(0),
        call: () => Promise.resolve({ isAlive: true, isWatched: false, answers: [] }),
      } as unknown as EngineClient,
      clock: steadyClock(simulatedClock()),
      logger: pino({ level: 'silent' }),
      secrets: undefined,
      requests: new Map(),
    });
    residents.begin(EPOCH);
    const module = new URL('file:///worker.js');
    const spec = specToKeep(agentSpec.parse({ id: 'a', module, isolation }), 'a', definition.type);
    const start = { restored: undefined, previousStop: undefined };
    const open = { type: 'open', spec, manifest: manifestOf(definition), start } as const;
    residents.deliver('a', { epoch: EPOCH, incarnation: 1, first: 1, messages: [open] });
    await settled();
    const [found] = opened.map(({ module: code }) => (code instanceof URL ? code.href : 'the definition'));
    expect(found).toBe(expected);
    residents.abandonAll();
    residents.close();
  },
);

it.each([
  ['was given to the node, by its type', new URL('file:///given.js'), 'versioned'],
  ['only a spec names, by its address', undefined, 'file:///worker.js'],
])('once it has run, the version of a module is known that %s', async (_, given, known) => {
  const definition = defineAgent({
    type: 'versioned',
    stateVersion: 2,
    migrate: ({ state }) => state,
    init: () => ({}),
    tasks: {},
  });
  const host: Pick<Host, 'open'> = {
    open: (start, listener) => inProcessHost().open({ ...start, module: definition }, listener),
  };
  const residents = new Residents({
    node: 'n',
    code: new Map(given && [[definition.type, given]]),
    hosts: new Map([['process', host as Host]]),
    engine: {
      now: () => Promise.resolve(0),
      call: () => Promise.resolve({ isAlive: true, isWatched: false, answers: [] }),
    } as unknown as EngineClient,
    clock: steadyClock(simulatedClock()),
    logger: pino({ level: 'silent' }),
    secrets: undefined,
    requests: new Map(),
  });
  residents.begin(EPOCH);
  expect([...residents.moduleVersions]).toEqual([]);
  const module = new URL('file:///worker.js');
  const spec = specToKeep(agentSpec.parse({ id: 'a', module, isolation: 'process' }), 'a', definition.type);
  const start = { restored: undefined, previousStop: undefined };
  const open = { type: 'open', spec, manifest: manifestOf(definition), start } as const;
  residents.deliver('a', { epoch: EPOCH, incarnation: 1, first: 1, messages: [open] });
  await settled();
  expect([...residents.moduleVersions]).toEqual([[known, 2]]);
  residents.abandonAll();
  residents.close();
});
