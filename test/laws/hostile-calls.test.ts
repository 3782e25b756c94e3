/** Whatever a caller hands in: it is taken, or refused with a code and in few words, and the system goes on. */
import { describe, expect, it } from 'vitest';
import {
  type AgentSystem,
  AgentSystemError,
  createAgentSystem,
  defineAgent,
  type TaskContext,
  variable,
} from '../../src/index.ts';
import { hostileValues } from '../kit/hostile-values.ts';
import { refusal, rig, silent } from '../kit/rig.ts';

/** What a message may have in characters: it goes into logs and onto screens. */
const MAX_MESSAGE = 1_000;

const module = defineAgent({
  type: 'worker',
  variables: ['rate'],
  init: () => ({ n: 1 }),
  tasks: { work: { run: () => 1 }, kept: { retry: 'on_host_loss', run: () => 1 } },
});

type Call = (system: AgentSystem, value: never) => unknown;
/** Each with the value in the place of one argument, or of one field of it. */
const calls: Readonly<Record<string, Readonly<Record<string, Call>>>> = {
  agents: {
    'register(spec)': ({ agents }, value) => agents.register(value),
    'register({ id })': ({ agents }, id) => agents.register({ id, module }),
    'register({ module })': ({ agents }, given) => agents.register({ module: given }),
    'register({ initArgs })': ({ agents }, initArgs) => agents.register({ module, initArgs }),
    'register({ initArgs, secrets })': ({ agents }, initArgs) =>
      agents.register({ module, initArgs, secrets: ['key'] }),
    'register({ secrets })': ({ agents }, secrets) => agents.register({ module, secrets }),
    'register({ restart })': ({ agents }, restart) => agents.register({ module, restart }),
    'register({ resources })': ({ agents }, resources) => agents.register({ module, resources }),
    'ensure(spec)': ({ agents }, value) => agents.ensure(value),
    'ensure({ initArgs }) of one that is there': ({ agents }, initArgs) =>
      agents.ensure({ id: 'ada', module, initArgs }),
    'update(id, change)': ({ agents }, change) => agents.update('ada', change),
    'update(id, { restart })': ({ agents }, restart) => agents.update('ada', { restart }),
    'update(id, {}, options)': ({ agents }, options) => agents.update('ada', {}, options),
    'start(id)': ({ agents }, id) => agents.start(id),
    'start(id, options)': ({ agents }, options) => agents.start('grace', options),
    'stop(id)': ({ agents }, id) => agents.stop(id),
    'stop(id, options)': ({ agents }, options) => agents.stop('grace', options),
    'kill(id)': ({ agents }, id) => agents.kill(id),
    'restart(id)': ({ agents }, id) => agents.restart(id),
    'forget(id)': ({ agents }, id) => agents.forget(id),
    'pause(id)': ({ agents }, id) => agents.pause(id),
    'resume(id)': ({ agents }, id) => agents.resume(id),
    'get(id)': ({ agents }, id) => agents.get(id),
    'list(filter)': ({ agents }, filter) => agents.list(filter),
    'list({ status })': ({ agents }, status) => agents.list({ status }),
    'handle(id)': ({ agents }, id) => agents.handle(id),
    'checkHealth(id)': ({ agents }, id) => agents.checkHealth(id),
    'savedState(id)': ({ agents }, id) => agents.savedState(id),
    'can(id, command)': ({ agents }, command) => agents.can('ada', command),
    'legal(id)': ({ agents }, id) => agents.legal(id),
    'execute(id, task)': ({ agents }, task) => agents.execute('ada', task),
    'execute(id)': ({ agents }, id) => agents.execute(id, { type: 'work' }),
    'execute(id, { type })': ({ agents }, type) => agents.execute('ada', { type }),
    'execute(id, { input })': ({ agents }, input) => agents.execute('ada', { type: 'work', input }),
    'execute(id, { input }) of a kept task': ({ agents }, input) =>
      agents.execute('ada', { type: 'kept', input }),
    'execute(id, { timeoutMs })': ({ agents }, timeoutMs) =>
      agents.execute('ada', { type: 'work', timeoutMs }),
    'execute(id, { signal })': ({ agents }, signal) => agents.execute('ada', { type: 'work', signal }),
    'execute(id, { onProgress })': ({ agents }, onProgress) =>
      agents.execute('ada', { type: 'work', onProgress }),
    'stream(id, task)': ({ agents }, task) => agents.stream('ada', task).next(),
  },
  tasks: {
    'submit(target)': ({ tasks }, target) => tasks.submit(target, { type: 'work' }),
    'submit(id, task)': ({ tasks }, task) => tasks.submit('ada', task),
    'submit(id, { type })': ({ tasks }, type) => tasks.submit('ada', { type }),
    'submit(id, { input })': ({ tasks }, input) => tasks.submit('ada', { type: 'work', input }),
    'submit(id, { idempotencyKey })': ({ tasks }, idempotencyKey) =>
      tasks.submit('ada', { type: 'work', idempotencyKey }),
    'submit(id, { retry })': ({ tasks }, retry) => tasks.submit('ada', { type: 'work', retry }),
    'submit(id, { notBefore })': ({ tasks }, notBefore) => tasks.submit('ada', { type: 'work', notBefore }),
    'get(id)': ({ tasks }, id) => tasks.get(id),
    'result(id)': ({ tasks }, id) => tasks.result(id),
    'cancel(id)': ({ tasks }, id) => tasks.cancel(id),
    'list(filter)': ({ tasks }, filter) => tasks.list(filter),
    'retry(id)': ({ tasks }, id) => tasks.retry(id),
    'forget(id)': ({ tasks }, id) => tasks.forget(id),
    'schedule(options)': ({ tasks }, options) => tasks.schedule(options),
    'schedule({ task })': ({ tasks }, task) =>
      tasks.schedule({ name: 'hourly', everyMs: 3_600_000, target: 'ada', task }),
    'schedule({ task: { input } })': ({ tasks }, input) =>
      tasks.schedule({ name: 'daily', everyMs: 86_400_000, target: 'ada', task: { type: 'work', input } }),
  },
  coordination: {
    'define(name)': ({ variables }, name) => variables.define(name, variable.boolean({ default: true })),
    'define(name, definition)': ({ variables }, definition) => variables.define('new', definition),
    'get(name)': ({ variables }, name) => variables.get(name),
    'set(name)': ({ variables }, name) => variables.set(name, 1),
    'set(name, value)': ({ variables }, value) => variables.set('rate', value),
    'set(name, value) of JSON': ({ variables }, value) => variables.set('notes', value),
    'set(name, value, options)': ({ variables }, options) => variables.set('rate', 1, options),
    'history(name)': ({ variables }, name) => variables.history(name),
    'variable.float(options)': (_, options) => variable.float(options),
    'variable.json({ default })': (_, value) => variable.json({ default: value }),
    'propose(proposal)': ({ consensus }, proposal) => consensus.propose(proposal),
    'propose({ value })': ({ consensus }, value) => consensus.propose({ variable: 'rate', value }),
    'propose({ rule })': ({ consensus }, rule) => consensus.propose({ variable: 'rate', value: 1, rule }),
  },
  pools: {
    'create(spec)': ({ pools }, spec) => pools.create(spec),
    'create({ spec })': ({ pools }, spec) => pools.create({ name: 'other', spec, min: 0, max: 1 }),
    'create({ spec: { initArgs } })': ({ pools }, initArgs) =>
      pools.create({ name: 'readers', spec: { module, initArgs }, min: 0, max: 1 }),
    'ensureSize(name)': ({ pools }, name) => pools.ensureSize(name, 1),
    'ensureSize(name, size)': ({ pools }, size) => pools.ensureSize('pool', size),
    'execute(name)': ({ pools }, name) => pools.execute(name, { type: 'work' }),
    'execute(name, task)': ({ pools }, task) => pools.execute('pool', task),
    'execute(name, { input })': ({ pools }, input) => pools.execute('pool', { type: 'work', input }),
    'get(name)': ({ pools }, name) => pools.get(name),
    'close(name)': ({ pools }, name) => pools.close(name),
  },
  'events and people': {
    'read(query)': ({ events }, query) => events.read(query)[Symbol.asyncIterator]().next(),
    'subscribe(listener)': ({ events }, listener) => events.subscribe(listener),
    'subscribe(listener, options)': ({ events }, options) => events.subscribe(() => undefined, options),
    'questions.list(filter)': ({ questions }, filter) => questions.list(filter),
    'questions.answer(id)': ({ questions }, id) => questions.answer(id, 1),
    'questions.answer(id, value)': ({ questions }, value) => questions.answer('none', value),
    'budgets.define(options)': ({ budgets }, options) => budgets.define(options),
  },
  'what a program begins with': {
    'defineAgent(definition)': (_, definition) => defineAgent(definition),
    'defineAgent({ tasks })': (_, tasks) => defineAgent({ type: 'other', init: () => 1, tasks }),
    'defineAgent({ tasks: { work } })': (_, work) =>
      defineAgent({ type: 'other', init: () => 1, tasks: { work } }),
    'createAgentSystem(options)': async (_, options) => (await createAgentSystem(options)).close(),
    'createAgentSystem({ limits })': async (_, limits) =>
      (await createAgentSystem({ limits, logger: silent })).close(),
    'createAgentSystem({ agents })': async (_, agents) =>
      (await createAgentSystem({ agents, logger: silent })).close(),
    'createAgentSystem({ store })': async (_, store) =>
      (await createAgentSystem({ store, logger: silent })).close(),
  },
};

