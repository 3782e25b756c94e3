/** The agent that laws of hosts run: its tasks do whatever a law asks for. */
import { runInNewContext } from 'node:vm';
import { z } from 'zod';
import { defineAgent } from '../../runtime/definition/define-agent.ts';
import type { AgentCalls } from '../../runtime/definition/task-abilities.ts';
import type { AgentSystemError } from '../../runtime/values/errors.ts';

interface LawState {
  n: number;
  readonly seen: unknown;
}

class LawError extends Error {
  readonly status = 418;

  override get name(): string {
    return 'LawError';
  }
}

/** The calls that the last `askAndLeave` kept. */
let leftAgents: AgentCalls | undefined;

/** The `emit` that the last `emitAfterwards` kept. */
let lastEmit: ((chunk: unknown) => Promise<void>) | undefined;

/** A refusal, as far as laws look at it. */
function refusedWith(reason: unknown) {
  const { name, code, message, agentId, details, cause } = reason as AgentSystemError;
  return { name, code, message, agentId, details, cause: cause instanceof Error ? `${cause}` : cause };
}

/** Resolves when the signal fires, with what it was aborted for. */
function aborted(signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => {
    const done = (): void => resolve(signal.reason);
    if (signal.aborted) done();
    else signal.addEventListener('abort', done, { once: true });
  });
}

