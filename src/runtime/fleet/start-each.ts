/** Starts of many agents, some at a time: one that fails keeps none of the others from starting. */
import { AgentSystemError } from '../values/errors.ts';

/** What has become of a start of many. */
export interface StartReport {
  /** Ids of the agents that run. */
  readonly started: readonly string[];
  /** Those that could not be started, and why. */
  readonly failed: readonly { readonly agentId: string; readonly error: AgentSystemError }[];
}

/** Starts that are under way at once. */
const STARTS_AT_ONCE = 32;

/** Resolves when each of them runs, or could not be started. @param start rejects with an `AgentSystemError`; anything else is a bug */
export async function startEach(
  ids: readonly string[],
  start: (id: string) => Promise<unknown>,
): Promise<StartReport> {
  // One for all of them: each id is taken once.
  const waiting = ids.values();
  const started: string[] = [];
  const failed: { agentId: string; error: AgentSystemError }[] = [];
  const startNext = async (): Promise<void> => {
    for (const id of waiting) {
      try {
        await start(id);
        started.push(id);
      } catch (thrown) {
        if (!(thrown instanceof AgentSystemError)) throw thrown;
        failed.push({ agentId: id, error: thrown });
      }
    }
  };
  await Promise.all(Array.from({ length: STARTS_AT_ONCE }, startNext));
  return { started, failed };
}
