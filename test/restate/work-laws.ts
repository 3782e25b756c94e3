/**
 * Laws of work, whatever a fleet runs on: attempts, limits, order, steps, what agents ask of each other, streams, specs
 * that change. As laws.ts, run on one program and on machines.
 */
import { expect, test } from 'vitest';
import { type AgentCode, type AgentRecord, defineAgent } from '../../src/index.ts';
import { eventually } from '../kit/eventually.ts';
import { refusal } from '../kit/rig.ts';
import type { Subject } from './laws.ts';

/** What was begun, by agent. */
const diaries = new Map<string, string[]>();
const diaryOf = (id: string): string[] => diaries.get(id) ?? [];
function write(id: string, entry: string): void {
  diaries.set(id, [...diaryOf(id), entry]);
}

interface State {
  readonly id: string;
  tries: number;
}

/** What a client of a provider throws when that says: not now. */
class TooMany extends Error {
  readonly status = 429;
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number) {
    super('too many requests');
    this.retryAfterMs = retryAfterMs;
  }
}

function begun(id: string, input: unknown): unknown {
  write(id, String(input));
  return input;
}

const child = defineAgent({ type: 'child', init: () => ({}), tasks: {} });

const hand = defineAgent({
  type: 'hand',
  init: ({ agentId, restored }): State => (restored as State | undefined) ?? { id: agentId, tries: 0 },
  tasks: {
    flaky: {
      retry: { attempts: 3, backoff: { delayMs: 20, maxDelayMs: 20, jitter: 0 } },
      run: ({ input, attempt }) => {
        if (attempt < (input as number)) throw new Error(`not at attempt ${attempt}`);
        return attempt;
      },
    },
    limited: {
      run: ({ state, input }) => {
        write(state.id, 'limited');
        const { calls, resetMs } = input as { calls: number; resetMs: number };
        if (diaryOf(state.id).length <= calls) throw new TooMany(resetMs);
        return diaryOf(state.id).length;
      },
    },
    note: { run: ({ input, state }) => begun(state.id, input) },
    urgent: { priority: 5, run: ({ input, state }) => begun(state.id, input) },
    single: { concurrency: 1, run: ({ input, state }) => begun(state.id, input) },
    steps: {
      retry: { attempts: 2, backoff: { delayMs: 10, maxDelayMs: 10, jitter: 0 } },
      run: async ({ step, state, attempt }) => {
        const one = await step('one', () => {
          write(state.id, 'one');
          return 1;
        });
        const two = await step('two', () => {
          write(state.id, 'two');
          return 2;
        });
        if (attempt === 1) throw new Error('once more');
        return [one, two, attempt];
      },
    },
    delegate: {
      run: ({ input, agents }) => {
        const { to, task } = input as {
          to: string | { pool: string };
          task: { type: string; input?: unknown };
        };
        return agents.execute(to, task);
      },
    },
    /** Asks for what is held, under a key; its agent has been asked once it has noted this one. */
    join: {
      run: async ({ input: to, agents, taskId }) => {
        const held = agents.execute(to as string, { type: 'hold', idempotencyKey: `held of ${String(to)}` });
        held.catch(() => undefined);
        await agents.execute(to as string, { type: 'note', input: taskId });
        return held;
      },
    },
    /** Waits until another task has noted something, then has the agent of that do something. */
    askBack: {
      run: async ({ agents, input, state }) => {
        const noted = await eventually(
          () => diaryOf(state.id),
          (diary) => diary.includes(String(input)),
        );
        write(state.id, `${noted.length} noted`);
        return agents.execute(input as string, { type: 'note' });
      },
    },
    /** As `askBack`, until it is refused: that others wait for its callers, it may hear a moment later. */
    askBackOften: {
      run: async ({ agents, input, state }) => {
        await eventually(
          () => diaryOf(state.id),
          (diary) => diary.includes(String(input)),
        );
        for (let left = 20; ; left -= 1) {
          try {
            return await agents.execute(input as string, { type: 'note', timeoutMs: 300 });
          } catch (thrown) {
            if (left === 0 || !(thrown as Error).message.includes('still waiting')) throw thrown;
          }
        }
      },
    },
    /** Joins a `delegate` that has an agent `askBackOften`, and tells that agent. */
    joinOver: {
      run: async ({ input, agents, state }) => {
        const { over, of, asked } = input as { over: string; of: string; asked: object };
        const joined = agents.execute(over, asked as never);
        joined.catch(() => undefined);
        await agents.execute(of, { type: 'note', input: state.id });
        return joined;
      },
    },
    joinBack: {
      run: async ({ input: to, agents, state }) => {
        const input = state.id;
        const key = `back of ${String(to)}`;
        const asked = agents.execute(to as string, { type: 'askBack', idempotencyKey: key });
        asked.catch(() => undefined);
        await agents.execute(to as string, { type: 'note', input });
        return asked;
      },
    },
    loop: {
      run: ({ agents, input }) => {
        const [to, ...rest] = input as string[];
        return agents.execute(to!, { type: 'loop', input: [...rest, to!], idempotencyKey: `loop of ${to}` });
      },
    },
    /** Once another agent has such a task, too, it joins that. */
    cross: {
      run: async ({ agents, input, state }) => {
        const to = input as string;
        write(state.id, 'here');
        await eventually(
          () => diaryOf(to),
          (diary) => diary.includes('here'),
        );
        return agents.execute(to, { type: 'cross', input: state.id, idempotencyKey: `crossed by ${to}` });
      },
    },
    spawn: { run: ({ agents, input }) => agents.spawn({ module: child, id: input as string }) },
    emit: {
      run: async ({ input, emit }) => {
        for (let chunk = 1; chunk <= (input as number); chunk++) await emit(chunk);
        return 'all';
      },
    },
    listed: { run: ({ input }) => input },
    hold: {
      run: ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('let go')))),
    },
  },
});