export default defineAgent({
  type: 'law',
  // Its errors report reached limits, and laws look at them as errors.
  onLimit: 'fail',
  capabilities: ['count'],
  variables: ['rate'],
  initArgs: z.object({
    from: z.number().default(0),
    /** How `init` fails, hangs, or logs. */
    init: z.enum(['throws', 'hangs', 'logs']).optional(),
    health: z.enum(['fails']).optional(),
  }),
  init: async ({ initArgs, restored, previousStop, variables, agentId, incarnation, signal, log }) => {
    if (initArgs.init === 'logs') log.info('initializing', { from: initArgs.from });
    if (initArgs.init === 'throws') throw Object.assign(new RangeError('no such start'), { code: 'E_START' });
    if (initArgs.init === 'hangs') await aborted(signal);
    const seen = {
      previousStop,
      rate: variables['rate'],
      agentId,
      incarnation,
      restored,
      health: initArgs.health,
    };
    return { n: (restored as LawState | undefined)?.n ?? initArgs.from, seen } satisfies LawState;
  },
  tasks: {
    keep: {
      run: async ({ step, steps }) => {
        let done = 0;
        const work = (): number => (done += 1);
        return [await step('a', work), await step('b', work), await step('a', work), [...steps], done];
      },
    },
    add: {
      requires: ['count'],
      input: z.number(),
      output: z.number(),
      run: ({ input, state }) => {
        state.n += input;
        return state.n;
      },
    },
    echo: { run: ({ input }) => input },
    seen: { run: ({ state }) => state.seen },
    rate: { run: ({ variables }) => variables['rate'] },
    wrongOutput: { output: z.number(), run: () => 'seven' as unknown as number },
    fail: {
      run: ({ state }) => {
        state.n += 1;
        const cause = new TypeError('the deeper one');
        throw Object.assign(new RangeError('out of range', { cause }), { code: 'E_RANGE' });
      },
    },
    failWithText: {
      run: async () => {
        await Promise.resolve();
        // oxlint-disable-next-line no-throw-literal, only-throw-error -- the law is about exactly this
        throw 'just text';
      },
    },
    /** As clients of HTTP APIs do. */
    failAsApi: {
      run: () => {
        throw Object.assign(new Error('Too Many Requests'), {
          name: 'ApiError',
          status: 429,
          code: 14,
          retryAfter: 2,
          headers: new Headers({ 'retry-after': '2', 'x-api-key': 'k1', 'set-cookie': 'c=1' }),
          request: { headers: { authorization: 'Bearer abc' }, signal: AbortSignal.abort() },
        });
      },
    },
    /** Outcomes of calls, as values. */
    outcomes: {
      run: async ({ input, progress }) => {
        const error = Object.assign(new RangeError('too many'), { status: 429, code: 'E_MANY' });
        progress({ error });
        const calls = [error, new LawError('of a class'), new AggregateError([error], 'all')];
        const outcomes = await Promise.allSettled(calls.map((call) => Promise.reject(call)));
        return { outcomes, again: error, came: Object.fromEntries(Object.entries(input as object)) };
      },
    },
    failAsMany: {
      run: () => {
        const errors = [new RangeError('one'), Object.assign(new Error('two'), { code: 'E_TWO' })];
        throw new AggregateError(errors, 'all of them');
      },
    },
    failElsewhere: {
      run: () => {
        throw runInNewContext('Object.assign(new RangeError("elsewhere"), { status: 503 })');
      },
    },
    failForCauses: {
      input: z.number(),
      run: ({ input }) => {
        let error = new Error('cause 0');
        for (let depth = 1; depth <= input; depth += 1) error = new Error(`cause ${depth}`, { cause: error });
        throw error;
      },
    },
    count: {
      input: z.number(),
      run: async ({ input, progress }) => {
        for (let step = 1; step <= input; step += 1) {
          progress(step);
          await Promise.resolve();
        }
        return input;
      },
    },
    untilCancelled: {
      run: async ({ signal, state }) => {
        state.n += 100;
        throw await aborted(signal);
      },
    },
    log: {
      run: ({ log }) => {
        log.debug('one');
        log.info('two', { n: 2 });
        log.warn('three');
        log.error('four');
      },
    },
    /** An answer that is data only within one memory. */
    uncloneable: { run: () => () => 'a function' },
    brokenState: {
      run: ({ state }) => {
        (state as { n: unknown }).n = 1n;
      },
    },
    /** Has another agent do what it is given, as often as it is told. */
    ask: {
      input: z.object({ task: z.string(), times: z.number().default(1) }),
      run: async ({ input, agents }) => {
        const asked = Array.from({ length: input.times }, (_, index) =>
          agents.execute('other', { type: input.task, input: index, timeoutMs: 5 }),
        );
        const answers = await Promise.allSettled(asked);
        return answers.map((answer) =>
          answer.status === 'fulfilled' ? { value: answer.value } : refusedWith(answer.reason),
        );
      },
    },
    /** Asks another agent, withdraws that at once, and only then is cancelled itself. */
    askAndWithdraw: {
      run: async ({ agents, signal }) => {
        const own = AbortSignal.timeout(1);
        const [answer] = await Promise.allSettled([agents.execute('other', { type: 'slow', signal: own })]);
        const forever = agents.execute('other', { type: 'for ever' });
        const [late] = await Promise.allSettled([forever]);
        return [answer, late]
          .map((each) => String((each as PromiseRejectedResult).reason))
          .concat(String(signal.aborted));
      },
    },
    /** Asks another agent without waiting for the answer, and keeps its `agents` for later. */
    askAndLeave: {
      run: ({ agents, state }) => {
        void agents.execute('other', { type: 'late' });
        leftAgents = agents;
        return state.n;
      },
    },
    askAfterwards: {
      run: async () => {
        const [answer] = await Promise.allSettled([leftAgents!.execute('other', { type: 'too late' })]);
        return String((answer as PromiseRejectedResult).reason);
      },
    },
    askPerson: {
      run: ({ ask }) =>
        ask({
          question: 'how many?',
          schema: z.int().refine((n) => n !== 13, { error: 'anything but that' }),
          details: { of: 'what' },
          deadlineMs: 1_000,
          otherwise: 0,
        }),
    },
    /** Reports as progress how many chunks are on their way. */
    emitMany: {
      input: z.number(),
      chunk: z.number(),
      run: async ({ input, emit, progress }) => {
        for (let chunk = 1; chunk <= input; chunk += 1) {
          await emit(chunk);
          progress(chunk);
        }
        return input;
      },
    },
    /** Does not wait for its chunks. */
    emitAtOnce: {
      input: z.number(),
      run: ({ input, emit }) => {
        for (let chunk = 1; chunk <= input; chunk += 1) void emit(chunk);
        return 'all of it';
      },
    },
    emitWrong: { chunk: z.number(), run: ({ emit }) => emit('seven' as unknown as number) },
    yields: {
      input: z.number(),
      run: async function* ({ input, log }) {
        try {
          for (let chunk = 1; chunk <= input; chunk += 1) yield chunk;
        } finally {
          log.info('cleaned up');
        }
        return 'returned';
      },
    },
    emitAfterwards: {
      run: async ({ emit }) => {
        const [before] = await Promise.allSettled([lastEmit?.('late')]);
        lastEmit = emit;
        return before.status === 'rejected' ? String(before.reason) : 'told';
      },
    },
    askUncloneable: {
      run: async ({ agents }) => {
        const asked = agents.execute('other', { type: 'echo', input: () => 'a function' });
        const [answer] = await Promise.allSettled([asked]);
        return answer.status === 'fulfilled' ? answer.value : refusedWith(answer.reason);
      },
    },
    last: {
      run: ({ complete }) => {
        complete();
        return 'done';
      },
    },
    /** A thenable that throws when it is looked at. */
    trap: {
      run: () =>
        // oxlint-disable-next-line no-thenable -- the law is about exactly this
        Object.defineProperty({}, 'then', {
          get: () => {
            throw new Error('do not look');
          },
        }) as unknown,
    },
    give: {
      input: z.number(),
      run: ({ input, transfer }) => {
        const values = new Float64Array(input).fill(1);
        transfer(values.buffer);
        return values;
      },
    },
  },
  onVariable: ({ name, value, state }) => {
    if (value === 'unsaveable') (state as { n: unknown }).n = 1n;
    if (value === 'unbearable') throw new Error(`cannot bear ${name}`);
  },
  vote: ({ proposal, state }) => {
    if (proposal.value === 'throw') throw new Error('no opinion');
    if (proposal.value === 'nonsense') return 'maybe' as unknown as 'abstain';
    return proposal.value === state.n ? 'accept' : 'reject';
  },
  health: ({ state }) => {
    if ((state.seen as { health?: string }).health === 'fails') throw new Error('not well');
    return { n: state.n };
  },
  terminate: ({ state, log }) => log.info('terminated', { n: state.n }),
});
