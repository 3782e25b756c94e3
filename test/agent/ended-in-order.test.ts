import { expect, it } from 'vitest';
import type { AgentRecord } from '../../src/runtime/agent/agent-record.ts';
import { endedInOrder } from '../../src/runtime/agent/ended-in-order.ts';

it.each<[boolean, AgentRecord['status'], AgentRecord['reason'], readonly string[]]>([
  [true, 'completed', 'normal', []],
  [true, 'stopped', 'shutdown', []],
  [true, 'stopped', { shutdown: 'max_runtime' }, []],
  [false, 'stopped', { shutdown: 'timed_out' }, []],
  [false, 'stopped', { shutdown: 'killed' }, []],
  [false, 'stopped', 'shutdown', ['a task']],
  [false, 'completed', 'normal', ['a task']],
  [false, 'crashed', { error: { name: 'Error', message: 'no' } }, []],
  [false, 'running', undefined, []],
  [false, 'registered', undefined, []],
])(
  'it is %s that an agent ended in order: %s, for %j, with %j left undone',
  (is, status, reason, abandoned) => {
    expect(endedInOrder({ status, reason, abandoned } as AgentRecord)).toBe(is);
  },
);
