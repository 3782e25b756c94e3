/** What viewers are sent in which round, on parts that a test says: no agents, no sockets. */
import { EventEmitter } from 'node:events';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { Topic } from '../../src/dashboard.ts';
import { Viewers } from '../../src/dashboard/viewers.ts';

interface Message {
  readonly name: string;
  readonly id: string;
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly data: any;
}

class SaidResponse extends EventEmitter {
  readonly messages: Message[] = [];
  writableLength = 0;
  isDestroyed = false;

  write(text: string): void {
    const [, name, id, data] = /^event: (\w+)\nid: (.*)\ndata: (.*)\n\n$/.exec(text)!;
    this.messages.push({ name: name!, id: id!, data: JSON.parse(data!) });
  }
  end(text: string): void {
    this.messages.push({ name: text, id: '', data: undefined });
  }
  destroy(): void {
    this.isDestroyed = true;
    this.emit('close');
  }
  /** What came since it was asked last, in few words. */
  taken(): string[] {
    return this.messages.splice(0).map(({ name, data }) => (data?.reset ? `${name} anew` : name));
  }
}

const settle = async () => {
  for (let turn = 0; turn < 12; turn += 1) await new Promise(setImmediate);
};

/** The next round. */
const round = async () => {
  vi.advanceTimersByTime(250);
  await settle();
};

/** Viewers, and all that they are told of. */
function said() {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  const calls: string[] = [];
  const counted =
    <Report>(name: string, report: () => Report) =>
    () => {
      calls.push(name);
      return report();
    };
  const at = { samples: 0, marks: 0, version: 0, value: 0 };
  /** Events of the store. */
  const stored: { sequence: number; agentId: string; type: string }[] = [];
  let heard: ((event: object) => void) | undefined;
  const faults: unknown[] = [];
  const filled: { promise: Promise<void> } = { promise: Promise.resolve() };
  let subscriptions = 0;
  let holds = 0;
  const table = {
    get version() {
      return at.version;
    },
    refresh: vi.fn(async () => {}),
    setAlerts: vi.fn(),
    reaches: (version: number) => version >= 0 && version <= at.version,
    /** Version n is of the row n. */
    after: (version: number, limit: number) => {
      const reached = Math.min(at.version, Math.max(0, version) + limit);
      const rows = Array.from({ length: reached - version }, (_, n) =>
        JSON.stringify({ id: `a${version + n + 1}` }),
      );
      return { rows, gone: [], version: reached, isMore: reached < at.version };
    },
    get: (id: string) => (id === 'ada' ? { row: { id } } : undefined),
    childrenOf: () => [],
  };
  const options = {
    system: {
      events: {
        subscribe: (listener: typeof heard) => {
          subscriptions += 1;
          heard = listener;
          return () => {
            subscriptions -= 1;
            heard = undefined;
          };
        },
        async *read({ after = 0, limit = Infinity }: { after?: number; limit?: number }) {
          yield* stored.filter(({ sequence }) => sequence > after).slice(0, limit);
        },
      },
      alerts: { list: () => ['an alert'] },
    },
    watch: {
      hold: () => ((holds += 1), { epoch: 'epoch', table, filled: filled.promise }),
      release: () => (holds -= 1),
    },
    chronicle: {
      get last() {
        return at.marks;
      },
      reaches: (order: number) => order >= 0 && order <= at.marks,
      after: (order: number, limit: number) =>
        Array.from({ length: at.marks - Math.max(0, order) }, (_, n) => ({
          order: Math.max(0, order) + n + 1,
        })).slice(0, limit),
      newest: async () => stored.at(-1)?.sequence ?? 0,
    },
    vitals: {
      get taken() {
        return at.samples;
      },
      after: (taken: number) => Array.from({ length: at.samples - taken }, (_, n) => taken + n + 1),
    },
    reports: {
      fleet: counted('fleet', () => at.value),
      coordination: counted('coordination', () => at.value),
      pools: counted('pools', () => at.value),
      agent: vi.fn((_id: string, _row: object, _children: readonly object[]) => at.value),
      chart: vi.fn(async (_: string): Promise<object | null> => null),
    },
    work: {
      needs: counted('needs', () => at.value),
      work: counted('work', () => at.value),
      questions: counted('questions', () => at.value),
      limits: counted('limits', () => at.value),
      tasks: counted('tasks', () => ({ tasks: at.value })),
    },
    redaction: { event: ({ sequence }: { sequence: number }) => sequence },
    hello: () => ({}),
    onFault: (thrown: unknown) => faults.push(thrown),
  };
  const viewers = new Viewers(options as never);
  onTestFinished(() => viewers.close());
  const join = async (topics: string, position?: string) => {
    const response = new SaidResponse();
    viewers.join(response as never, { topics: new Set(topics.split(',') as Topic[]), position });
    await settle();
    return response;
  };
  const event = (sequence: number, agentId: string | undefined = 'ada', type = 'agent.started') => {
    if (agentId !== undefined) stored.push({ sequence, agentId, type });
    heard?.({ sequence, agentId, type });
  };
  const taken = () => calls.splice(0).toSorted().join(' ');
  return {
    viewers,
    join,
    round,
    event,
    at,
    table,
    options,
    taken,
    stored,
    filled,
    faults,
    held: () => [holds, subscriptions],
  };
}

