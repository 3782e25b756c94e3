/**
 * A refusal shows no text that looks like a secret: not in its message, its details or its causes, wherever it was
 * given. (Its `agentId` is the id that the caller gave.)
 */
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { type AgentSystem, createAgentSystem, defineAgent, variable } from '../../src/index.ts';
import { silent } from '../kit/rig.ts';

const SECRET = 'sk-proj-abcDEF1234567890abcDEF1234567890';
const plain = defineAgent({ type: 'plain', init: () => ({}), tasks: { echo: { run: () => 1 } } });

type Call = (system: AgentSystem) => unknown;
const calls: Record<string, Call> = {
  'the name of a task': ({ agents }) => agents.execute('a', { type: SECRET as 'echo' }),
  'the name of an option': ({ agents }) => agents.execute('a', { type: 'echo', [SECRET]: 1 } as never),
  'an option of a task': ({ agents }) => agents.execute('a', { type: 'echo', timeoutMs: SECRET as never }),
  'a pool': ({ pools }) => pools.execute(SECRET, { type: 'echo' }),
  'a pool as a target': ({ tasks }) => tasks.submit({ pool: SECRET }, { type: 'echo' }),
  'a task': ({ tasks }) => tasks.cancel(SECRET),
  'a pattern': ({ tasks }) =>
    tasks.schedule({ name: 's', cron: SECRET, target: 'a', task: { type: 'echo' } }),
  'a time zone': ({ tasks }) =>
    tasks.schedule({ name: 's', cron: '* * * * *', timezone: SECRET, target: 'a', task: { type: 'echo' } }),
  'a field of a spec': ({ agents }) => agents.register({ module: plain, shutdownMs: SECRET as never }),
  'a field that there is not': ({ agents }) =>
    agents.register({ module: plain, resources: { [SECRET]: 1 } as never }),
  'a value': ({ variables }) => variables.set('rate', SECRET),
  'a variable': ({ variables }) => variables.set(SECRET, 1),
  'a proposal': ({ consensus }) => consensus.propose({ variable: 'rate', value: SECRET }),
  'a budget': ({ budgets }) => budgets.refill(SECRET),
  'a quota': ({ quotas }) => quotas.lift(SECRET),
  'a question': ({ questions }) => questions.answer(SECRET, 1),
  'an option of the system': () => createAgentSystem({ [SECRET]: 1 } as never),
  'the name of a task that is defined': () => defineAgent({ ...plain, tasks: { [SECRET]: 5 } } as never),
  'an option of one of several kinds': () =>
    defineAgent({
      type: 'x',
      init: () => ({}),
      tasks: { ok: { run: () => 1, retry: { [SECRET]: 1 } } },
    } as never),
};

test.each(Object.entries(calls))('given as %s', async (_, call) => {
  await using system = await createAgentSystem({ logger: silent });
  await system.agents.start(await system.agents.register({ id: 'a', module: plain }));
  await system.variables.define('rate', variable.float({ min: 0, max: 1, default: 0 }));
  const refusal = await (async () => call(system))().then(
    () => undefined,
    (thrown: unknown) => thrown as Error,
  );
  expect(refusal).toMatchObject({ name: 'AgentSystemError' });
  const shown: string[] = [];
  for (let error: unknown = refusal; error instanceof Error; error = error.cause) {
    const { message, details } = error as Error & { readonly details?: unknown };
    shown.push(message, inspect(details, { depth: null }), inspect(error, { depth: null }));
  }
  expect(shown.join('\n')).not.toContain(SECRET.slice(8));
  // What is not an error would end the look at its causes.
  expect((refusal as Error).cause ?? refusal).toBeInstanceOf(Error);
});
