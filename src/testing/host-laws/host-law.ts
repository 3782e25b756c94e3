/** One law of hosts, and what laws look at. */
import assert from 'node:assert/strict';
import type { Host } from '../../runtime/hosting/host.ts';
import { openReady, type ReportOf, type TaskAnswer, type Witness } from './witness.ts';

export interface HostLaw {
  readonly name: string;
  /** `work`: what one ready body does. `life`: how bodies start and end. */
  readonly about: 'work' | 'life';
  /** Rejects with an AssertionError when the host does not keep it. */
  readonly keep: (host: Host) => Promise<void>;
}

export function outputOf(answer: TaskAnswer): unknown {
  assert.equal(answer.type, 'task.completed', JSON.stringify(answer));
  return answer.type === 'task.completed' ? answer.output : undefined;
}

export function chunksOf(witness: Witness): unknown[] {
  return witness.all('task.chunk').map(({ chunk }) => chunk);
}

export function failureOf(answer: TaskAnswer): ReportOf<'task.failed'> {
  assert.equal(answer.type, 'task.failed', JSON.stringify(answer));
  return answer;
}

export const law = (name: string, keep: (host: Host) => Promise<void>): HostLaw => ({
  name,
  about: 'life',
  keep,
});

/** A law about one ready body. The body is stopped in order afterwards. */
export const lawOfOne = (name: string, keep: (witness: Witness) => Promise<void>): HostLaw => ({
  name,
  about: 'work',
  keep: async (host) => {
    const witness = await openReady(host, { initArgs: { from: 1 } });
    await keep(witness);
    assert.equal(await witness.terminate(), 'shutdown');
  },
});