const filer = defineAgent({
  type: 'filer',
  init: ({ agentId }): State => ({ id: agentId, tries: 0 }),
  tasks: { file: { run: ({ input, state }) => begun(state.id, input) } },
});

export const workAgents: readonly AgentCode[] = [hand, child, filer];

const waits =
  (count: number) =>
  ({ metrics }: AgentRecord): boolean =>
    metrics.waiting === count;

/** @param subjectOf the fleet that all laws are tried on; each has agents of its own */
export function workLaws(subjectOf: () => Subject): void {
  const agents = () => subjectOf().agents;
  const started = async (spec: object = {}): Promise<string> => {
    const id = await agents().register({ module: hand, ...spec });
    await agents().start(id);
    return id;
  };
  const until = (id: string, isIt: (record: AgentRecord) => boolean): Promise<AgentRecord> =>
    eventually(() => agents().get(id), isIt);
  test('what an agent asks of another under a key is done once, and ends with the one that asks', async () => {
    const [one, two] = [await started(), await started()];
    const delegated = (type: string) => ({
      type: 'delegate',
      input: { to: two, task: { type, input: type, idempotencyKey: `${type} of ${two}` } },
    });
    for (let time = 0; time < 2; time += 1) {
      expect(await agents().execute(one, delegated('note'))).toBe('note');
      expect(diaryOf(two)).toEqual(['note']);
    }
    const held = (status: string) =>
      eventually(
        () => subjectOf().tasks.list({ agentId: two, type: 'hold' }),
        (tasks) => tasks[0]?.status === status,
      );
    const ids = new Set<string>();
    for (let time = 0; time < 2; time += 1) {
      const { id } = await subjectOf().tasks.submit(one, delegated('hold'));
      for (const task of await held('running')) ids.add(task.id);
      await subjectOf().tasks.cancel(id);
      await held('cancelled');
    }
    expect(ids.size).toBe(1);
  });

  test.for([0, 1])(
    'what two ask for under one key ends with the last of them, whoever ends first: %s',
    async (first) => {
      const { tasks } = subjectOf();
      const to = await started({ tasks: { concurrency: 2 } });
      const callers: string[] = [];
      for (let caller = 0; caller < 2; caller += 1) {
        const { id } = await tasks.submit(await started(), { type: 'join', input: to });
        await eventually(
          () => diaryOf(to),
          (diary) => diary.includes(id),
        );
        callers.push(id);
      }
      const called = async () => (await tasks.list({ agentId: to, type: 'hold' }))[0]!;
      await tasks.cancel(callers[first]!);
      // What its caller leaves with it has been told its agent before that has done two more.
      for (let more = 0; more < 2; more += 1) await agents().execute(to, { type: 'note', input: more });
      expect(await called()).toMatchObject({ status: 'running', attempts: 1 });
      await tasks.cancel(callers[1 - first]!);
      await eventually(called, ({ status }) => status === 'cancelled');
    },
  );

  test('what somebody else submits, too, under the key of a call goes on without its callers', async () => {
    const { tasks } = subjectOf();
    const to = await started({ tasks: { concurrency: 2 } });
    const { id } = await tasks.submit(await started(), { type: 'join', input: to });
    await eventually(
      () => diaryOf(to),
      (diary) => diary.includes(id),
    );
    const called = await tasks.submit(to, { type: 'hold', idempotencyKey: `held of ${to}` });
    await tasks.cancel(id);
    for (let more = 0; more < 2; more += 1) await agents().execute(to, { type: 'note', input: more });
    expect(await tasks.get(called.id)).toMatchObject({ status: 'running', attempts: 1 });
    await tasks.cancel(called.id);
  });

  test('a call that joins a task which waits for its caller is refused, though that agent has a free place', async () => {
    const { tasks } = subjectOf();
    const [one, two] = [
      await started({ tasks: { concurrency: 2 } }),
      await started({ tasks: { concurrency: 2 } }),
    ];
    const asked = { type: 'loop', input: [two, one], idempotencyKey: `loop of ${one}` };
    const { id } = await tasks.submit(one, asked);
    const failed = await refusal(tasks.result(id));
    expect(failed.code).toBe('TASK_FAILED');
    const all = [...(await tasks.list({ agentId: one })), ...(await tasks.list({ agentId: two }))];
    expect(all.map(({ status }) => status)).toEqual(['failed', 'failed']);
    expect(JSON.stringify(all)).toContain(`agent ${two} would wait for itself: ${two} → ${one} → ${two}`);
  });

  test('two tasks that join each other in one moment do not wait for ever: the circle is named', async () => {
    const { tasks } = subjectOf();
    const [one, two] = [
      await started({ tasks: { concurrency: 2 } }),
      await started({ tasks: { concurrency: 2 } }),
    ];
    const cross = (by: string, input: string) =>
      tasks.submit(by, { type: 'cross', input, idempotencyKey: `crossed by ${by}` });
    const crossed = await Promise.all([cross(one, two), cross(two, one)]);
    for (const { id } of crossed) expect((await refusal(tasks.result(id))).code).toBe('TASK_FAILED');
    const all = [...(await tasks.list({ agentId: one })), ...(await tasks.list({ agentId: two }))];
    expect(all.map(({ status }) => status)).toEqual(['failed', 'failed']);
    expect(JSON.stringify(all)).toContain('would wait for itself');
  });

  test('a task of a key that asks an agent whose task has joined it is refused: that waits for it', async () => {
    const { tasks } = subjectOf();
    const [to, joined] = [await started({ tasks: { concurrency: 2 } }), await started()];
    const work = { type: 'askBack', input: joined, idempotencyKey: `back of ${to}` };
    const { id: called } = await tasks.submit(to, work);
    const { id } = await tasks.submit(joined, { type: 'joinBack', input: to });
    expect((await refusal(tasks.result(called))).cause).toMatchObject({
      message: `agent ${to} would wait for itself: ${to} → ${joined} → ${to}`,
    });
    expect((await refusal(tasks.result(id))).code).toBe('TASK_FAILED');
  });

  test('who joins a task waits for what that has asked for under a key before, too: asked back, that is refused', async () => {
    const { tasks } = subjectOf();
    const [over, of] = [
      await started({ tasks: { concurrency: 2 } }),
      await started({ tasks: { concurrency: 2 } }),
    ];
    const joining = await started();
    const task = { type: 'askBackOften', input: joining, idempotencyKey: `back of ${of}` };
    const asked = { type: 'delegate', input: { to: of, task }, idempotencyKey: `over ${over}` };
    await tasks.submit(over, asked);
    const [called] = await eventually(
      () => tasks.list({ agentId: of }),
      ([first]) => first?.status === 'running',
    );
    const { id } = await tasks.submit(joining, { type: 'joinOver', input: { over, of, asked } });
    const circle = `agent ${of} would wait for itself: ${of} → ${joining} → `;
    expect((await refusal(tasks.result(called!.id))).cause).toMatchObject({
      message: expect.stringContaining(circle),
    });
    expect((await refusal(tasks.result(id))).code).toBe('TASK_FAILED');
  });

  test('a task is tried as often as its kind says, and fails with the cause of its last attempt', async () => {
    const id = await started();
    expect(await agents().execute(id, { type: 'flaky', input: 2 })).toBe(2);
    const failed = await refusal(agents().execute(id, { type: 'flaky', input: 4 }));
    expect(failed).toMatchObject({ code: 'TASK_FAILED', cause: { message: 'not at attempt 3' } });
    const { tasks } = subjectOf();
    const { id: taskId } = await tasks.submit(id, { type: 'flaky', input: 5, retry: { attempts: 1 } });
    expect((await refusal(tasks.result(taskId))).code).toBe('TASK_FAILED');
    expect(await tasks.get(taskId)).toMatchObject({ status: 'failed', attempts: 1 });
  });

  test('an agent that runs into a limit is parked, and goes on with that very task once it is reset', async () => {
    const id = await started();
    const limited = agents().execute(id, { type: 'limited', input: { calls: 1, resetMs: 1_200 } });
    expect((await until(id, ({ parked }) => parked !== undefined)).parked).toMatchObject({
      why: 'too many requests',
    });
    const after = agents().execute(id, { type: 'note', input: 'after' });
    expect(await limited).toBe(2);
    expect(await after).toBe('after');
    expect(diaryOf(id)).toEqual(['limited', 'limited', 'after']);
    expect((await agents().get(id)).parked).toBeUndefined();
  });

  test('agents that share a quota park together, and all go on', async () => {
    const quota = `provider ${crypto.randomUUID()}`;
    const [one, other] = [await started({ quota }), await started({ quota })];
    const limited = agents().execute(one, { type: 'limited', input: { calls: 1, resetMs: 1_200 } });
    expect((await until(other, ({ parked }) => parked !== undefined)).parked).toMatchObject({ quota });
    expect(await agents().execute(other, { type: 'note', input: 'later' })).toBe('later');
    expect(await limited).toBe(2);
  });

  test('what is urgent is begun first, and a kind that is full holds up nobody else', async () => {
    const id = await started({ tasks: { concurrency: 2 } });
    await agents().pause(id);
    const work: Promise<unknown>[] = [];
    for (const [type, input] of [
      ['single', 'a'],
      ['single', 'b'],
      ['note', 'c'],
      ['urgent', 'd'],
    ]) {
      work.push(agents().execute(id, { type, input }));
      await until(id, waits(work.length));
    }
    await agents().resume(id);
    await Promise.all(work);
    const order = diaryOf(id);
    expect(order.slice(0, 2)).toEqual(['d', 'a']);
    expect(order.toSorted()).toEqual(['a', 'b', 'c', 'd']);
  });

  test('a step that was taken is not taken again by the next attempt', async () => {
    const id = await started();
    expect(await agents().execute(id, { type: 'steps' })).toEqual([1, 2, 2]);
    expect(diaryOf(id)).toEqual(['one', 'two']);
  });

  test('an agent has another do a task; one that would wait for itself is told so', async () => {
    const [one, other] = [await started(), await started()];
    const note = { type: 'note', input: 'hello' };
    expect(await agents().execute(one, { type: 'delegate', input: { to: other, task: note } })).toBe('hello');
    const back = { type: 'delegate', input: { to: one, task: note } };
    const circle = await refusal(
      agents().execute(one, { type: 'delegate', input: { to: other, task: back } }),
    );
    const codes: unknown[] = [];
    for (let error: unknown = circle; error instanceof Error; error = error.cause) {
      codes.push((error as { code?: unknown }).code);
    }
    expect(JSON.stringify([codes, circle.message])).toContain('would wait for itself');
    expect(diaryOf(one)).toEqual([]);
  });

  test('one key to a kind of agents, or to a pool, gives one task, whoever got it; one for deduplication a new one after its end', async () => {
    const { tasks, pools } = subjectOf();
    const ids = [await agents().register({ module: filer }), await agents().register({ module: filer })];
    for (const id of ids) await agents().start(id);
    const name = await pools.create({
      name: `filers-${crypto.randomUUID()}`,
      spec: { module: filer },
      min: 1,
      max: 1,
    });
    for (const target of [{ type: 'filer' }, { pool: name }]) {
      const once = { type: 'file', input: 'once', idempotencyKey: crypto.randomUUID() };
      const both = await Promise.all([tasks.submit(target, once), tasks.submit(target, once)]);
      const [{ id }] = both;
      expect(both.map((task) => task.id)).toEqual([id, id]);
      expect(await tasks.result(id)).toBe('once');
      expect(await tasks.submit(target, once)).toMatchObject({ id, status: 'done' });
      const { idempotencyKey: dedupeKey, ...work } = once;
      const first = await tasks.submit(target, { ...work, dedupeKey: `of ${dedupeKey}` });
      await tasks.result(first.id);
      const second = await tasks.submit(target, { ...work, dedupeKey: `of ${dedupeKey}` });
      expect(second.id).not.toBe(first.id);
      await tasks.result(second.id);
    }
    const { members } = await pools.get(name);
    const all = [...ids, ...members].flatMap(diaryOf);
    expect(all).toHaveLength(6);
    await pools.close(name);
    for (const id of ids) await agents().stop(id);
    const late = { type: 'file', idempotencyKey: crypto.randomUUID() };
    expect((await refusal(tasks.submit({ type: 'filer' }, late))).code).toBe('AGENT_NOT_RUNNING');
  });

  test('a child ends with the agent that spawned it', async () => {
    const id = await started();
    const spawned = `child ${crypto.randomUUID()}`;
    expect(await agents().execute(id, { type: 'spawn', input: spawned })).toBe(spawned);
    expect(await agents().get(spawned)).toMatchObject({ status: 'running', spec: { parent: { id } } });
    await agents().stop(id);
    expect(await until(spawned, ({ status }) => status === 'stopped')).toMatchObject({ reason: 'shutdown' });
  });

  test('a stream gives every chunk, in order, then the output; a reader that goes cancels it', async () => {
    const id = await started();
    const stream = agents().stream(id, { type: 'emit', input: 40 });
    const chunks: unknown[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
    expect(await stream.output).toBe('all');
    const endless = agents().stream(id, { type: 'emit', input: 1_000_000 });
    for await (const chunk of endless) if (chunk === 3) break;
    expect((await refusal(endless.output)).code).toBe('TASK_ABANDONED');
    expect(await agents().execute(id, { type: 'note', input: 'free' })).toBe('free');
  });

  test('a spec that changes is in force at once where it can be, and else from the next body on', async () => {
    const id = await started();
    expect(await agents().update(id, { tasks: { concurrency: 3 }, shutdownMs: 900 })).toMatchObject({
      change: 'updated',
    });
    const changed = await agents().get(id);
    expect(changed.spec).toMatchObject({ tasks: { concurrency: 3, queueLimit: 1_000 }, shutdownMs: 900 });
    expect(changed.pending).toBeUndefined();
    const spec = { id, module: hand, tasks: { concurrency: 3 }, shutdownMs: 900, initArgs: { from: 1 } };
    expect(await agents().ensure(spec)).toMatchObject({ change: 'updated' });
    expect(await agents().get(id)).toMatchObject({ incarnation: 1, pending: ['initArgs'] });
    expect(await agents().ensure(spec, { restart: true })).toMatchObject({ change: 'none' });
    const renewed = await agents().get(id);
    expect(renewed).toMatchObject({ status: 'running', incarnation: 2, spec: { initArgs: { from: 1 } } });
    expect(renewed.pending).toBeUndefined();
    expect((await refusal(agents().update(id, { shutdownMs: -1 }))).code).toBe('AGENT_SPEC_INVALID');
  });

  test('what is submitted waits for its agent, and for its time', async () => {
    const { tasks } = subjectOf();
    const id = await agents().register({ module: hand });
    const due = await tasks.submit(id, { type: 'note', input: 'due', delayMs: 250 });
    expect(due).toMatchObject({ status: 'waiting', attempts: 0 });
    expect(due.dueAt).toBeGreaterThan(due.acceptedAt);
    const dedupeKey = crypto.randomUUID();
    const now = await tasks.submit(id, { type: 'note', input: 'now', dedupeKey });
    expect((await tasks.submit(id, { type: 'note', input: 'now', dedupeKey })).id).toBe(now.id);
    await agents().start(id);
    expect([await tasks.result(now.id), await tasks.result(due.id)]).toEqual(['now', 'due']);
    // Once both are due, the one that was submitted first is: a busy machine may take until then.
    expect(diaryOf(id).toSorted()).toEqual(['due', 'now']);
    expect((await tasks.get(due.id)).startedAt).toBeGreaterThanOrEqual(due.dueAt!);
    expect((await tasks.submit(id, { type: 'note', input: 'again', dedupeKey })).id).not.toBe(now.id);
  });

  test('a list of tasks has the first or the newest so many that fit, of all agents, in the order of their acceptance', async () => {
    const { tasks } = subjectOf();
    const ids = [await started(), await started()];
    const accepted: string[] = [];
    for (const turn of [0, 1, 1, 0, 0]) {
      const { id } = await tasks.submit(ids[turn]!, { type: 'listed', input: accepted.length });
      accepted.push(id);
    }
    for (const id of accepted) await tasks.result(id);
    const listed = async (filter: object) =>
      (await tasks.list({ type: 'listed', ...filter })).map(({ id }) => accepted.indexOf(id));
    const cases: readonly (readonly [object, readonly number[]])[] = [
      [{}, [0, 1, 2, 3, 4]],
      [{ limit: 3 }, [0, 1, 2]],
      [{ limit: 3, newest: true }, [2, 3, 4]],
      [{ limit: 5, newest: true }, [0, 1, 2, 3, 4]],
      [{ limit: 6 }, [0, 1, 2, 3, 4]],
      [{ limit: 0 }, []],
      [{ limit: 0, newest: true }, []],
      [{ limit: 1, status: 'waiting' }, []],
      [{ limit: 2, agentId: ids[0] }, [0, 3]],
      [{ limit: 2, agentId: ids[0], newest: true }, [3, 4]],
    ];
    for (const [filter, found] of cases) expect([filter, await listed(filter)]).toEqual([filter, found]);
    // Pages: whichever order the ids have, each task is on one of them, also where one is forgotten between two.
    const seen: string[] = [];
    for (let after = ''; ; after = seen.at(-1)!) {
      const page = await tasks.list({ type: 'listed', limit: 2, after });
      seen.push(...page.map(({ id }) => id));
      if (page.length < 2) break;
    }
    expect(seen.toSorted()).toEqual(accepted.toSorted());
    const ofOne = accepted.filter((_, at) => [0, 3, 4].includes(at));
    const page = { agentId: ids[0], limit: 2 };
    expect((await tasks.list({ ...page, after: '' })).map(({ id }) => id)).toEqual(ofOne.slice(0, 2));
    await tasks.forget(ofOne[1]!);
    expect((await tasks.list({ ...page, after: ofOne[1] })).map(({ id }) => id)).toEqual(ofOne.slice(2));
    const both = await refusal((async () => tasks.list({ newest: true, after: '' }))());
    expect([both.code, both.message]).toEqual(['TASK_INPUT_INVALID', expect.stringContaining('after')]);
    for (const wrong of [{ limit: -1 }, { limit: 0.5 }, { newest: 1 }, { after: 1 }]) {
      const { code, message } = await refusal((async () => tasks.list(wrong))());
      expect([code, message]).toEqual([
        'TASK_INPUT_INVALID',
        expect.stringContaining(Object.keys(wrong)[0]!),
      ]);
    }
  });

  test('a pool shares its tasks among its members, has them wait while none is free, and is as large as it is told', async () => {
    const { pools } = subjectOf();
    const name = `crew ${crypto.randomUUID()}`;
    const spec = { name, spec: { module: hand, shutdownMs: 900 }, min: 0, max: 3, target: 2 };
    expect(await pools.create(spec)).toBe(name);
    expect((await refusal(pools.create(spec))).code).toBe('AGENT_SPEC_INVALID');
    expect(await pools.get(name)).toMatchObject({
      status: 'steady',
      wanted: 2,
      live: 2,
      idle: 2,
      waiting: 0,
    });
    const controller = new AbortController();
    const { signal } = controller;
    const held = [1, 2].map(() => pools.execute(name, { type: 'hold', signal }));
    const waiting = pools.execute(name, { type: 'note', input: 'waited' });
    for (;;) if ((await pools.get(name)).waiting === 1) break;
    expect((await refusal(pools.execute(name, { type: 'note', timeoutMs: 40 }))).code).toBe('TASK_TIMED_OUT');
    controller.abort(new Error('enough'));
    const codes = await Promise.all(held.map(async (task) => (await refusal(task)).code));
    expect(codes).toEqual(['TASK_ABANDONED', 'TASK_ABANDONED']);
    expect(await waiting).toBe('waited');
    const grown = await pools.ensureSize(name, 3);
    expect(grown).toMatchObject({ wanted: 3, live: 3 });
    expect(grown.members).toHaveLength(3);
    expect(await pools.ensureSize(name, 1)).toMatchObject({ wanted: 1, live: 1, draining: 0 });
    expect((await refusal(pools.ensureSize(name, 4))).code).toBe('AGENT_SPEC_INVALID');
    const asks = await started();
    const task = { type: 'note', input: 'asked' };
    expect(await agents().execute(asks, { type: 'delegate', input: { to: { pool: name }, task } })).toBe(
      'asked',
    );
    const [member] = (await pools.get(name)).members;
    expect(await pools.close(name)).toEqual({ stopped: [member], abandoned: [], tasksAbandoned: 0 });
    expect((await refusal(pools.execute(name, task))).code).toBe('POOL_UNKNOWN');
    expect((await refusal((async () => agents().get(member!))())).code).toBe('AGENT_NOT_FOUND');
  });

  test('a schedule submits one task for each due time, is set once, and says what its target refuses', async () => {
    const { tasks, alerts, events } = subjectOf();
    const id = await started();
    const name = `every second ${crypto.randomUUID()}`;
    const schedule = { name, everyMs: 1_000, target: id, task: { type: 'note', input: 'due' } };
    const set = await tasks.schedule({ ...schedule, by: 'ann' });
    expect(set).toMatchObject({ name, everyMs: 1_000, missed: 'once', nextAt: set.setAt + 1_000 });
    expect(await tasks.schedule(schedule)).toEqual(set);
    const named = async () => (await tasks.schedules()).find((found) => found.name === name);
    const second = await eventually(named, (found) => (found?.lastDueAt ?? 0) >= set.setAt + 2_000);
    expect(second?.lastDueAt).toBe(set.setAt + 2_000);
    expect(await tasks.result(second!.lastTaskId!)).toBe('due');
    expect(diaryOf(id)).toEqual(['due', 'due']);
    await tasks.unschedule(name);
    expect(await named()).toBeUndefined();
    expect((await refusal(tasks.unschedule(name))).code).toBe('TASK_UNKNOWN');

    const other = { ...schedule, name: `${name}, and more` };
    for (const wrong of [
      { everyMs: 10 },
      { cron: '0 9 * * *' },
      { everyMs: undefined, cron: 'soon' },
      { everyMs: undefined },
      { everyMs: undefined, cron: '0 9 * * *', timezone: 'Nowhere' },
      { task: { type: 'note', input: () => 1 } },
    ]) {
      expect((await refusal(tasks.schedule({ ...other, ...wrong }))).code).toBe('TASK_INPUT_INVALID');
    }
    expect((await refusal(tasks.schedule({ ...other, task: { type: 'fly' } }))).code).toBe(
      'TASK_INCOMPATIBLE',
    );
    expect((await refusal(tasks.schedule({ ...other, target: 'nobody' }))).code).toBe('AGENT_NOT_FOUND');
    const yearly = { ...other, everyMs: undefined, cron: '0 9 1 1 *', timezone: 'Europe/Berlin' };
    const { nextAt } = await tasks.schedule(yearly);
    expect(new Date(nextAt!).toISOString().slice(4)).toBe('-01-01T08:00:00.000Z');

    await tasks.schedule({ ...other, task: { ...other.task, whenDown: 'refuse' } });
    await agents().stop(id);
    const refused = await eventually(
      async () => (await alerts.list()).find(({ schedule: of }) => of === other.name),
      (alert) => alert !== undefined,
    );
    expect(refused).toMatchObject({ alert: 'schedule_refused' });
    await tasks.unschedule(other.name);
    expect((await alerts.list()).some(({ schedule: of }) => of === other.name)).toBe(false);
    const told: string[] = [];
    for await (const event of events.read()) {
      const { type, name: of } = event as { type: string; name?: string };
      if (of === name) told.push(type);
    }
    expect(told).toEqual(['schedule.set', 'schedule.fired', 'schedule.fired', 'schedule.removed']);
  });

  test('who acts on a task is in its events', async () => {
    const { tasks, events } = subjectOf();
    const id = await started();
    const { id: taskId } = await tasks.submit(id, { type: 'hold', by: 'ann' });
    await until(id, ({ metrics }) => metrics.running === 1);
    expect((await refusal(tasks.cancel(taskId, ''))).code).toBe('TASK_INPUT_INVALID');
    expect((await refusal(tasks.cancel(taskId, 'why', { by: '' }))).code).toBe('TASK_INPUT_INVALID');
    expect(await tasks.cancel(taskId, 'too long', { by: 'ben' })).toMatchObject({ status: 'cancelled' });
    await tasks.retry(taskId, { by: 'cid' });
    await until(id, ({ metrics }) => metrics.running === 1);
    await tasks.cancel(taskId);
    await tasks.forget(taskId, { by: 'dot' });
    expect((await refusal((async () => tasks.get(taskId))())).code).toBe('TASK_UNKNOWN');
    const told = await eventually(
      async () => {
        const found: (readonly [string, string | undefined])[] = [];
        for await (const event of events.read({ agentId: id })) {
          const { type, by, taskId: of } = event as { type: string; by?: string; taskId?: string };
          if (of === taskId && type !== 'task.started') found.push([type, by]);
        }
        return found;
      },
      (found) => found.at(-1)?.[0] === 'task.forgotten',
    );
    expect(told).toEqual([
      ['task.accepted', 'ann'],
      ['task.abandoned', 'ben'],
      ['task.accepted', 'cid'],
      ['task.abandoned', undefined],
      ['task.forgotten', 'dot'],
    ]);
  });
}