it('a new viewer is told all anew, and from then on what is new alone, with its position', async () => {
  const { join, at } = said();
  Object.assign(at, { samples: 2, marks: 3, version: 4 });
  const viewer = await join('fleet,agents,marks');
  const ids = viewer.messages.map(({ id }) => id);
  const all = viewer.messages.map(({ data }) => data);
  expect(viewer.taken()).toEqual(['hello', 'fleet', 'needs', 'samples anew', 'marks anew', 'agents anew']);
  expect(all.slice(3)).toMatchObject([
    { samples: [1, 2] },
    { marks: [{ order: 1 }, { order: 2 }, { order: 3 }], more: false },
    { agents: [{ id: 'a1' }, { id: 'a2' }, { id: 'a3' }, { id: 'a4' }], gone: [], more: false },
  ]);
  expect(ids[0]).toBe(`epoch.-1.-1.${Number.MIN_SAFE_INTEGER}.-1`);
  expect(ids.at(-1)).toBe('epoch.4.2.3.-1');
  await round();
  expect(viewer.taken()).toEqual([]);
  Object.assign(at, { samples: 3, marks: 4, version: 5 });
  await round();
  expect(viewer.messages.map(({ data }) => data)).toMatchObject([
    { samples: [3] },
    { marks: [{ order: 4 }] },
    { agents: [{ id: 'a5' }] },
  ]);
  expect(viewer.taken()).toEqual(['samples', 'marks', 'agents']);
  const back = await join('fleet,agents,marks', 'epoch.4.2.3.-1');
  expect(back.messages.slice(3).map(({ data }) => data)).toMatchObject([
    { samples: [3] },
    { marks: [{ order: 4 }] },
    { agents: [{ id: 'a5' }] },
  ]);
  expect(back.taken()).toEqual(['hello', 'fleet', 'needs', 'samples', 'marks', 'agents']);
});

it.each(['other.4.2.3.-1', 'epoch.4.2.3', 'epoch.4.2.3.1.1', 'epoch.4.2.x.1', 'epoch.4.2..1'])(
  'the position %s counts for nothing',
  async (position) => {
    const { join, at } = said();
    Object.assign(at, { samples: 2, marks: 3, version: 4 });
    const viewer = await join('agents,marks', position);
    expect(viewer.taken()).toEqual(['hello', 'marks anew', 'agents anew']);
  },
);

it('what is much comes in pieces of 500 rows and 2,000 marks, and the last of them says so', async () => {
  const { join, at } = said();
  Object.assign(at, { marks: 4_001, version: 1_001 });
  const viewer = await join('agents,marks');
  const pieces = viewer.messages
    .slice(1)
    .map(({ name, data }) => [name, (data.agents ?? data.marks).length, data.more, data.reset ?? false]);
  expect(pieces).toEqual([
    ['marks', 2_000, true, true],
    ['agents', 500, true, true],
    ['marks', 2_000, true, false],
    ['agents', 500, true, false],
    ['marks', 1, false, false],
    ['agents', 1, false, false],
  ]);
});

