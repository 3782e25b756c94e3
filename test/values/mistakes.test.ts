/** What a newcomer does wrong, and what is said to it: the place, what was expected, and what came. */
import { inspect } from 'node:util';
import { afterAll, expect, it } from 'vitest';
import { z } from 'zod';
import { createAgentSystem, defineAgent, defineFleet, variable } from '../../src/index.ts';
import { simulatedClock } from '../../src/testing/index.ts';
import { refusal, silent } from '../kit/rig.ts';

const good = defineAgent({
  type: 'good',
  initArgs: z.object({ from: z.number().default(0) }),
  init: () => ({ n: 0 }),
  tasks: {
    add: { input: z.number(), run: ({ input, state }) => (state.n += input) },
    draw: { requires: ['gpu'], run: () => null },
  },
});
const system = await createAgentSystem({ clock: simulatedClock(), logger: silent });
const { agents, tasks, pools, variables, consensus } = system;
await agents.register({ id: 'ada', module: good });
await agents.register({ id: 'idle', module: good });
await agents.start('ada');
afterAll(() => system.close());
const wrong = (value: unknown) => value as never;
const nowhere = new URL('./nowhere.ts', import.meta.url);

const mistakes: readonly (readonly [string, () => unknown, string | RegExp])[] = [
  [
    'an option with a slip',
    () => createAgentSystem(wrong({ stor: 1 })),
    'stor: unknown option (did you mean "store"?), got 1',
  ],
  [
    'a path for a store',
    () => createAgentSystem(wrong({ store: 'fleet.db' })),
    'store: expected an object with recover, append, read, state, close, as sqliteStore("fleet.db") gives, got "fleet.db"',
  ],
  [
    'a logger that is none of pino',
    () => createAgentSystem(wrong({ logger: { info: () => {}, error: (): void => {} } })),
    'logger: expected an object with child, isLevelEnabled, debug, info, warn, error (it lacks child, isLevelEnabled, debug, warn), got {"info":[function info],"error":[function error]}',
  ],
  [
    'a number without end where one has to end',
    () => agents.register({ module: good, restart: { policy: 'delayed', maxRestarts: Infinity } }),
    'restart.maxRestarts: expected a finite number, got Infinity',
  ],
  [
    'a definition without a type',
    () => defineAgent(wrong({ init: () => null, tasks: {} })),
    'defineAgent: type: expected a string, got undefined',
  ],
  [
    'a definition without init',
    () => defineAgent(wrong({ type: 'x', tasks: {} })),
    'init: expected a function, got undefined',
  ],
  [
    'a task without run',
    () => defineAgent(wrong({ type: 'x', init: () => null, tasks: { a: {} } })),
    'tasks.a.run: expected a function, got undefined',
  ],
  [
    'a task that is a function',
    () => defineAgent(wrong({ type: 'x', init: () => null, tasks: { a: () => 1 } })),
    'tasks.a: expected an object, { run }, got a function (a)',
  ],
  [
    'no schema',
    () =>
      defineAgent(wrong({ type: 'x', init: () => null, tasks: { a: { input: 'string', run: () => 1 } } })),
    'tasks.a.input: expected a Standard Schema (zod, valibot, arktype, …), got "string"',
  ],
  ['no spec', () => agents.register(wrong(undefined)), 'spec: expected an object, got undefined'],
  [
    'the definition for a spec',
    () => agents.register(wrong(good)),
    'expected { module, … }, got the definition of "good"',
  ],
  [
    'a path for a module',
    () => agents.register(wrong({ module: './a.ts' })),
    'module: expected a defineAgent value or a URL, as in new URL("./agent.ts", import.meta.url), got "./a.ts"',
  ],
  [
    'a module that is not there',
    () => agents.register({ module: nowhere, isolation: 'in-process' }),
    `module ${nowhere.href} did not load: `,
  ],
  [
    'a module of something else',
    () => agents.register({ module: new URL(import.meta.resolve('zod')), isolation: 'in-process' }),
    'expected its default export to come from defineAgent, got ',
  ],
  [
    'an option of a spec',
    () => agents.register(wrong({ module: good, restartPolicy: 'never' })),
    'spec: restartPolicy: unknown option (did you mean "restart"?), got "never"',
  ],
  [
    'arguments under a misspelled key, which may be a secret',
    () => agents.register(wrong({ module: good, initArg: 'hunter2' })),
    'spec: initArg: unknown option (did you mean "initArgs"?), got "[redacted]"',
  ],
  [
    'another policy',
    () => agents.register(wrong({ module: good, restart: { policy: 'always' } })),
    'restart.policy: expected "immediate" or "delayed" or "manual" or "never", got "always"',
  ],
  [
    'bytes in words',
    () => agents.register(wrong({ module: good, resources: { maxMemoryBytes: '1gb' } })),
    'resources.maxMemoryBytes: expected a number, got "1gb"',
  ],
  [
    'a limit that the host cannot keep',
    () => agents.register({ module: good, resources: { maxMemoryBytes: 1e9 } }),
    'an in-process agent has no memory of its own to limit; use isolation "process"',
  ],
  [
    'a definition in a process',
    () => agents.register({ module: good, isolation: 'process' }),
    '"process" needs the URL of a module',
  ],
  [
    'initArgs',
    () => agents.register(wrong({ module: good, initArgs: { from: 'one' } })),
    'initArgs: from: expected a number, got "one"',
  ],
  [
    'an id that is taken',
    () => agents.register({ id: 'ada', module: good }),
    'an agent with id "ada" is registered already',
  ],
  [
    'a task before the start',
    () => agents.execute('idle', { type: 'add', input: 1 }),
    /^agent idle is registered, execute is not possible; allowed here: start, forget, pause$/,
  ],
  [
    'a second start',
    () => agents.start('ada'),
    'start is not possible; allowed here: stop, kill, pause, execute',
  ],
  ['an id with a slip', () => agents.start('adda'), 'no agent "adda" is registered, did you mean "ada"?'],
  [
    'a missing await',
    () => agents.start(wrong(Promise.resolve('ada'))),
    'expected the id of an agent, got a promise, which is to be awaited',
  ],
  ['no id', () => agents.start(wrong(undefined)), 'expected the id of an agent, got undefined'],
  [
    'a task that there is not',
    () => agents.execute('ada', { type: 'ad' }),
    'agent ada (good) has no task "ad", expected one of: add, draw',
  ],
  [
    'a capability that it lacks',
    () => agents.execute('ada', { type: 'draw' }),
    'not the capabilities that task draw requires: gpu; it has none',
  ],
  ['a name for a task', () => agents.execute('ada', wrong('add')), 'task: expected an object, got "add"'],
  [
    'no input',
    () => agents.execute('ada', { type: 'add' }),
    'given an input that is not as defined: expected a number, got undefined',
  ],
  [
    'an input under a misspelled key, which may be a secret',
    () => agents.execute('ada', wrong({ type: 'add', imput: ['hunter2'] })),
    'task: imput: unknown option (did you mean "input"?), got "[redacted]"',
  ],
  [
    'a time without its unit',
    () => agents.execute('ada', wrong({ type: 'add', input: 1, timeout: 5 })),
    'task: timeout: unknown option (did you mean "timeoutMs"?), got 5',
  ],
  [
    'a time in words',
    () => agents.execute('ada', wrong({ type: 'add', input: 1, timeoutMs: '5s' })),
    'timeoutMs: expected a number of milliseconds, 0 or more, got "5s"',
  ],
  ['a record for an id', () => tasks.get(wrong({ id: 'x' })), 'expected the id of a task, got {"id":"x"}'],
  [
    'a pool that there is not',
    () => pools.execute('clerks', { type: 'add' }),
    'there is no pool "clerks", there are none',
  ],
  [
    'a pool without bounds',
    () => pools.create(wrong({ name: 'p', spec: { module: good } })),
    'min: expected a number, got undefined; max: expected a number, got undefined',
  ],
  [
    'a value for a variable',
    () => variables.define('rate', wrong(0.1)),
    'variable "rate": expected what variable.float, integer, choice, boolean or json give, got 0.1',
  ],
  [
    'a variable without a default',
    () => variable.float(wrong({ min: 0, max: 1 })),
    'variable.float: default: expected a finite number from 0 to 1, got undefined',
  ],
  [
    'a variable that there is not',
    () => variables.get('rate'),
    'no variable "rate" is defined, there are none',
  ],
  [
    'a quorum in percent',
    () => consensus.propose({ variable: 'rate', value: 1, quorum: 50 }),
    'quorum: expected 1 or less, got 50',
  ],
  [
    'an event’s name for a listener',
    () => system.events.subscribe(wrong('agent.started')),
    'events.subscribe: expected a function, got "agent.started"',
  ],
  [
    'specs without ids',
    () => defineFleet(wrong({ specs: [{ module: good }] })),
    'specs.0: expected a spec with an id, got ',
  ],
];

it('a refusal that is printed shows what it has, and no dump of what its message says', async () => {
  const unknown = await refusal(() => agents.start('nobody'));
  const invalid = await refusal(() => agents.register(wrong({ id: 5, module: good })));
  expect(Object.keys(unknown).toSorted()).toEqual(['agentId', 'code', 'name']);
  expect(Object.keys(invalid).toSorted()).toEqual(['code', 'name']);
  for (const shown of [unknown, invalid].map((error) => inspect(error))) {
    expect(shown).not.toMatch(/undefined|"path"|received/);
  }
  expect(inspect(invalid)).toContain('[cause]: [ZodError: issues, told above: 1]');
  expect(invalid.cause).toMatchObject({ issues: [{ path: ['id'] }] });
});

it.each(mistakes)('%s', async (_, mistake, said) => {
  const { message } = await refusal(async () => mistake());
  if (typeof said === 'string') expect(message).toContain(said);
  else expect(message).toMatch(said);
  expect(message).not.toMatch(/Invalid input|Unrecognized|received/);
});
