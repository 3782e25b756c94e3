/**
 * Functions of a program that never answer hold up their own caller, as long as that has time, and nobody else.
 */
import { expect, it } from 'vitest';
import { defineAgent, variable } from '../../src/index.ts';
import { codeOf, fateOf, refusal, rig } from '../kit/rig.ts';

const never = new Promise<never>(() => undefined);
const worker = defineAgent({
  type: 'worker',
  variables: ['notes'],
  vote: () => 'accept',
  init: () => ({ n: 0 }),
  tasks: { add: { run: ({ state }) => (state.n += 1) } },
});
/** It answers so often, and then no more. */
const schemaFor = (answers: number) => {
  let left = answers;
  const validate = (value: unknown) => (left-- > 0 ? Promise.resolve({ value }) : never);
  return { '~standard': { version: 1, vendor: 'test', validate } } as never;
};

async function fleetWith(answers: number) {
  const { system, clock } = await rig();
  await system.agents.register({ id: 'ada', module: worker });
  await system.agents.start('ada');
  await system.variables.define('notes', variable.json({ schema: schemaFor(answers), default: {} }));
  return { ...system, system, clock };
}

it('a schema that hangs refuses a change after its `timeoutMs`', async () => {
  const { system, clock } = await fleetWith(1);
  const changed = refusal(system.variables.set('notes', { a: 1 }, { timeoutMs: 500 }));
  expect(await fateOf(changed)).toBe('pending');
  expect(await system.agents.execute('ada', { type: 'add' })).toBe(1);
  await clock.advance(500);
  expect(await changed).toMatchObject({
    code: 'VARIABLE_INVALID',
    message: 'variable "notes": expected its schema to answer within 500 ms',
  });
  expect(system.variables.get('notes').version).toBe(1);
});

it('a schema that hangs refuses a rollback after its `timeoutMs`', async () => {
  const { system, clock } = await fleetWith(2);
  await system.variables.set('notes', { a: 1 });
  const changed = codeOf(system.variables.rollback('notes', 1, { timeoutMs: 500 }));
  await clock.advance(500);
  expect(await changed).toBe('VARIABLE_INVALID');
});

it('a schema that hangs refuses a proposal after its `deadlineMs`', async () => {
  const { system, clock } = await fleetWith(1);
  const decided = codeOf(system.consensus.propose({ variable: 'notes', value: { a: 1 }, deadlineMs: 500 }));
  await clock.advance(500);
  expect(await decided).toBe('VARIABLE_INVALID');
  expect(system.consensus.rounds()).toEqual([]);
});

it('a schema that hangs refuses a definition after 30 s, and another may follow', async () => {
  const { system, clock } = await rig();
  const hanging = variable.json({ schema: schemaFor(0), default: {} });
  const defined = codeOf(system.variables.define('notes', hanging));
  await clock.advance(30_000);
  expect(await defined).toBe('VARIABLE_INVALID');
  await system.variables.define('notes', variable.json({ default: {} }));
});

const secretive = { id: 'eve', module: worker, initArgs: {}, secrets: ['key'], startTimeoutMs: 500 };

it('secrets that hang refuse a registration after its `startTimeoutMs`, and its id is free', async () => {
  const { system, clock } = await rig({ secrets: () => never });
  const registered = refusal(system.agents.register(secretive));
  await clock.advance(500);
  expect(await registered).toMatchObject({
    code: 'AGENT_SPEC_INVALID',
    message: 'spec: secrets: expected them to be given within startTimeoutMs, 500 ms',
  });
  await system.agents.register({ id: 'eve', module: worker });
});

it('secrets that hang end a start after its `startTimeoutMs`, and other agents start meanwhile', async () => {
  let asked = 0;
  const { system, clock } = await rig({ secrets: () => (++asked === 1 ? 'the key' : never) });
  await system.agents.register(secretive);
  const started = codeOf(system.agents.start('eve'));
  await system.agents.register({ id: 'ada', module: worker });
  await system.agents.start('ada');
  expect(await system.agents.execute('ada', { type: 'add' })).toBe(1);
  await clock.advance(500);
  expect(await started).toBe('AGENT_START_TIMED_OUT');
});

it('of secrets of which one cannot be asked for, another may fail later and harms nobody', async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', note);
  let isGiven = true;
  const secrets = ({ path }: { readonly path: string }) => {
    if (isGiven) return 'the key';
    if (path === 'first') return Promise.reject(new Error('the vault is away'));
    throw new Error('no such secret');
  };
  const { system } = await rig({ secrets });
  await system.agents.register({ ...secretive, secrets: ['first', 'second'] });
  isGiven = false;
  expect(await codeOf(system.agents.start('eve'))).toBe('AGENT_START_FAILED');
  await new Promise(setImmediate);
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});

it.each<[string, () => unknown]>([
  [
    'throws',
    () => {
      throw new Error('no dice');
    },
  ],
  ['gives no number', () => Number.NaN],
  ['gives too much', () => 2],
])('a `random` that %s delays no restart beyond its policy', async (_, random) => {
  const { system, clock } = await rig({ random: random as () => number });
  const restart = { policy: 'delayed', delayMs: 1_000, maxDelayMs: 1_000 } as const;
  await system.agents.register({ id: 'ada', module: worker, restart });
  await system.agents.start('ada');
  await system.agents.kill('ada');
  await clock.advance(1_000);
  expect(system.agents.get('ada')).toMatchObject({ status: 'running', incarnation: 2 });
});
