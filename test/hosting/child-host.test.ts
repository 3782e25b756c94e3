/** What a host of children owns: groups, describers, the watch, and their end. Its children are scripted. */
import { expect, test } from 'vitest';
import type { ExitReason } from '../../src/index.ts';
import { childHost } from '../../src/runtime/hosting/hosts/child-host.ts';
import type { ChildListener } from '../../src/runtime/hosting/hosts/child.ts';
import { settled, simulatedClock } from '../../src/testing/index.ts';
import { defineAgent } from '../../src/runtime/definition/define-agent.ts';
import { openFaulty, specOf, type SpecResources } from './hosts.ts';

const WATCH_MS = 1_000;
const KILL_MS = 200;

interface ScriptedChild {
  readonly name: string;
  readonly isDescriber: boolean;
  readonly listener: ChildListener;
  readonly kills: ExitReason[];
  watched: number;
  isKept: boolean;
}

/** A host whose children do nothing; `obeys` whether they end when they are killed. */
function scripted({ obeys = true } = {}) {
  const clock = simulatedClock();
  const children: ScriptedChild[] = [];
  let closed = 0;
  const host = childHost({
    clock,
    kind: 'process',
    killTimeoutMs: KILL_MS,
    killGraceMs: 50,
    leaveTimeoutMs: 100,
    watchEveryMs: WATCH_MS,
    describeTimeoutMs: 60_000,
    describerIdleMs: 60_000,
    refusal: () => undefined,
    closed: () => (closed += 1),
    start: ({ name, isDescriber }, listener) => {
      const child: ScriptedChild = { name, isDescriber, listener, kills: [], watched: 0, isKept: true };
      children.push(child);
      return {
        kind: 'process',
        usage: undefined,
        send: () => {},
        kill: (reason) => {
          child.kills.push(reason);
          if (obeys) queueMicrotask(() => listener.ended(reason));
        },
        watch: () => (child.watched += 1),
        ref: (isKept) => (child.isKept = isKept),
      };
    },
  });
  const open = (resources: SpecResources = {}) => openFaulty(host, { resources });
  return { host, clock, children, open, closed: () => closed };
}

const MEMORY = 64 * 1_048_576;

test.each<readonly [string, SpecResources, string, string]>([
  ['maxMemoryBytes', { maxMemoryBytes: 2 * MEMORY }, String(MEMORY), String(2 * MEMORY)],
  ['maxMemoryBytes', {}, String(MEMORY), 'none'],
  ['cpuPriority', { maxMemoryBytes: MEMORY, cpuPriority: 'low' }, '"normal"', '"low"'],
  ['env', { maxMemoryBytes: MEMORY, env: 'none' }, '"all"', '"none"'],
])(
  'a body that wants another %s than its group runs with is not opened: %j',
  async (field, resources, runs, came) => {
    const { open, children, host } = scripted();
    const first = open({ group: 'g', maxMemoryBytes: MEMORY });
    const other = open({ group: 'g', ...resources });
    expect(other.exits).toMatchObject([
      {
        error: {
          name: 'TypeError',
          message: `resources.${field}: group "g" runs with ${runs}, expected the same, got ${came}`,
        },
      },
    ]);
    const same = open({ group: 'g', maxMemoryBytes: MEMORY });
    // What is the default may be said, or not.
    const said = open({ group: 'g', maxMemoryBytes: MEMORY, env: 'all' });
    expect([first.exits, same.exits, said.exits]).toEqual([[], [], []]);
    expect(children.map(({ name }) => name)).toEqual(['g']);
    await host.close();
  },
);

test('a group is begun anew once its child has ended, with whatever it then is to run with', async () => {
  const { open, children, host } = scripted();
  const first = open({ group: 'g', maxMemoryBytes: MEMORY });
  children[0]!.listener.ended({ exitCode: 3 });
  expect(first.exits).toEqual([{ exitCode: 3 }]);
  const next = open({ group: 'g', maxMemoryBytes: 2 * MEMORY });
  expect(next.exits).toEqual([]);
  expect(children).toHaveLength(2);
  // What the first one says now is nobody's.
  children[0]!.listener.ended({ exitCode: 4 });
  expect(next.exits).toEqual([]);
  await host.close();
});

