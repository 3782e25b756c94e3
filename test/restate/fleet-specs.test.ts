/** Laws of the check of a spec that a fleet is given. */
import { afterAll, expect, it } from 'vitest';
import { z } from 'zod';
import { AgentSystemError, defineAgent } from '../../src/index.ts';
import { FleetSpecs } from '../../src/restate/client/fleet-specs.ts';
import { manifestOf } from '../../src/runtime/definition/manifest.ts';
import { readSpec } from '../../src/runtime/fleet/spec-reading.ts';
import { inProcessHost } from '../../src/runtime/hosting/hosts/in-process.ts';

const host = inProcessHost();
afterAll(() => host.close());
const specs = new FleetSpecs({ code: new Map(), hosts: new Map([['in-process', host]]) });

/** Takes its time to say whether it is even. */
const initArgs = z.number().refine(async (given) => (await Promise.resolve(given)) % 2 === 0, 'is odd');
const module = defineAgent({ type: 'even', initArgs, init: () => ({}), tasks: {} });
const asked = (given: unknown) =>
  specs.manifestOf(readSpec({ id: 'a', module, isolation: 'in-process', initArgs: given as number }));

it('arguments are judged by the definition’s own schema, which may take its time', async () => {
  expect(await asked(2)).toEqual(manifestOf(module));
  await expect(asked(3)).rejects.toMatchObject({
    code: 'AGENT_SPEC_INVALID',
    agentId: 'a',
    message: expect.stringMatching(/initArgs: .*is odd/) as unknown,
  });
});

it('arguments that are no JSON data, and an isolation without a host, are refused by name', async () => {
  await expect(asked(() => 2)).rejects.toMatchObject({
    code: 'AGENT_SPEC_INVALID',
    message: expect.stringMatching(
      /initArgs: .*expected data that a durable store can keep as JSON/,
    ) as unknown,
  });
  const elsewhere = readSpec({ id: 'a', module, isolation: 'thread', initArgs: 2 });
  await expect(specs.manifestOf(elsewhere)).rejects.toThrow(/isolation: there is no host for "thread"/);
});

const never = new Promise<never>(() => undefined);

it('a schema that hangs, and secrets that do, refuse a spec after its `startTimeoutMs`', async () => {
  const schema = { '~standard': { version: 1, vendor: 'test', validate: () => never } } as const;
  const hanging = defineAgent({ type: 'hanging', initArgs: schema, init: () => ({}), tasks: {} });
  const terms = { id: 'a', isolation: 'in-process', startTimeoutMs: 1 } as const;
  await expect(specs.manifestOf(readSpec({ ...terms, module: hanging }))).rejects.toMatchObject({
    code: 'AGENT_SPEC_INVALID',
    message: 'spec: initArgs: expected their schema to answer within startTimeoutMs, 1 ms',
  });
  const keeper = defineAgent({ type: 'keeper', init: () => ({}), tasks: {} });
  const secretive = readSpec({ ...terms, module: keeper, initArgs: {}, secrets: ['key'] });
  const hosts = new Map([['in-process', host]] as const);
  const asking = new FleetSpecs({ code: new Map(), hosts, secrets: () => never });
  await expect(asking.manifestOf(secretive)).rejects.toMatchObject({
    code: 'AGENT_SPEC_INVALID',
    message: 'spec: secrets: expected them to be given within startTimeoutMs, 1 ms',
  });
});

it('who waits for a manifest when the connection is closed is refused', async () => {
  const hosts = new Map([['in-process', host]] as const);
  const asking = new FleetSpecs({ code: new Map(), hosts, secrets: () => never });
  const keeper = defineAgent({ type: 'keeper', init: () => ({}), tasks: {} });
  const asked = asking.manifestOf(readSpec({ module: keeper, initArgs: {}, secrets: ['key'] }));
  asking.giveUp(new AgentSystemError('SYSTEM_CLOSED', 'closed'));
  await expect(asked).rejects.toMatchObject({ code: 'SYSTEM_CLOSED' });
});
