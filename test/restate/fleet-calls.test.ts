/** Laws of a caller that follows the progress of its task, page by page. */
import { describe, expect, it, vi } from 'vitest';
import { FleetCalls } from '../../src/restate/client/fleet-calls.ts';
import { AgentSystemError } from '../../src/runtime/values/errors.ts';
import { STREAM_WINDOW } from '../../src/runtime/hosting/stream-window.ts';
import { Telemetry } from '../../src/runtime/observability/telemetry.ts';
import { eventually } from '../kit/eventually.ts';

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

interface Asked {
  readonly type: string;
  readonly callId?: string;
  readonly reason?: unknown;
  readonly work?: { readonly terms: { readonly callId?: string } };
}

const lookAtN = () => Promise.resolve({ placement: { node: 'n' } });

/** Calls of which the test gives each answer. */
function callsOf(given: Record<string, unknown>) {
  const faults: unknown[] = [];
  const commands = { assertOpen: () => undefined, ...given };
  const calls = new FleetCalls(
    commands as never,
    (message, thrown) => faults.push([message, (thrown as Error).message]),
    new Telemetry(undefined),
  );
  return { calls, faults };
}
const refusal = (code: 'TASK_ABANDONED' | 'TASK_FAILED') =>
  new AgentSystemError(code, `it is ${code}`, { agentId: 'a', details: { taskId: 't' } });

const sentBy = async (task: object, options: object = {}) => {
  const sent: unknown[] = [];
  const commands = {
    give: (id: string, command: object) => Promise.resolve(void sent.push([id, command])),
    look: () => Promise.resolve({ placement: { node: 'n' } }),
    serve: () => Promise.resolve({ values: [], count: 0 }),
  };
  await callsOf(commands).calls.execute('a', { type: 'work', ...task }, options);
  return sent;
};

const termsOf = async (task: object, options: object = {}) =>
  ((await sentBy(task, options)) as [string, Asked][])[0]![1].work!.terms;

describe('what goes along with a task', () => {
  const work = { type: 'work', submitted: false };

  it('is nothing where nobody follows it or may cancel it', async () => {
    expect(await sentBy({})).toEqual([['a', { type: 'execute', work: { ...work, terms: {} } }]]);
  });

  it('is the name of its call where it may be cancelled or is followed, who reads it, and who waits for it', async () => {
    const callId: unknown = expect.any(String);
    expect(await termsOf({ signal: new AbortController().signal })).toEqual({ callId });
    expect(await termsOf({ onProgress: () => undefined })).toEqual({ callId, isFollowed: true });
    const reader = { take: () => undefined };
    expect(await termsOf({}, { reader })).toEqual({ callId, isFollowed: true, isStreamed: true });
    expect(await termsOf({}, { chain: ['b'] })).toEqual({ chain: ['b'] });
  });

  it('is the incarnation that it is for, and whether it may wait', async () => {
    const more = { incarnation: 2, work: { ...work, terms: {}, whenDown: 'wait' } };
    expect(await sentBy({ whenDown: 'wait' }, { incarnation: 2 })).toEqual([
      ['a', { type: 'execute', ...more }],
    ]);
  });

  it('is JSON data, or nothing is sent', async () => {
    const message = 'the input of "work", which crosses machines: ';
    await expect(sentBy({ input: { at: new Date(0) } })).rejects.toMatchObject({
      code: 'TASK_INPUT_INVALID',
      agentId: 'a',
      message: expect.stringContaining(message) as unknown,
    });
  });
});

/** Who listens to a signal. */
const listenersOf = (signal: AbortSignal) => {
  const there = new Set<unknown>();
  vi.spyOn(signal, 'addEventListener').mockImplementation((_, listener) => void there.add(listener));
  vi.spyOn(signal, 'removeEventListener').mockImplementation((_, listener) => void there.delete(listener));
  return there;
};