it('one that has more than 256,000 bytes to read is sent nothing more until it has read', async () => {
  const { join, event, at } = said();
  const viewer = await join('fleet,agents,marks,agent:ada,work');
  viewer.taken();
  const change = async (sequence: number) => {
    at.version += 1;
    at.samples += 1;
    at.value += 1;
    event(sequence);
    await round();
  };
  viewer.writableLength = 256_001;
  await change(1);
  for (let n = 0; n < 4; n += 1) await round();
  expect(viewer.taken()).toEqual([]);
  viewer.writableLength = 256_000;
  viewer.emit('drain');
  await settle();
  expect(viewer.taken()).toEqual(['fleet', 'needs', 'work', 'agent', 'tasks', 'events', 'samples', 'agents']);
});

it('each report is made every so many rounds, once for all viewers, and sent where it is another', async () => {
  const { join, at, taken } = said();
  const topics = 'fleet,work,questions,limits,coordination,pools,agent:ada';
  const [viewer, other] = [await join(topics), await join(topics)];
  expect(taken()).toBe('coordination fleet limits needs pools questions tasks work');
  expect(viewer.taken()).toEqual(other.taken());
  const rounds: string[] = [];
  for (let n = 0; n < 4; n += 1) {
    at.value += 1;
    await round();
    rounds.push(taken());
    expect(viewer.taken()).toEqual(other.taken());
  }
  const often = 'fleet questions';
  const all = 'coordination fleet limits needs pools questions tasks work';
  expect(rounds).toEqual([often, 'coordination fleet limits questions work', often, all]);
  for (let n = 0; n < 4; n += 1) await round();
  expect(viewer.taken()).toEqual([]);
});

it('the table is held, events are heard and rounds go on while there is a viewer', async () => {
  const { viewers, join, table, held } = said();
  expect([viewers.size, ...held()]).toEqual([0, 0, 0]);
  const [one, two] = [await join('agents'), await join('agents')];
  expect([viewers.size, ...held()]).toEqual([2, 1, 1]);
  one.emit('close');
  one.emit('close');
  await round();
  expect([viewers.size, ...held(), table.refresh.mock.calls.length]).toEqual([1, 1, 1, 1]);
  two.emit('close');
  two.emit('close');
  expect(vi.getTimerCount()).toBe(0);
  await round();
  expect([viewers.size, ...held(), table.refresh.mock.calls.length]).toEqual([0, 0, 0, 1]);
  const three = await join('agents');
  await round();
  expect([viewers.size, ...held(), table.refresh.mock.calls.length]).toEqual([1, 1, 1, 2]);
  viewers.close();
  expect(three.messages.at(-1)?.name).toBe('event: bye\ndata: {}\n\n');
  expect([viewers.size, ...held()]).toEqual([0, 0, 0]);
});

it('a round that takes longer than a tick has none beside it', async () => {
  const { join, table } = said();
  await join('agents');
  const long = Promise.withResolvers<void>();
  table.refresh.mockReturnValueOnce(long.promise);
  for (let n = 0; n < 3; n += 1) await round();
  expect(table.refresh).toHaveBeenCalledTimes(1);
  long.resolve();
  await settle();
  await round();
  expect(table.refresh).toHaveBeenCalledTimes(2);
});

it('alerts are read again in the round after one was raised or cleared, and in no other', async () => {
  const { join, event, table } = said();
  await join('agents');
  const counts: number[] = [];
  for (const type of ['agent.started', 'alert.raised', undefined, 'alert.cleared', undefined]) {
    if (type !== undefined) event(counts.length + 1, 'ada', type);
    await round();
    counts.push(table.setAlerts.mock.calls.length);
  }
  expect(counts).toEqual([0, 1, 1, 2, 2]);
  expect(table.setAlerts).toHaveBeenCalledWith(['an alert']);
});

