/**
 * Whatever an agent's own code throws or gives, where it lives in the program: it fails what it was asked for, as the
 * same from a process would, and nothing else. What is left unhandled fails the run.
 */
import { describe, expect, it } from 'vitest';
import { AgentSystemError, createAgentSystem, defineAgent, variable } from '../../src/index.ts';
import { hostileValues } from '../kit/hostile-values.ts';
import { silent } from '../kit/rig.ts';

type Run = (context: never) => unknown;
type Made = () => unknown;

const schema = (validate: () => unknown) => ({ '~standard': { version: 1, vendor: 'test', validate } });
const thrower = (made: Made) => () => {
  throw made();
};
const rejecting = (made: Made) => async () => {
  await Promise.resolve();
  throw made();
};
/** A call that ends with its signal, by whatever is made. */
const aborted = (made: Made) => ({
  timeoutMs: 5,
  run: ({ signal }: { readonly signal: AbortSignal }) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(made()))),
});
const task = (run: Run) => ({ tasks: { work: { run } } });

/** Definitions that have it in one place. */
const places: Readonly<Record<string, (made: Made) => object>> = {
  'init throws it': (made) => ({ init: thrower(made) }),
  'init rejects with it': (made) => ({ init: rejecting(made) }),
  'init gives it': (made) => ({ init: made }),
  'connect throws it': (made) => ({ connect: thrower(made) }),
  'connect gives it': (made) => ({ connect: made }),
  'disconnect throws it': (made) => ({ connect: () => 1, disconnect: thrower(made) }),
  'save throws it': (made) => ({ save: thrower(made) }),
  'save gives it': (made) => ({ save: made }),
  'vote throws it': (made) => ({ vote: thrower(made) }),
  'vote rejects with it': (made) => ({ vote: rejecting(made) }),
  'vote gives it': (made) => ({ vote: made }),
  'health throws it': (made) => ({ health: thrower(made) }),
  'health rejects with it': (made) => ({ health: rejecting(made) }),
  'health gives it': (made) => ({ health: made }),
  'terminate throws it': (made) => ({ terminate: thrower(made) }),
  'terminate rejects with it': (made) => ({ terminate: rejecting(made) }),
  'onVariable throws it': (made) => ({ onVariable: thrower(made) }),
  'onVariable rejects with it': (made) => ({ onVariable: rejecting(made) }),
  'a task throws it': (made) => task(thrower(made)),
  'a task rejects with it': (made) => task(rejecting(made)),
  'a task has it as a cause': (made) =>
    task(() => {
      throw new Error('failed', { cause: made() });
    }),
  'a task has it in an error': (made) =>
    task(() => {
      throw Object.assign(new Error('failed'), { status: made(), headers: made() });
    }),
  'a task is taken down by it': (made) => ({ onTaskError: 'crash', ...task(rejecting(made)) }),
  'a task ends by it when it is cancelled': (made) => ({ tasks: { work: aborted(made) } }),
  'a task leaves it in the state': (made) =>
    task(({ state }: { readonly state: { left?: unknown } }) => void (state.left = made())),
  'a generator throws it': (made) =>
    task(async function* () {
      yield 1;
      throw made();
    }),
  'a generator gives it': (made) =>
    task(async function* () {
      yield made();
    }),
  'a step throws it': (made) =>
    task(({ step }: { readonly step: (key: string, work: Made) => unknown }) => step('one', thrower(made))),
  'a step gives it': (made) =>
    task(({ step }: { readonly step: (key: string, work: Made) => unknown }) => step('one', made)),
  'progress is told of it': (made) =>
    task(({ progress }: { readonly progress: (value: unknown) => void }) => progress(made())),
  'a log line has it': (made) =>
    task(({ log }: { readonly log: { info(text: unknown, fields: unknown): void } }) =>
      log.info(made(), { it: made() }),
    ),
  'an input schema throws it': (made) => ({
    tasks: { work: { input: schema(thrower(made)), run: () => 1 } },
  }),
  'an input schema gives it': (made) => ({ tasks: { work: { input: schema(made), run: () => 1 } } }),
  'an output schema rejects with it': (made) => ({
    tasks: { work: { output: schema(rejecting(made)), run: () => 1 } },
  }),
  'retry.when throws it': (made) => ({
    tasks: {
      work: { retry: { attempts: 2, backoff: { delayMs: 0 }, when: thrower(made) }, run: thrower(Error) },
    },
  }),
};

describe.each(Object.entries(places))('%s', (_, definitionOf) => {
  it('and every call is answered, with a code where it is refused', async () => {
    const wrong: string[] = [];
    for (const [what, made] of Object.entries(hostileValues)) {
      const asked = async (call: string, work: () => Promise<unknown>) => {
        await work().catch((thrown: unknown) => {
          if (!(thrown instanceof AgentSystemError)) {
            wrong.push(`${what}: ${call} threw ${Object.prototype.toString.call(thrown)}`);
          }
        });
      };
      const module = defineAgent({
        type: 'worker',
        variables: ['rate'],
        init: () => ({ n: 1 }),
        tasks: { work: { run: () => 1 } },
        ...definitionOf(made),
      });
      await using system = await createAgentSystem({ logger: silent });
      const { agents } = system;
      await system.variables.define('rate', variable.integer({ min: 0, max: 9, default: 1 }));
      await agents.register({ id: 'ada', module, restart: { policy: 'never' } });
      await asked('start', () => agents.start('ada'));
      await asked('execute', () => agents.execute('ada', { type: 'work' }));
      await asked('execute again', () => agents.execute('ada', { type: 'work' }));
      await asked('set', () => system.variables.set('rate', 2));
      await asked('propose', () => system.consensus.propose({ variable: 'rate', value: 3 }));
      await asked('checkHealth', () => agents.checkHealth('ada'));
      await asked('stop', () => agents.stop('ada'));
      // All of it can be read by those who have no more than JSON.
      JSON.stringify(agents.get('ada').reason);
    }
    expect(wrong).toEqual([]);
  });
});
