/** Laws of the check of a spec that a fleet is given. */
import { afterAll, expect, it } from 'vitest';
import { z } from 'zod';
import { defineAgent } from '../../src/index.ts';
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
