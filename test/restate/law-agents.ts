/** The agents that the laws of a fleet are tried on, what they have written down, and what they wait for. */
import { type AgentCode, defineAgent } from '../../src/index.ts';

/** What calls of an agent's own functions left behind, by agent. */
const diaries = new Map<string, string[]>();
export const diaryOf = (id: string): string[] => diaries.get(id) ?? [];
function write(id: string, entry: string): void {
  diaries.set(id, [...diaryOf(id), entry]);
}

/** What an agent's `wait` waits for, by agent. */
const gates = new Map<string, PromiseWithResolvers<void>>();
export function gateOf(id: string): PromiseWithResolvers<void> {
  const gate = gates.get(id) ?? Promise.withResolvers<void>();
  gates.set(id, gate);
  return gate;
}

interface State {
  id: string;
  count: number;
}

export const mortal = defineAgent({
  type: 'mortal',
  onTaskError: 'crash',
  init: ({ agentId, incarnation, restored, initArgs }) => {
    write(agentId, `init ${incarnation}`);
    const { fails, waits } = initArgs as {
      fails?: 'throw' | 'reject' | 'string';
      waits?: 'well' | 'in vain';
    };
    if (waits !== undefined)
      return gateOf(agentId).promise.then(() => {
        if (waits === 'in vain') throw new Error('no model to load');
        return { id: agentId, count: 0 };
      });
    if (fails === 'throw') throw new Error('no model to load');
    if (fails === 'reject') return Promise.reject(new Error('no model to load'));
    if (fails === 'string') throw 'no model to load'; // oxlint-disable-line no-throw-literal -- some code does
    return (restored as State | undefined) ?? { id: agentId, count: 0 };
  },
  tasks: {
    count: {
      run: ({ state }) => {
        state.count += 1;
        return state.count;
      },
    },
    crash: {
      run: () => {
        throw new Error('the end');
      },
    },
    complete: { run: ({ complete }) => complete() },
    hang: { run: () => new Promise<void>(() => {}) },
    /** Until it is cancelled: then it writes down why. */
    heed: {
      run: ({ signal, state }) =>
        new Promise<void>((_, reject) => {
          signal.addEventListener('abort', () => {
            const why: unknown = signal.reason;
            write(state.id, why instanceof Error ? `${why.name}: ${why.message}` : JSON.stringify(why));
            reject(new Error('cancelled'));
          });
        }),
    },
    wait: {
      run: ({ input, state }) => {
        write(state.id, `begin ${String(input)}`);
        return gateOf(state.id).promise.then(() => input);
      },
    },
  },
  health: ({ state }) => ({ count: state.count }),
  save: ({ state }) => {
    write(state.id, 'save');
    return state;
  },
  terminate: ({ state }) => write(state.id, 'terminate'),
});

export const careful = defineAgent({
  type: 'careful',
  capabilities: ['count'],
  init: ({ restored }) => (restored as { n: number } | undefined) ?? { n: 0 },
  tasks: {
    /** Fails with all that an error can carry. */
    limit: {
      run: () => {
        const within = new TypeError('not a number', { cause: new Error('read as text') });
        throw Object.assign(new AggregateError([within], 'too many', { cause: within }), {
          status: 418,
          headers: { 'x-why': 'a teapot' },
        });
      },
    },
    say: {
      run: ({ log, input }) => {
        log.info('said', { what: input });
      },
    },
    add: {
      requires: ['count'],
      run: ({ input, state }) => {
        state.n += input as number;
        return state.n;
      },
    },
    spoil: {
      run: ({ state }) => {
        state.n = 99;
        throw new RangeError('too far');
      },
    },
    fly: { requires: ['wings'], run: () => 'up' },
    obey: {
      run: ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')))),
    },
    tell: {
      run: ({ progress }) => {
        for (const step of [1, 2, 3]) progress(step);
      },
    },
  },
});

export const voter = defineAgent({
  type: 'citizen',
  variables: ['pace'],
  init: () => ({ heard: [] as unknown[] }),
  onVariable: ({ value, state }) => void state.heard.push(value),
  tasks: { heard: { run: ({ state, variables }) => [...state.heard, variables['pace']] } },
  vote: ({ proposal }) => ((proposal.value as number) > 10 ? 'reject' : 'accept'),
});

export const lawAgents: readonly AgentCode[] = [mortal, careful, voter];
