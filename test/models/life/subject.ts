/** The agent whose life is played, in every world: its code, and its spec for a profile. */
import { defineAgent } from '../../../src/index.ts';
import { AGENT, type Profile } from './life-state.ts';

export const definition = defineAgent({
  type: 'worker',
  init: () => ({}),
  tasks: { work: { run: () => undefined } },
});

export function specFor(profile: Profile) {
  const { restart, startTimeoutMs, shutdownMs, maxRuntimeMs, health, tasks } = profile;
  return {
    id: AGENT,
    module: definition,
    restart,
    startTimeoutMs,
    shutdownMs,
    resources: { maxRuntimeMs },
    health,
    tasks,
  };
}
