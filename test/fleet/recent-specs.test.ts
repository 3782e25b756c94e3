import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defineAgent } from '../../src/index.ts';
import { agentSpec, lifePolicyOf } from '../../src/machines/index.ts';
import { policyOf, readSpec } from '../../src/runtime/fleet/spec-reading.ts';
import { codeOf } from '../kit/rig.ts';

const module = defineAgent({ type: 'plain', init: () => ({}), tasks: {} });

it('agents of one restart policy share what their lives go by if all of it is equal, and only then', () => {
  const spec = { ...agentSpec.parse({ module }), module: undefined };
  const policy = policyOf(spec);
  expect(policyOf({ ...spec })).toBe(policy);
  const others = [
    { ...spec, restart: { ...spec.restart } },
    { ...spec, startTimeoutMs: 7 },
    { ...spec, shutdownMs: 7 },
    { ...spec, resources: { ...spec.resources, maxRuntimeMs: 7 } },
    { ...spec, health: { ...spec.health, failuresBeforeKill: 7 } },
  ];
  for (const other of others) {
    expect(policyOf(spec)).toEqual(policy);
    expect(policyOf(other)).toEqual(lifePolicyOf(other));
  }
});

const ms = fc.constantFrom(1, 50, 1_000);
const part = (fields: Record<string, fc.Arbitrary<unknown>>) =>
  fc.option(fc.record(fields, { requiredKeys: [] }), { nil: undefined });
const said = fc.record(
  {
    isolation: fc.constantFrom('in-process', undefined),
    shutdownMs: ms,
    resources: part({
      cpuPriority: fc.constantFrom('low', 'normal', undefined),
      maxRuntimeMs: fc.constantFrom(1, 5, Infinity),
      env: fc.constantFrom('all', ['A', 'B'], ['A', 'C'], ['A']),
      sandbox: part({ fs: part({ read: fc.constantFrom([], ['/a'], ['/b']) }), worker: fc.boolean() }),
    }),
    coordination: part({ voteWeight: fc.constantFrom(1, 2), leadershipEligible: fc.boolean() }),
    restart: part({ policy: fc.constantFrom('never', 'delayed'), delayMs: ms }),
    health: part({ intervalMs: ms }),
    tasks: part({ concurrency: fc.constantFrom(1, 2), queueLimit: fc.constantFrom(0, 5) }),
  },
  { requiredKeys: [] },
);

const specOf = (id: string) => ({
  id,
  module,
  initArgs: { id },
  restart: { delayMs: 7 },
  health: { intervalMs: 9 },
});

describe('a spec that says what another said', () => {
  it('and more, in whatever place and by whatever name, is refused as if it came first', async () => {
    const parts = { coordination: { voteWeight: 2 }, resources: { sandbox: { worker: true } } };
    const spec = { module, ...parts };
    for (const name of ['id', 'module', 'initArgs', 'other']) {
      for (const more of [
        { coordination: { ...parts.coordination, [name]: 1 } },
        { resources: { sandbox: { worker: true, [name]: 1 } } },
      ]) {
        expect(readSpec(spec)).toEqual(agentSpec.parse(spec));
        expect(await codeOf(async () => readSpec({ ...spec, ...more }))).toBe('AGENT_SPEC_INVALID');
      }
    }
  });

  it('is read as the schema reads it, whatever was read before', () => {
    fc.assert(
      fc.property(fc.array(said, { minLength: 2, maxLength: 20 }), (specs) => {
        // Each twice in a row, and all of them again: some are remembered, some not any more.
        for (const spec of [...specs.flatMap((one) => [one, structuredClone(one)]), ...specs]) {
          const given = { ...spec, module };
          expect(readSpec(given)).toEqual(agentSpec.parse(given));
        }
      }),
    );
  });

  it('shares its parts, and what its chart lives by; id, module and initArgs are its own', () => {
    const [one, other] = [readSpec(specOf('a')), readSpec(specOf('b'))];
    expect(other).toMatchObject({ id: 'b', initArgs: { id: 'b' } });
    expect(other.restart).toBe(one.restart);
    expect(policyOf(other)).toBe(policyOf(one));
    expect(policyOf(readSpec({ ...specOf('c'), shutdownMs: 8 }))).not.toEqual(policyOf(one));
  });

  it('is not what the other was changed to later', () => {
    const resources = { env: ['A'] };
    readSpec({ module, resources });
    resources.env.push('B');
    expect(readSpec({ module, resources: { env: ['A'] } }).resources.env).toEqual(['A']);
    expect(readSpec({ module, resources }).resources.env).toEqual(['A', 'B']);
  });

  it.each([
    ['an id that is none', { id: '' }],
    ['an id that is no text', { id: 7 }],
    ['a module that is none', { module: {} }],
    ['a field more', { shutDownMs: 1 }],
    ['a field more inside', { restart: { delayMs: 7, delay: 7 } }],
    ['another kind of value', { restart: { delayMs: '7' } }],
  ])('is refused all the same for %s', async (_, more) => {
    readSpec({ module, restart: { delayMs: 7 } });
    const reading = () => readSpec({ module, restart: { delayMs: 7 }, ...more });
    expect(await codeOf(reading)).toBe('AGENT_SPEC_INVALID');
  });

  it('is read by the schema where it is more than plain fields', () => {
    readSpec({ module, shutdownMs: 7 });
    class Spec {
      readonly module = module;
      readonly shutdownMs = 7;
    }
    expect(readSpec(new Spec())).toEqual(readSpec({ module, shutdownMs: 7 }));
    const broken = {
      module,
      get shutdownMs(): number {
        throw new Error('no');
      },
    };
    expect(() => readSpec(broken)).toThrow(expect.objectContaining({ code: 'AGENT_SPEC_INVALID' }));
  });
});