it('what fails is told, ends the connection that it was for, and the next round goes on', async () => {
  const { join, table, faults, options } = said();
  const viewer = await join('fleet');
  const failure = new Error('unreadable');
  table.refresh.mockRejectedValueOnce(failure);
  await round();
  expect([faults, viewer.isDestroyed]).toEqual([[failure], false]);
  options.reports.fleet = () => {
    throw failure;
  };
  await round();
  expect([faults, viewer.isDestroyed]).toEqual([[failure, failure], true]);
});

/** The events of each message since it was asked last, and whether they are told anew. */
const eventsOf = ({ messages }: SaidResponse) =>
  messages
    .splice(0)
    .flatMap(({ name, data }) => (name === 'events' ? [[data.reset ?? false, ...data.events]] : []));
const numbers = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, n) => first + n);

it('of an agent the newest 400 events are told at first, then each once, whoever comes when', async () => {
  const { join, event, stored } = said();
  for (let sequence = 1; sequence <= 500; sequence += 1) event(sequence);
  const early = await join('agent:ada');
  expect(eventsOf(early)).toEqual([[true, ...numbers(101, 500)]]);
  await round();
  expect(eventsOf(early)).toEqual([]);
  event(501);
  event(502, 'bob');
  event(503);
  await round();
  expect(eventsOf(early)).toEqual([[false, 501, 503]]);
  const back = await join('agent:ada', `epoch.0.0.0.501`);
  expect(eventsOf(back)).toEqual([[false, 503]]);
  await round();
  expect(eventsOf(early)).toEqual([]);
  // More than are held until the viewer is told: the oldest of them are dropped.
  for (let sequence = 504; sequence <= 1_500; sequence += 1) event(sequence);
  await round();
  expect(eventsOf(early)).toEqual([[true, ...numbers(1_101, 1_500)]]);
  stored.length = 0;
  const late = await join('agent:ada', 'epoch.0.0.0.1499');
  expect(eventsOf(late)).toEqual([[false, 1_500]]);
});

it('an agent’s chart is looked at for its viewers alone, at its events and once a second', async () => {
  const { join, event, options } = said();
  onTestFinished(() => void vi.useRealTimers());
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
  const { chart } = options.reports;
  const [one, two] = [await join('agent:ada'), await join('agent:ada')];
  expect(chart.mock.calls).toEqual([['ada']]);
  const looksIn = async (rounds: number) => {
    chart.mockClear();
    for (let n = 0; n < rounds; n += 1) await round();
    return chart.mock.calls.length;
  };
  expect(await looksIn(3)).toBe(0);
  expect(await looksIn(1)).toBe(1);
  event(1, 'bob');
  expect(await looksIn(3)).toBe(0);
  event(2);
  await settle();
  expect(chart).toHaveBeenCalledTimes(1);
  one.emit('close');
  expect(await looksIn(4)).toBe(1);
  two.emit('close');
  await join('agents');
  event(3);
  expect(await looksIn(8)).toBe(0);
});

it('of an agent up to 799 events are held for its viewers, and with one more the newest 400', async () => {
  const { join, event, stored } = said();
  for (let sequence = 1; sequence <= 500; sequence += 1) event(sequence);
  await join('agent:ada');
  const isAnewFrom = async (position: number) => {
    const { messages } = await join('agent:ada', `epoch.0.0.0.${position}`);
    const { data } = messages.find(({ name }) => name === 'events')!;
    return [data.reset ?? false, data.events.length, data.events[0]];
  };
  for (let sequence = 501; sequence <= 899; sequence += 1) event(sequence);
  expect(await isAnewFrom(100)).toEqual([false, 400, 500]);
  event(900);
  expect(await isAnewFrom(500)).toEqual([false, 400, 501]);
  expect(await isAnewFrom(600)).toEqual([false, 300, 601]);
  expect(await isAnewFrom(499)).toEqual([true, 400, 501]);
  expect(stored).toHaveLength(900);
});