test('children are looked at with one timer, as long as there are any', async () => {
  const { open, children, clock, host } = scripted();
  expect(clock.pending()).toEqual([]);
  open();
  open();
  await clock.advance(WATCH_MS);
  expect(children.map(({ watched }) => watched)).toEqual([1, 1]);
  children[0]!.listener.ended('killed');
  await clock.advance(WATCH_MS);
  expect(children.map(({ watched }) => watched)).toEqual([1, 2]);
  children[1]!.listener.ended('killed');
  expect(clock.pending()).toEqual([]);
  await host.close();
});

test('a close ends bodies and describers, and is over when all are gone; a second one is the same', async () => {
  const { host, open, children, clock, closed } = scripted();
  const body = open();
  const described = host
    .describe(new URL('file:///agents/one.ts'), {})
    .catch((error: Error) => error.message);
  await settled();
  expect(children.map(({ isDescriber }) => isDescriber)).toEqual([false, true]);
  const closing = host.close();
  expect(host.close()).toBe(closing);
  expect(closed()).toBe(0);
  await closing;
  expect(children.map(({ kills }) => kills)).toEqual([['killed'], ['killed']]);
  expect(body.exits).toEqual(['killed']);
  expect(await described).toContain('one.ts');
  expect(closed()).toBe(1);
  expect(clock.pending()).toEqual([]);

  const late = open();
  expect(late.exits).toMatchObject([{ error: { message: 'the process host is closed' } }]);
  await expect(host.describe(new URL('file:///agents/two.ts'), {})).rejects.toThrow(/two\.ts.*closed/);
  expect(children).toHaveLength(2);
});

test('a close gives up a child that does not end, and leaves no timer of it', async () => {
  const { host, open, children, clock, closed } = scripted({ obeys: false });
  const body = open();
  let isOver = false;
  const closing = host.close().then(() => (isOver = true));
  await clock.advance(KILL_MS + 499);
  expect([isOver, body.stuckCount, children[0]!.isKept]).toEqual([false, 1, true]);
  await clock.advance(1);
  await closing;
  expect([closed(), children[0]!.isKept]).toEqual([1, false]);
  expect(clock.pending()).toEqual([]);
});

test('modules are described in one child, but for those with an environment or a sandbox of their own', async () => {
  const { children, host } = scripted();
  const [one, other] = ['one', 'other'].map((name) => new URL(`file:///${name}.ts`)) as [URL, URL];
  const sandbox = { network: false } as never;
  const counts: number[] = [];
  const asked: Promise<unknown>[] = [];
  for (const [module, resources] of [
    [one, undefined],
    [other, {}],
    [one, { env: 'all' }],
    [one, { env: 'none' }],
    [one, { env: 'none' }],
    [other, { env: 'none' }],
    [one, { sandbox }],
    [one, { sandbox, env: 'none' }],
    [one, { sandbox }],
  ] as const) {
    asked.push(host.describe(module, {}, resources as never));
    counts.push(children.length);
  }
  expect(counts).toEqual([1, 1, 1, 2, 2, 3, 4, 5, 5]);
  expect(children.every(({ isDescriber }) => isDescriber)).toBe(true);
  const closed = host.close();
  expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual(asked.map(() => 'rejected'));
  await closed;
  await expect(host.describe(one, {})).rejects.toThrow(/the host is closed/);
  expect(children).toHaveLength(5);
});

test('a definition in this program is refused by its spec, and opens no body', async () => {
  const { children, host } = scripted();
  const definition = defineAgent({ type: 'here', init: () => 0, tasks: {} });
  expect(host.refusal(specOf({}, definition))).toMatch(/expected one, got a definition/);
  expect(host.refusal(specOf())).toBeUndefined();
  expect(openFaulty(host, { module: definition }).exits).toMatchObject([
    { error: { message: expect.stringMatching(/^module: expected a URL, got/) } },
  ]);
  expect(children).toEqual([]);
  await host.close();
});
