/** Laws of a caller that follows the progress of its task, page by page. */
import { expect, it } from 'vitest';
import { FleetCalls } from '../../src/restate/client/fleet-calls.ts';
import { AgentSystemError } from '../../src/runtime/values/errors.ts';
import { Telemetry } from '../../src/runtime/observability/telemetry.ts';

type Page = { readonly values: readonly { readonly progress: unknown }[]; readonly count: number };

/** A fleet of one agent: which node it is on, and what that says of its progress, one after the other. */
function rig(pages: readonly (Page | 'unreachable')[], nodeAt: (page: number) => string = () => 'n') {
  const asked: unknown[] = [];
  const heard: unknown[] = [];
  const faults: unknown[] = [];
  const done = Promise.withResolvers<unknown>();
  const commands = {
    assertOpen: () => undefined,
    give: () => done.promise,
    look: () => Promise.resolve({ placement: { node: nodeAt(asked.length) } }),
    serve: (node: string, what: string, { seen }: { seen: number }) => {
      const page = pages[asked.length];
      asked.push([node, what, seen]);
      if (asked.length === pages.length) done.resolve('done');
      if (page === 'unreachable') {
        return Promise.reject(new AgentSystemError('NODE_UNREACHABLE', 'gone', { details: { node } }));
      }
      return Promise.resolve(page ?? { values: [], count: seen });
    },
  };
  const calls = new FleetCalls(commands as never, (...fault) => faults.push(fault), new Telemetry(undefined));
  const output = calls.execute('a', {
    type: 'count',
    onProgress: (value: unknown) => heard.push(value),
  });
  return { output, asked, heard, faults };
}
const page = (count: number, ...progress: unknown[]): Page => ({
  values: progress.map((value) => ({ progress: value })),
  count,
});

it('each page is asked for from where the last one ended, and told once', async () => {
  const { output, asked, heard, faults } = rig([page(2, 'a', 'b'), page(3, 'c'), page(5, 'd', 'e')]);
  expect(await output).toBe('done');
  expect(heard).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(asked.slice(0, 4)).toEqual([
    ['n', 'progress', 0],
    ['n', 'progress', 2],
    ['n', 'progress', 3],
    ['n', 'progress', 5],
  ]);
  expect(faults).toEqual([]);
});

it('a node that it has moved to is asked from the beginning', async () => {
  const { output, asked, heard } = rig([page(2, 'a', 'b'), page(1, 'c')], (at) => (at === 0 ? 'n' : 'm'));
  expect(await output).toBe('done');
  expect(heard).toEqual(['a', 'b', 'c']);
  expect(asked.slice(0, 3)).toEqual([
    ['n', 'progress', 0],
    ['m', 'progress', 0],
    ['m', 'progress', 1],
  ]);
});

it('a node that cannot be reached is asked again, from the same place', async () => {
  const { output, asked, heard, faults } = rig([page(1, 'a'), 'unreachable', page(2, 'b')]);
  expect(await output).toBe('done');
  expect(heard).toEqual(['a', 'b']);
  expect(asked.slice(0, 3)).toEqual([
    ['n', 'progress', 0],
    ['n', 'progress', 1],
    ['n', 'progress', 1],
  ]);
  expect(faults).toEqual([]);
});

it('what is sent is what was checked, whatever its caller makes of the task meanwhile', async () => {
  const sent: { work?: object; at?: unknown }[] = [];
  const clock = Promise.withResolvers<void>();
  const give = async (_: string, command: object) => {
    await clock.promise;
    // As it goes over the wire, later.
    sent.push(JSON.parse(JSON.stringify(command)) as object);
    return 'done';
  };
  const commands = { assertOpen: () => undefined, give };
  const calls = new FleetCalls(commands as never, () => undefined, new Telemetry(undefined));
  const task = { type: 'file', input: { lines: [1] }, timeoutMs: 1_000, priority: 1 };
  const done = [calls.execute('a', task), calls.executeBy('line', (command) => give('', command), task)];
  task.input.lines.push(Number.NaN);
  Object.assign(task, { type: 'shred', timeoutMs: 1, priority: -10 });
  clock.resolve();
  expect(await Promise.all(done)).toEqual(['done', 'done']);
  const work = { type: 'file', input: { lines: [1] }, timeoutMs: 1_000, priority: 1 };
  expect(sent).toMatchObject([{ work }, { work }]);
});
