/** Laws of the constraints of a fleet: the nodes have their code, and the node that answers for the fleet checks them. */
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineConstraint, type NamedConstraint, variable } from '../../src/index.ts';
import { type AgentNode, connectFleet, createAgentNode, type Fleet } from '../../src/restate.ts';
import { refusal } from '../kit/rig.ts';
import { type Engine, hasEngine, startEngine } from './engine.ts';
import { PATIENT_MS } from './fleet-rig.ts';

const logger = pino({ level: 'silent' });
const holds = ({ low, high }: Readonly<Record<string, unknown>>) => Number(low) <= Number(high);
const ordered = defineConstraint('ordered', ['low', 'high'], holds);

test.each([
  ['what has no function', [{ name: 'ordered', variables: ['low'] }], 'expected what defineConstraint gives'],
  ['a function', [() => true], 'expected what defineConstraint gives'],
  ['two of one name', [ordered, ordered], 'two constraints of the name "ordered"'],
])('%s is no constraint of a node', async (_, constraints, why) => {
  const restate = { ingressUrl: 'http://127.0.0.1:9', adminUrl: 'http://127.0.0.1:9' };
  const options = { name: 'n1', listen: 'http://127.0.0.1:0', restate, logger };
  const { code, message } = await refusal(createAgentNode({ ...options, constraints } as never));
  expect(code).toBe('AGENT_SPEC_INVALID');
  expect(message).toContain('constraints');
  expect(message).toContain(why);
});

describe.runIf(hasEngine())('a fleet whose nodes are replaced', () => {
  let engine: Engine;
  let fleet: Fleet;
  let seated: AgentNode | undefined;
  beforeAll(async () => {
    engine = await startEngine();
    fleet = await connectFleet({ ingressUrl: engine.ingressUrl, logger });
  });
  afterAll(async () => {
    await fleet?.close();
    await seated?.close({ timeoutMs: 2_000 });
    await engine?.stop();
  });

  /** From now on a node with these constraints answers for the fleet: the one before hands it the seat. */
  async function seat(name: string, constraints: readonly NamedConstraint[]): Promise<void> {
    const { ingressUrl, adminUrl } = engine;
    const restate = { ingressUrl, adminUrl };
    const common = { listen: 'http://127.0.0.1:0', leaseMs: PATIENT_MS, logger };
    const next = await createAgentNode({ name, restate, constraints, ...common });
    await seated?.close();
    seated = next;
  }
  const change = async (name: string, value: number): Promise<string> =>
    fleet.variables.set(name, value).then(
      () => 'changed',
      ({ code, message }: { code: string; message: string }) => `${code}: ${message}`,
    );

  test('one in force is checked by whoever has it; whoever has not, or has another, changes none of its variables', async () => {
    const { variables } = fleet;
    const missing =
      'VARIABLE_INVALID: the constraint "ordered" is not known to the node that answers for the fleet: give it to every node, createAgentNode({ constraints })';
    await seat('first', []);
    for (const [name, first] of [
      ['low', 1],
      ['high', 5],
      ['other', 1],
    ] as const)
      await variables.define(name, variable.integer({ default: first }));
    const { code, message } = await refusal(variables.constrain(ordered));
    expect(`${code}: ${message}`).toBe(missing);
    expect(await change('low', 6)).toBe('changed');
    await seat('second', [ordered]);
    expect((await refusal(variables.constrain(ordered))).message).toContain('low = 6, high = 5');
    expect(await change('low', 2)).toBe('changed');
    await variables.constrain(ordered);
    // A program that knows its name alone, and one that asks again.
    const lift = await variables.constrain('ordered');
    await variables.constrain(defineConstraint('ordered', ['high', 'low'], holds));
    expect(await change('low', 6)).toContain('does not hold for low = 6, high = 5');
    const otherwise = 'the constraint "ordered" is on low, high, got one on low, other';
    const changed = defineConstraint('ordered', ['low', 'other'], holds);
    expect((await refusal(variables.constrain(changed))).message).toContain(otherwise);

    // A node that was not given it weakens nothing, and the rest goes on.
    await seat('third', []);
    expect(await change('low', 3)).toBe(missing);
    const round = await refusal(fleet.consensus.propose({ variable: 'high', value: 9 }));
    expect(`${round.code}: ${round.message}`).toBe(missing);
    expect(await change('other', 2)).toBe('changed');
    await seat('fourth', [changed]);
    expect(await change('low', 3)).toContain(otherwise);
    expect((await variables.history('low')).map(({ value }) => value)).toEqual([1, 6, 2]);

    await seat('fifth', [ordered]);
    expect(await change('low', 3)).toBe('changed');
    expect(await change('low', 6)).toContain('does not hold for low = 6, high = 5');
    // It can be lifted where no node has it any more.
    await seat('sixth', []);
    await lift();
    await lift();
    expect(await change('low', 6)).toBe('changed');
  });

  test('what one does to the values that it is asked about is refused, and changes none of them', async () => {
    const { variables } = fleet;
    const greedy = defineConstraint('greedy', ['low', 'bag'], ({ bag }) => (bag as number[]).push(7) > 0);
    await seat('seventh', [greedy]);
    const bag = variable.json({ schema: z.array(z.number()), default: [1] });
    const lift = await variables.constrain(greedy);
    expect((await refusal(variables.define('bag', bag))).message).toMatch(
      /"greedy" on low, bag threw: .*not extensible/,
    );
    expect((await variables.list()).map(({ name }) => name)).not.toContain('bag');
    await lift();
    await variables.define('bag', bag);
    expect((await refusal(variables.constrain(greedy))).message).toContain('not extensible');
    expect((await variables.get('bag')).value).toEqual([1]);
  });

  test('a function alone is refused, and so is what is no name: the message says what to do', async () => {
    const constrain = fleet.variables.constrain.bind(fleet.variables) as unknown as (
      ...given: unknown[]
    ) => Promise<unknown>;
    for (const given of [[['low', 'high'], () => true], [() => true], [''], [undefined]]) {
      const { code, message } = await refusal(constrain(...given));
      expect(code).toBe('VARIABLE_INVALID');
      expect(message).toContain('give the nodes a constraint with a name, createAgentNode({ constraints })');
    }
  });
});