/** What is wrong with how a call ended; nothing where it was taken, or refused as it has to be. */
async function wrongWith(call: () => unknown): Promise<string | undefined> {
  try {
    await call();
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof AgentSystemError)) return `threw ${Object.prototype.toString.call(thrown)}`;
    const { length } = thrown.message;
    return length > MAX_MESSAGE ? `said ${length} characters` : undefined;
  }
}

async function fleet(): Promise<AgentSystem> {
  const { system } = await rig();
  await system.variables.define('rate', variable.integer({ min: 0, max: 9, default: 1 }));
  await system.variables.define('notes', variable.json({ default: {} }));
  for (const id of ['ada', 'grace']) await system.agents.register({ id, module });
  await system.agents.start('ada');
  await system.pools.create({ name: 'pool', spec: { module }, min: 1, max: 2 });
  return system;
}

describe.each(Object.entries(calls))('%s', (_, ofRoom) => {
  it.each(Object.entries(ofRoom))('%s takes or refuses whatever it is given', async (name, call) => {
    const system = await fleet();
    const wrong: string[] = [];
    for (const [what, make] of Object.entries(hostileValues)) {
      const problem = await wrongWith(() => call(system, make() as never));
      if (problem !== undefined) wrong.push(`${name} of ${what} ${problem}`);
    }
    expect(wrong).toEqual([]);
    expect(await system.agents.execute('ada', { type: 'work', input: 1 })).toBe(1);
  });
});