it('while the table is filled nothing but the greeting is sent, and then all once, the past first', async () => {
  const { join, event, at, filled } = said();
  const filling = Promise.withResolvers<void>();
  filled.promise = filling.promise;
  Object.assign(at, { samples: 1, marks: 1, version: 1 });
  const viewer = await join('fleet,agents,marks,agent:ada');
  event(1);
  for (let n = 0; n < 3; n += 1) await round();
  expect(viewer.taken()).toEqual(['hello']);
  filling.resolve();
  await settle();
  const reports = ['fleet', 'needs', 'agent', 'chart', 'tasks'];
  expect(viewer.taken()).toEqual([...reports, 'events anew', 'samples anew', 'marks anew', 'agents anew']);
});

it.each([
  ['rows', { version: 2_001 }, 5],
  ['marks', { marks: 8_001 }, 5],
])('much of %s alone comes in pieces too, each in a turn of its own', async (_, much, pieces) => {
  const { viewers, at } = said();
  Object.assign(at, much);
  const response = new SaidResponse();
  viewers.join(response as never, { topics: new Set<Topic>(['agents', 'marks']), position: 'epoch.0.0.0.0' });
  const counts: number[] = [];
  for (let turn = 0; turn < 12; turn += 1) {
    await new Promise(setImmediate);
    counts.push(response.messages.length - 1);
  }
  expect(counts.at(-1)).toBe(pieces);
  expect(Math.max(...counts.map((count, turn) => count - (counts[turn - 1] ?? 0)))).toBe(1);
});

it.each(['needs', 'work', 'questions', 'limits', 'tasks', 'coordination', 'pools', 'agent'] as const)(
  'a report on %s that fails is told of, and ends the connection that it was for',
  async (report) => {
    const { join, options, faults } = said();
    const failure = new Error('unreadable');
    const fail = () => {
      throw failure;
    };
    if (report in options.work) Object.assign(options.work, { [report]: fail });
    else Object.assign(options.reports, { [report]: fail });
    const viewer = await join('fleet,work,questions,limits,coordination,pools,agent:ada');
    expect([faults, viewer.isDestroyed]).toEqual([[failure], true]);
  },
);

it('one that has left is sent nothing more, though a report was being made for it', async () => {
  const { join, options, at } = said();
  const viewer = await join('fleet,agents');
  viewer.taken();
  const slow = Promise.withResolvers<number>();
  options.reports.fleet = () => slow.promise as never;
  at.version += 1;
  await round();
  viewer.emit('close');
  slow.resolve(7);
  await settle();
  expect(viewer.taken()).toEqual([]);
});

it('a broken connection is ended', async () => {
  const { viewers, join } = said();
  const viewer = await join('agents');
  viewer.emit('error', new Error('reset by peer'));
  expect([viewer.isDestroyed, viewers.size]).toEqual([true, 0]);
});

it('who comes once all have left is told how things are now', async () => {
  const { join, at } = said();
  const first = await join('fleet');
  first.emit('close');
  at.value = 5;
  const second = await join('fleet');
  expect(second.messages.find(({ name }) => name === 'fleet')?.data).toBe(5);
});

it('what an agent does is told to its viewers, each round where it has changed, and its chart at once', async () => {
  const { join, event, at, options } = said();
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
  const { agent, chart } = options.reports;
  const [viewer, other] = [await join('agent:ada'), await join('agent:bob')];
  expect(agent.mock.calls).toEqual([['ada', { id: 'ada' }, []]]);
  expect(other.messages.find(({ name }) => name === 'agent')?.data).toEqual({ detail: null });
  expect(viewer.taken()).toEqual(['hello', 'agent', 'chart', 'tasks', 'events anew']);
  other.taken();
  for (let n = 1; n <= 2; n += 1) {
    at.value = n;
    await round();
    expect(viewer.taken()).toEqual(['agent']);
  }
  chart.mockResolvedValue({ active: ['idle'] });
  event(1);
  await settle();
  expect(viewer.taken()).toEqual(['chart', 'events']);
  expect(other.taken()).toEqual([]);
  await round();
  expect(viewer.taken()).toEqual([]);
  // A look that was due is none once its last viewer has left, and one that comes back has its own.
  event(2);
  event(3);
  viewer.emit('close');
  chart.mockClear();
  await round();
  expect(chart).not.toHaveBeenCalledWith('ada');
  await join('agent:ada');
  expect(chart).toHaveBeenCalledWith('ada');
});