describe('a task with a signal', () => {
  it('that is aborted already is not sent', async () => {
    const give = vi.fn<() => Promise<unknown>>();
    const done = callsOf({ give }).calls.execute('a', { type: 'work', signal: AbortSignal.abort('late') });
    await expect(done).rejects.toMatchObject({
      code: 'TASK_ABANDONED',
      message: 'task work of agent a was abandoned: cancelled by its caller',
      cause: 'late',
    });
    expect(give).not.toHaveBeenCalled();
  });

  it.each([
    ['TASK_ABANDONED', 'task work of agent a was abandoned: cancelled by its caller'],
    ['TASK_FAILED', 'it is TASK_FAILED'],
  ] as const)(
    'is cancelled by the name of its call, with the reason, and %s says how it ended',
    async (code, message) => {
      const sent: Asked[] = [];
      const end = Promise.withResolvers<unknown>();
      const give = (_: string, command: Asked) => {
        sent.push(command);
        return command.type === 'execute' ? end.promise : Promise.resolve();
      };
      const controller = new AbortController();
      const { calls, faults } = callsOf({ give });
      const done = calls.execute('a', { type: 'work', signal: controller.signal });
      controller.abort(new RangeError('enough'));
      end.reject(refusal(code));
      await expect(done).rejects.toMatchObject({ code, message, details: { taskId: 't' } });
      const { callId } = sent[0]!.work!.terms;
      expect(sent[1]).toEqual({ type: 'cancelCall', callId, reason: expect.anything() as unknown });
      expect([sent.length, faults]).toEqual([2, []]);
    },
  );

  it('that is abandoned without it says why, and nothing listens to the signal any more', async () => {
    const { signal } = new AbortController();
    const there = listenersOf(signal);
    let during = 0;
    const give = () => {
      during = there.size;
      return Promise.reject(refusal('TASK_ABANDONED'));
    };
    const done = callsOf({ give }).calls.execute('a', { type: 'work', signal });
    await expect(done).rejects.toThrow('it is TASK_ABANDONED');
    expect([during, there.size]).toEqual([1, 0]);
  });

  it('whose cancellation fails tells so, and goes on', async () => {
    const end = Promise.withResolvers<unknown>();
    const give = (_: string, { type }: Asked) =>
      type === 'execute' ? end.promise : Promise.reject(new Error('no way'));
    const controller = new AbortController();
    const { calls, faults } = callsOf({ give });
    const done = calls.execute('a', { type: 'work', signal: controller.signal });
    controller.abort();
    await eventually(
      () => faults,
      ({ length }) => length > 0,
    );
    expect(faults).toEqual([['a task could not be cancelled', 'no way']]);
    end.resolve(3);
    expect(await done).toBe(3);
  });
});

/** Which member has it, one after the other, and what its node says; the last page ends the task. */
function poolRig(members: readonly (string | null)[], pages: readonly Page[]) {
  const asked: unknown[] = [];
  const heard: unknown[] = [];
  const sought: unknown[] = [];
  const end = Promise.withResolvers<unknown>();
  const { calls, faults } = callsOf({
    look: (id: string) => Promise.resolve({ placement: { node: `node of ${id}` } }),
    serve: (node: string, _: string, { seen }: { seen: number }) => {
      const next = pages[asked.length];
      asked.push(`${node} from ${seen}`);
      if (asked.length >= pages.length) end.resolve('done');
      return Promise.resolve(next ?? { values: [], count: seen });
    },
  });
  const give = (command: Asked) => {
    if (command.type !== 'locate') return end.promise;
    sought.push(command.callId);
    return Promise.resolve(members[Math.min(sought.length, members.length) - 1]);
  };
  const task = { type: 'work', onProgress: (value: unknown) => heard.push(value) };
  return { output: calls.executeBy('crew', give as never, task), asked, heard, sought, faults };
}

describe('a task of a pool', () => {
  it('is followed at the member that has it, which is asked for again only once that is quiet', async () => {
    const pages = [page(1, 'a'), page(2, 'b'), page(2), page(3, 'c')];
    const { output, asked, heard, sought, faults } = poolRig(['m-1', 'm-2'], pages);
    expect(await output).toBe('done');
    expect(heard).toEqual(['a', 'b', 'c']);
    expect(asked.slice(0, 4)).toEqual([
      'node of m-1 from 0',
      'node of m-1 from 1',
      'node of m-1 from 2',
      // Another member has it by now, whose node has told nothing yet.
      'node of m-2 from 0',
    ]);
    expect(new Set(sought).size).toBe(1);
    expect([sought.length, faults]).toEqual([2, []]);
  });

  it('that no member has, or that the pool knows no more, is looked for again', async () => {
    const { output, heard, asked } = poolRig(
      [null, null, 'm-1', null],
      [page(1, 'a'), page(1), page(2, 'b')],
    );
    expect(await output).toBe('done');
    expect(heard).toEqual(['a', 'b']);
    expect(asked.slice(0, 3)).toEqual(['node of m-1 from 0', 'node of m-1 from 1', 'node of m-1 from 1']);
  });
});

const away = () => Promise.reject(new AgentSystemError('NODE_UNREACHABLE', 'slow'));

const following = (given: Record<string, unknown>, task: object, options: object = {}) => {
  const end = Promise.withResolvers<unknown>();
  const { calls, faults } = callsOf({ give: () => end.promise, look: lookAtN, ...given });
  return { output: calls.execute('a', { type: 'work', ...task }, options), end, faults };
};

