/** A fleet is ready once each of its parts that failed to start has started since. */
import { expect, it } from 'vitest';
import type { AgentSystem } from '../../src/index.ts';
import { StartFaults } from '../../src/cli/run/start-faults.ts';

const named = (names: Iterable<string>, key: string) => [...names].map((name) => ({ [key]: name }));

function rig() {
  const running = new Set<string>();
  const pools = new Set<string>();
  const system = {
    agents: {
      list: ({ status }: { readonly status: string }) => (status === 'running' ? named(running, 'id') : []),
    },
    pools: { list: () => named(pools, 'name') },
  } as unknown as AgentSystem;
  const faults = new StartFaults();
  return { faults, running, pools, verdict: () => faults.verdictOn(system) };
}

it('while it starts, and with no part that failed', () => {
  const { faults, verdict } = rig();
  expect(verdict()).toBe('it is starting');
  faults.started();
  expect(verdict()).toBe(true);
});

it('parts that failed are named until they are there; what has started once is not asked for again', () => {
  const { faults, running, pools, verdict } = rig();
  expect(faults.note({ agentId: 'ada' } as never)).toBe('ada');
  expect(faults.note({ pool: 'hands' } as never)).toBe('pool hands');
  expect(faults.note({ agentId: 'bob' } as never)).toBe('bob');
  running.add('hands').add('bob');
  expect(verdict()).toBe('it is starting');
  faults.started();
  expect(verdict()).toBe('did not start: ada, pool hands');
  running.clear();
  pools.add('hands').add('ada');
  expect(verdict()).toBe('did not start: ada');
  running.add('ada');
  pools.clear();
  expect(verdict()).toBe(true);
});
