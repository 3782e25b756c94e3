/** A description of a module ends, whatever its code and its host do: within the time that its spec gives it. */
import { describe, expect, it } from 'vitest';
import {
  type AgentSystemError,
  defineAgent,
  type DescriptionTurn,
  type Host,
  type Isolation,
} from '../../src/index.ts';

import { scriptedHost, settled } from '../../src/testing/index.ts';
import { awaited, fateOf, gate, refusal, rig } from '../kit/rig.ts';

const unsettled = new URL('../fixtures/agents/unsettled.ts', import.meta.url);
const module = new URL('file:///agents/agent.ts');

/** A host that describes as a test has it. */
function hostThat(
  describe: Host['describe'],
  isolation: Isolation = 'process',
): Partial<Record<Isolation, Host>> {
  const scripted = scriptedHost({ isolation });
  const host: Host = {
    isolation,
    refusal: () => undefined,
    describe,
    open: (start, listener) => scripted.open(start, listener),
    close: () => scripted.close(),
  };
  return { [isolation]: host };
}

const never = (): Promise<never> => new Promise(() => {});

describe('the description of a module', () => {
  it('that is never loaded in this program is refused when its time is up, and leaves the id free', async () => {
    const { agents, clock } = await rig();
    const spec = { id: 'a', isolation: 'in-process', module: unsettled, startTimeoutMs: 500 } as const;
    const register = awaited(agents.register(spec));
    await clock.advance(499);
    expect(await fateOf(register)).toBe('pending');
    await clock.advance(1);
    expect(await refusal(register)).toMatchObject({
      code: 'AGENT_SPEC_INVALID',
      agentId: 'a',
      message: `spec: module: module ${unsettled.href}: expected it to load within startTimeoutMs, 500 ms`,
    });
    expect(clock.pending()).toEqual([]);
    expect(agents.list()).toEqual([]);
    const again = awaited(agents.register(spec));
    expect(await fateOf(again)).toBe('pending');
  });

  it.each(['in-process', 'thread', 'process'] as const)(
    'has that time in a host of kind %s',
    async (isolation) => {
      const turns: DescriptionTurn[] = [];
      const hosts = hostThat((_, __, ___, turn) => {
        turns.push(turn!);
        return never();
      }, isolation);
      const { agents, clock } = await rig({ hosts });
      const register = awaited(agents.register({ module, isolation }));
      await clock.advance(29_999);
      expect(await fateOf(register)).toBe('pending');
      expect(turns[0]?.signal.aborted).toBe(false);
      await clock.advance(1);
      expect((await refusal(register)).message).toMatch(/agent\.ts: expected it to load within .*30000 ms/);
      // The host hears that nobody waits any more.
      expect(turns[0]?.signal.aborted).toBe(true);
    },
  );

  it('does not spend its time while it waits for the turn of others', async () => {
    let turn: DescriptionTurn | undefined;
    const hosts = hostThat((_, __, ___, given) => {
      turn = given;
      turn?.waits();
      return never();
    });
    const { agents, clock } = await rig({ hosts });
    const register = awaited(agents.register({ module, startTimeoutMs: 500 }));
    await clock.advance(10_000);
    expect(await fateOf(register)).toBe('pending');
    turn?.begins();
    await clock.advance(499);
    expect(await fateOf(register)).toBe('pending');
    await clock.advance(1);
    expect(await fateOf(register)).toBe('AGENT_SPEC_INVALID');
    turn?.begins();
    expect(clock.pending()).toEqual([]);
  });

  it('that is done leaves no timer, and nothing that comes after it counts', async () => {
    const answer = gate<never>();
    const { agents, clock } = await rig({ hosts: hostThat(() => answer.promise) });
    const register = awaited(agents.register({ module, startTimeoutMs: 500 }));
    answer.reject(new Error('no such thing'));
    expect((await refusal(register)).message).toBe('spec: module: no such thing');
    expect(clock.pending()).toEqual([]);
  });

  it('of a host that throws instead of answering is refused with that', async () => {
    const hosts = hostThat(() => {
      throw new Error('no channel');
    });
    const { agents } = await rig({ hosts });
    expect((await refusal(agents.register({ module }))).message).toBe('spec: module: no channel');
  });

  it('for a pool has the same time', async () => {
    const { system, clock } = await rig({ hosts: hostThat(never) });
    const create = awaited(
      system.pools.create({ name: 'p', spec: { module, startTimeoutMs: 500 }, min: 1, max: 1 }),
    );
    await clock.advance(500);
    expect((await refusal(create)).message).toMatch(/expected it to load within startTimeoutMs, 500 ms/);
  });

  it('is given up when the system closes', async () => {
    const { system, agents, clock } = await rig({ hosts: hostThat(never) });
    const register = awaited(agents.register({ module, startTimeoutMs: Infinity }));
    await settled();
    await system.close();
    expect(await fateOf(register)).toBe('SYSTEM_CLOSED');
    expect(clock.pending()).toEqual([]);
  });
});

it('a schema of initArgs that never answers is refused when its time is up', async () => {
  const { agents, clock } = await rig();
  const initArgs = { '~standard': { version: 1, vendor: 'test', validate: never } } as const;
  const patient = defineAgent({ type: 'patient', initArgs, init: () => 0, tasks: {} });
  const register = awaited(agents.register({ module: patient, startTimeoutMs: 500 }));
  await clock.advance(500);
  const { code, message }: AgentSystemError = await refusal(register);
  expect([code, message]).toEqual([
    'AGENT_SPEC_INVALID',
    'spec: initArgs: expected their schema to answer within startTimeoutMs, 500 ms',
  ]);
});