/** What a task asks of its system, with something in the place of one argument. */
const asks: Readonly<Record<string, (context: TaskContext<unknown, unknown>, value: never) => unknown>> = {
  'agents.execute(id)': ({ agents }, id) => agents.execute(id, { type: 'work' }),
  'agents.execute(id, task)': ({ agents }, task) => agents.execute('ada', task),
  'agents.execute(id, { type })': ({ agents }, type) => agents.execute('ada', { type }),
  'agents.stream(id, task)': ({ agents }, task) => agents.stream('ada', task).next(),
  'agents.spawn(spec)': ({ agents }, spec) => agents.spawn(spec),
  'agents.stop(id)': ({ agents }, id) => agents.stop(id),
  'agents.stop(id, options)': ({ agents }, options) => agents.stop('ada', options),
  'ask(question)': ({ ask }, question) => ask(question),
  'budget.reserve(amount)': ({ budget }, amount) => budget.reserve(amount),
};
const long: Readonly<Record<string, () => unknown>> = {
  'a text of 100,000 characters': () => 'x'.repeat(100_000),
  '100,000 bytes': () => new Uint8Array(100_000),
  'a list of 100,000': () => Array(100_000).fill('x'),
};

it.each(Object.entries(asks))(
  '%s of a task is refused in few words, and no field is made of a text or a list',
  async (name, ask) => {
    const system = await fleet();
    let refused: unknown;
    let value: never;
    const asker = defineAgent({
      type: 'asker',
      init: () => 0,
      tasks: {
        work: {
          run: async (context) => {
            try {
              await ask(context, value);
            } catch (thrown) {
              refused = thrown;
            }
          },
        },
      },
    });
    await system.agents.register({ id: 'asker', module: asker });
    await system.agents.start('asker');
    for (const [what, make] of Object.entries(long)) {
      value = make() as never;
      await system.agents.execute('asker', { type: 'work' });
      expect(refused, what).toBeInstanceOf(AgentSystemError);
      const { message } = refused as AgentSystemError;
      expect(message.length, what).toBeLessThan(MAX_MESSAGE);
      // The schemas take bytes for an object of as many fields.
      if (!ArrayBuffer.isView(value)) expect(message, `${name} of ${what}`).not.toMatch(/unknown option/);
    }
  },
);

it('an error about very many fields names a few, and keeps no more than some', async () => {
  const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`field${at}`, at]));
  const { message, cause } = await refusal(() => defineAgent(many as never));
  expect(message.length).toBeLessThan(MAX_MESSAGE);
  const { issues } = cause as { readonly issues: readonly { readonly keys?: readonly string[] }[] };
  expect(issues.find(({ keys }) => keys !== undefined)?.keys?.length).toBeLessThan(200);
  const transfer = Array(10_000).fill('no buffer') as never;
  const system = await fleet();
  const wrong = await refusal(system.agents.execute('ada', { type: 'work', transfer }));
  expect(wrong.message.length).toBeLessThan(4_000);
  expect(wrong.message).toMatch(/and 9980 more$/);
});
