/** What is kept of a task's calls of other agents holds no secret of the agent that calls. Pure. */
import type { z } from 'zod';
import { AgentSystemError } from '../values/errors.ts';
import { readInput } from '../values/malformed.ts';
import { splitSecrets } from '../values/secret-paths.ts';
import type { spawnArgs } from './call-args.ts';

/**
 * What is kept of a child: all of its spec but what that itself calls a secret.
 *
 * @throws AgentSystemError `AGENT_SPEC_INVALID` for `initArgs` that cannot be read
 */
export function keptOfChild(spec: z.output<typeof spawnArgs>['spec']): object {
  const { initArgs, secrets } = spec;
  const paths = Array.isArray(secrets) ? secrets.filter((path) => typeof path === 'string') : [];
  const { shown } = readInput(() => splitSecrets(initArgs, paths), { what: 'spec: initArgs' });
  return { ...spec, initArgs: shown };
}

/**
 * @param kept what is kept of a call
 * @param hide gives the same data where no secret of the caller is in it
 * @throws AgentSystemError `REQUEST_INVALID` where one is
 */
export function refuseSecrets<Kept>(
  what: string,
  kept: Kept,
  hide: (kept: Kept) => Kept,
  agentId: string,
): void {
  if (hide(kept) === kept) return;
  const message = `${what}: it holds a secret of the initArgs, and is kept`;
  throw new AgentSystemError('REQUEST_INVALID', message, { agentId });
}
