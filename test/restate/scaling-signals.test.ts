/** Laws of the scaling signals of a fleet: pools know them by name, and the node that answers for the fleet has their code. */
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { defineAgent, defineScalingSignal, type NamedScalingSignal } from '../../src/index.ts';
import { poolCrewOf } from '../../src/restate/pools/pool-object.ts';
import { SignalCode } from '../../src/restate/pools/scaling-signals.ts';
import { type AgentNode, connectFleet, createAgentNode, type Fleet } from '../../src/restate.ts';
import { eventually } from '../kit/eventually.ts';
import { refusal } from '../kit/rig.ts';
import { type Engine, hasEngine, startEngine } from './engine.ts';
import { PATIENT_MS } from './fleet-rig.ts';
import { objectContext } from './object-context.ts';

const logger = pino({ level: 'silent' });
const steady = defineScalingSignal('steady', ({ size }) => ({ busyShare: 0.5, waiting: size - 1 }));
const missing =
  'the scaling signal "steady" is not known to the node that answers for the fleet: give it to every node, createAgentNode({ scalingSignals })';

test.each([
  ['what has no function', [{ name: 'steady' }], 'expected what defineScalingSignal gives'],
  ['a function', [() => ({})], 'expected what defineScalingSignal gives'],
  ['two of one name', [steady, steady], 'two scaling signals of the name "steady"'],
])('%s is no scaling signal of a node', async (_, scalingSignals, why) => {
  const restate = { ingressUrl: 'http://127.0.0.1:9', adminUrl: 'http://127.0.0.1:9' };
  const options = { name: 'n1', listen: 'http://127.0.0.1:0', restate, logger };
  const { code, message } = await refusal(createAgentNode({ ...options, scalingSignals } as never));
  expect(code).toBe('AGENT_SPEC_INVALID');
  expect(message).toContain('scalingSignals');
  expect(message).toContain(why);
});

/** What the pool is told when its signal was asked. */
async function measured(name: string, signals: readonly NamedScalingSignal[]): Promise<unknown> {
  const { service } = poolCrewOf(new SignalCode(signals)) as unknown as { service: object };
  const { does, sent, called } = objectContext({ object: service }, { answer: () => [] });
  const load = { size: 3, waiting: 0, busyShare: 0, isSettled: true };
  const occupant = { id: 'p', type: 'worker', isolation: 'in-process', memoryBytes: 0 };
  await does('measure', { pool: 'p', look: 7, occupant, question: { name, load, withinMs: 400 } });
  // It asks no node how strained that is.
  expect(called().map(({ to }) => to)).toEqual(['nodes fleet list']);
  const [{ to, given } = { to: '', given: {} }] = sent();
  expect(to).toBe('pool p measured');
  return (given as { measured: unknown }).measured;
}

describe('a measurement', () => {
  test('by a signal is what that says of the load', async () => {
    expect(await measured('steady', [steady])).toEqual({
      look: 7,
      admissible: 0,
      strain: { busyShare: 0.5, waiting: 2 },
    });
  });

  test.each([
    ['throws', () => Promise.reject(new Error('no figures')), 'no figures'],
    ['gives no measurement', () => ({ busy: 1 }) as never, expect.stringContaining('scale.signal')],
    ['never answers', () => new Promise<never>(() => {}), 'it gave no answer in time'],
  ])('by one that %s is none, and says why', async (_, measure, why) => {
    expect(await measured('odd', [defineScalingSignal('odd', measure)])).toEqual({
      look: 7,
      admissible: 0,
      why,
    });
  });

  test('by one that the node was not given is none, and says what to do', async () => {
    expect(await measured('steady', [])).toEqual({ look: 7, admissible: 0, why: missing });
  });
});

describe.runIf(hasEngine())('a fleet whose nodes are replaced', () => {
  const worker = defineAgent({ type: 'worker', init: () => ({}), tasks: {} });
  let engine: Engine;
  let fleet: Fleet;
  let seated: AgentNode | undefined;
  beforeAll(async () => {
    engine = await startEngine();
    fleet = await connectFleet({ ingressUrl: engine.ingressUrl, agents: [worker], logger });
  });
  afterAll(async () => {
    await fleet?.close();
    await seated?.close({ timeoutMs: 2_000 });
    await engine?.stop();
  });

  /** From now on a node with these signals answers for the fleet. */
  async function seat(name: string, scalingSignals: readonly NamedScalingSignal[]): Promise<void> {
    const { ingressUrl, adminUrl } = engine;
    const restate = { ingressUrl, adminUrl };
    const common = { listen: 'http://127.0.0.1:0', leaseMs: PATIENT_MS, logger, agents: [worker] };
    const next = await createAgentNode({ name, restate, scalingSignals, ...common });
    await seated?.close();
    seated = next;
  }
  const scaledBy = (name: string, signal: NamedScalingSignal | string) =>
    fleet.pools.create({
      name,
      spec: { module: worker },
      min: 1,
      max: 2,
      scale: { intervalMs: 400, signal },
    });
  const alertOf = (name: string, isRaised: boolean) =>
    eventually(
      async () => (await fleet.alerts.list()).find(({ pool }) => pool === name),
      (alert) => (alert !== undefined) === isRaised,
    );

  test('a pool outlives whoever created it: its signal is asked wherever that is known, and missed elsewhere', async () => {
    await seat('first', []);
    const unknown = await refusal(scaledBy('crew', steady));
    expect(`${unknown.code}: ${unknown.message}`).toBe(
      `AGENT_SPEC_INVALID: pools.create: scale.signal: ${missing}`,
    );
    expect(await fleet.pools.list()).toEqual([]);
    await seat('second', [steady]);
    // By a program that knows its name alone.
    await scaledBy('crew', 'steady');
    const read = await eventually(
      () => fleet.pools.get('crew'),
      ({ scaling }) => scaling?.metrics !== undefined,
    );
    expect(read.scaling).toMatchObject({ signal: 'steady', metrics: { busyShare: 0.5, waiting: 0 } });
    await seat('third', []);
    expect(await alertOf('crew', true)).toMatchObject({ alert: 'scaling_signal_failed' });
    await seat('fourth', [steady]);
    await alertOf('crew', false);
    await fleet.pools.close('crew');
  });

  test('a function alone is refused, and the message says what to do', async () => {
    const { code, message } = await refusal(scaledBy('crew', (() => ({})) as never));
    expect(code).toBe('AGENT_SPEC_INVALID');
    expect(message).toContain('give the nodes a signal with a name, createAgentNode({ scalingSignals })');
    for (const signal of ['', 7, { name: 'steady' }, null]) {
      const other = await refusal(scaledBy('crew', signal as never));
      expect(other.code).toBe('AGENT_SPEC_INVALID');
      expect(other.message).toContain('scale.signal');
    }
  });
});
