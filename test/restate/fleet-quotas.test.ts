/** Laws of a fleet's quotas, on an engine that answers at once. */
import { describe, expect, it } from 'vitest';
import { FleetQuotas } from '../../src/restate/client/fleet-quotas.ts';
import { AgentSystemError } from '../../src/runtime/values/errors.ts';
import { codeOf } from '../kit/rig.ts';

function rig(alone: unknown = 'given') {
  const asked: unknown[] = [];
  const engine = {
    assertOpen: () => undefined,
    now: () => Promise.resolve(7),
    call: (target: { method: string; key?: string }, parameter: unknown) => {
      asked.push([target.method, target.key, parameter]);
      return Promise.resolve(target.method === 'list' ? [{ name: 'shared' }] : { value: 'lifted' });
    },
  };
  const commands = {
    give: (id: string, command: unknown) => {
      asked.push(['give', id, command]);
      return alone instanceof Error ? Promise.reject(alone) : Promise.resolve(alone);
    },
  };
  const looks = (question: unknown) => {
    asked.push(question);
    return Promise.resolve([{ quota: { name: 'ada' } }, {}]);
  };
  const quotas = new FleetQuotas(engine as never, commands as never, { looks } as never);
  return { quotas, asked };
}

it('a list has those that are shared, and those of agents that have one', async () => {
  expect(await rig().quotas.list()).toEqual([{ name: 'shared' }, { name: 'ada' }]);
});

describe('a lift', () => {
  it.each(['', 7, undefined, null, {}])('of %o asks nobody', async (name) => {
    const { quotas, asked } = rig();
    expect(await codeOf(quotas.lift(name as string))).toBe('QUOTA_UNKNOWN');
    expect(asked).toEqual([]);
  });

  it('is for the group of that name, with who did it and when, by the fleet’s time', async () => {
    const { quotas, asked } = rig();
    expect(await quotas.lift('shared', { by: 'ann' })).toBe('lifted');
    expect(asked.at(-1)).toEqual(['lift', 'shared', { by: 'ann', at: 7 }]);
  });

  it('is for the agent of that name where there is no such group', async () => {
    const { quotas, asked } = rig();
    expect(await quotas.lift('ada', { by: 'ann' })).toBe('given');
    expect(asked.at(-1)).toEqual(['give', 'ada', { type: 'liftQuota', by: 'ann' }]);
  });

  it('of nobody is refused by the name of a quota; another failure is told as it is', async () => {
    const nobody = rig(new AgentSystemError('AGENT_NOT_FOUND', 'nobody'));
    expect(await codeOf(nobody.quotas.lift('eve'))).toBe('QUOTA_UNKNOWN');
    const failing = rig(new AgentSystemError('STORE_FAILED', 'away'));
    expect(await codeOf(failing.quotas.lift('eve'))).toBe('STORE_FAILED');
  });
});