describe('a caller that follows its task', () => {
  it('and throws at one value is told so, and gets the next', async () => {
    const heard: unknown[] = [];
    let count = 0;
    const serve = () => Promise.resolve(count++ === 0 ? page(2, 'bad', 'good') : page(2));
    const onProgress = (value: unknown) => {
      if (value === 'bad') throw new Error('no');
      heard.push(value);
      end.resolve('done');
    };
    const { output, end, faults } = following({ serve }, { onProgress });
    expect(await output).toBe('done');
    expect([heard, faults]).toEqual([['good'], [['a listener of progress threw', 'no']]]);
  });

  it.each(['serve', 'look'])('gets its output though %s fails, and the fault is told once', async (what) => {
    const failing = () => {
      end.resolve('done');
      return Promise.reject(new Error('broken'));
    };
    const { output, end, faults } = following({ [what]: failing }, { onProgress: () => undefined });
    expect(await output).toBe('done');
    expect(faults).toEqual([['the progress of a task could not be followed', 'broken']]);
  });

  it('is asked from the last node where its agent is forgotten meanwhile', async () => {
    const asked: unknown[] = [];
    let looks = 0;
    const look = () => {
      looks += 1;
      if (looks === 1) return Promise.resolve({ placement: { node: 'n' } });
      return Promise.reject(new AgentSystemError('AGENT_NOT_FOUND', 'gone'));
    };
    const serve = (node: string, _: string, { seen }: { seen: number }) => {
      asked.push([node, seen]);
      if (asked.length === 2) end.resolve('done');
      return Promise.resolve(page(1, ...(seen === 0 ? ['a'] : [])));
    };
    const { output, end, faults } = following({ look, serve }, { onProgress: () => undefined });
    expect(await output).toBe('done');
    expect(asked.slice(0, 2)).toEqual([
      ['n', 0],
      ['n', 1],
    ]);
    expect(faults).toEqual([]);
  });

  it('says what it has read each time it has read half of what may be under way', async () => {
    const told: unknown[] = [];
    let served = 0;
    const chunks = Array.from({ length: STREAM_WINDOW }, (_, chunk) => ({ chunk }));
    const serve = (
      node: string,
      what: string,
      given: { agentId?: string; count?: number },
      waitMs: number,
    ) => {
      if (what === 'taken')
        return Promise.resolve(void told.push([node, given.agentId, given.count, waitMs]));
      served += 1;
      if (served === 2) end.resolve('done');
      return Promise.resolve(
        served === 1 ? { values: chunks, count: chunks.length } : { values: [], count: 0 },
      );
    };
    const taken: unknown[] = [];
    const reader = {
      take: (chunk: unknown, done: () => void) => {
        taken.push(chunk);
        done();
      },
    };
    const { output, end, faults } = following({ serve }, {}, { reader });
    expect(await output).toBe('done');
    expect(taken).toHaveLength(STREAM_WINDOW);
    expect(told).toEqual([
      ['n', 'a', STREAM_WINDOW / 2, 0],
      ['n', 'a', STREAM_WINDOW, 0],
    ]);
    expect(faults).toEqual([]);
  });

  it('reads on after the end of its task as long as there is more', async () => {
    const heard: unknown[] = [];
    const asked: number[] = [];
    const { output, end, faults } = following(
      {
        serve: (_node: string, _what: string, { seen }: { seen: number }) => {
          asked.push(seen);
          end.resolve('done');
          const isMore = seen < 2 ? { isMore: true } : {};
          return Promise.resolve({ ...page(seen + 1, seen), ...isMore });
        },
      },
      { onProgress: (value: unknown) => heard.push(value) },
    );
    expect(await output).toBe('done');
    expect([heard, asked, faults]).toEqual([[0, 1, 2], [0, 1, 2], []]);
  });

  it.each(['goes on', 'has ended'])(
    'fails by a chunk that cannot be sent, after those before; its task %s',
    async (how) => {
      const given: unknown[] = [];
      const end = Promise.withResolvers<unknown>();
      const give = (_id: string, command: { readonly type: string }): Promise<unknown> => {
        given.push(command.type);
        if (command.type === 'cancelCall') end.reject(new AgentSystemError('TASK_ABANDONED', 'cancelled'));
        return command.type === 'execute' ? end.promise : Promise.resolve(null);
      };
      let served = 0;
      const serve = () => {
        served += 1;
        if (served > 1) return new Promise(() => undefined);
        if (how === 'has ended') end.resolve('done');
        return Promise.resolve({
          values: [{ chunk: 1 }, { unsendable: 'too large' }, { chunk: 3 }],
          count: 3,
        });
      };
      const taken: unknown[] = [];
      const { output } = following(
        { give, serve },
        {},
        { reader: { take: (chunk: unknown) => taken.push(chunk) } },
      );
      await expect(output).rejects.toMatchObject({
        code: 'TASK_FAILED',
        message: 'task work: a chunk cannot be sent: too large',
      });
      expect(taken).toEqual([1]);
      expect(given).toEqual(how === 'goes on' ? ['execute', 'cancelCall'] : ['execute']);
    },
  );

  it('reads the last chunks of its task from a node that is slow, with more time for each try', async () => {
    const times: number[] = [];
    const serve = (_node: string, _what: string, _asked: unknown, timeoutMs: number) => {
      times.push(timeoutMs);
      end.resolve('done');
      return times.length <= 3 ? away() : Promise.resolve({ values: [{ chunk: 1 }], count: 1 });
    };
    const taken: unknown[] = [];
    const reader = { take: (chunk: unknown) => taken.push(chunk) };
    const { output, end } = following({ serve }, {}, { reader });
    expect(await output).toBe('done');
    expect(taken).toEqual([1]);
    expect(times.slice(1)).toEqual([10_000, 20_000, 30_000]);
  });

  it('fails where the last chunks of its task are lost with its node', async () => {
    const reader = { take: () => undefined };
    const { output, end } = following({ serve: away }, {}, { reader });
    end.resolve('done');
    await expect(output).rejects.toMatchObject({
      code: 'TASK_FAILED',
      message: 'task work: its node has not given its last chunks',
    });
    const told = following({ serve: away }, { onProgress: () => undefined });
    told.end.resolve('done');
    expect(await told.output).toBe('done');
  });

  it('is told at once that its task has failed, whose node is asked for its last chunks once, and not for long', async () => {
    const times: number[] = [];
    const serve = (_node: string, _what: string, _asked: unknown, timeoutMs: number) => {
      times.push(timeoutMs);
      if (times.length === 3) end.reject(new Error('its own'));
      return away();
    };
    const { output, end } = following({ serve }, {}, { reader: { take: () => undefined } });
    await expect(output).rejects.toThrow('its own');
    expect(times).toEqual([1_000, 11_000, 21_000, 0]);
  });

  it('waits for a page for so long at the most, however often there was none, and begins anew at another node', async () => {
    const times: number[] = [];
    const look = () => Promise.resolve({ placement: { node: times.length < 7 ? 'n' : 'm' } });
    const serve = (_node: string, _what: string, _asked: unknown, timeoutMs: number) => {
      times.push(timeoutMs);
      if (times.length === 8) end.resolve('done');
      return times.length <= 7 ? away() : Promise.resolve(page(0));
    };
    const { output, end } = following({ look, serve }, { onProgress: () => undefined });
    expect(await output).toBe('done');
    expect(times.slice(0, 8)).toEqual([1_000, 11_000, 21_000, 31_000, 31_000, 31_000, 31_000, 1_000]);
  });

  it('leaves nothing behind for each page that it reads', async () => {
    const there = new Set<unknown>();
    const { addEventListener, removeEventListener } = EventTarget.prototype;
    vi.spyOn(EventTarget.prototype, 'addEventListener').mockImplementation(function (
      this: EventTarget,
      ...given
    ) {
      if (given[0] === 'abort') there.add(given[1]);
      addEventListener.apply(this, given);
    });
    vi.spyOn(EventTarget.prototype, 'removeEventListener').mockImplementation(function (
      this: EventTarget,
      ...given
    ) {
      there.delete(given[1]);
      removeEventListener.apply(this, given);
    });
    let most = 0;
    let count = 0;
    const serve = () => {
      most = Math.max(most, there.size);
      count += 1;
      if (count === 50) end.resolve('done');
      return Promise.resolve(page(count, count));
    };
    const { output, end } = following({ serve }, { onProgress: () => undefined });
    expect(await output).toBe('done');
    expect(most).toBeLessThanOrEqual(1);
    expect(there.size).toBe(0);
  });
});

it('a tracer that fails changes no call, and is reported once', async () => {
  const faults: unknown[] = [];
  const reportFault = (...fault: unknown[]) => void faults.push(fault);
  const tracer = {
    startSpan: () => {
      throw new Error('the collector is away');
    },
  };
  const commands = { assertOpen: () => undefined, give: () => Promise.resolve('done') };
  const telemetry = new Telemetry({ tracer: tracer as never }, reportFault);
  const calls = new FleetCalls(commands as never, reportFault, telemetry);
  expect(await calls.execute('a', { type: 'count' })).toBe('done');
  expect(await calls.executeBy('crowd', () => Promise.resolve('done'), { type: 'count' })).toBe('done');
  expect(faults).toHaveLength(1);
});
