/**
 * What a recovery would do, without doing it: which agents of a store come back, as what, and which do not and why.
 *
 * Starts nothing and writes nothing. It loads the modules of agents that have one into this program, to try their
 * `migrate` on what was saved.
 */
import { z } from 'zod';
import type { AgentLife } from '../../machines/index.ts';
import type { AnyAgentDefinition } from '../definition/define-agent.ts';
import { type AgentCode, agentCodeList } from '../definition/module-binding.ts';
import { type AgentManifest, manifestOf } from '../definition/manifest.ts';
import { AgentSystemError, errorInfoOf } from '../values/errors.ts';
import { loadAgentModule } from '../definition/load-agent-module.ts';
import { parseInput } from '../values/malformed.ts';
import { codeFor, type CodeOf, isMissing, moveOf } from './code-binding.ts';
import { migratedState } from '../definition/saved-state.ts';
import { type Store, storeShape, type StoredAgent } from '../journal/store.ts';

const inputSchema = z.strictObject({
  store: storeShape,
  options: z.strictObject({ agents: agentCodeList }),
});

export interface PlannedRecovery {
  readonly agentId: string;
  readonly type: string;
  /** Where its life stood. */
  readonly at: AgentLife['at'];
  /** Whether it can be started again with the state that was saved. */
  readonly comesBack: boolean;
  /** Why it does not. */
  readonly problem?: string;
  /** Version of the saved state's shape, where one was saved, and of the definition's. */
  readonly stateVersion?: { readonly saved: number; readonly wanted: number };
  /** Whether the definition is another than the one it was registered with; `undefined` where there is none. */
  readonly isDefinitionChanged?: boolean;
  /** Where its code was when it was registered, and where it is now, if these differ; without a URL: in the program. */
  readonly moved?: { readonly from?: string; readonly to?: string };
}

/**
 * Goes through every agent of a store and tries what a recovery would.
 *
 * The store is opened and closed: no other program may have it open meanwhile. With `create: false` a
 * `sqliteStore` does not make the file that a wrong path would name.
 *
 * @throws AgentSystemError `AGENT_SPEC_INVALID` for an invalid store or invalid options, `STORE_FAILED`
 */
export async function planRecovery(
  store: Store,
  options: { readonly agents?: readonly AgentCode[] } = {},
): Promise<readonly PlannedRecovery[]> {
  const input = parseInput(inputSchema, { store, options }, { what: 'planRecovery' });
  const modules = new Map<string, Promise<AnyAgentDefinition>>();
  const load = (url: string) => {
    let loading = modules.get(url);
    if (loading === undefined) modules.set(url, (loading = loadAgentModule(new URL(url))));
    return loading;
  };
  try {
    const recovery = await store.recover();
    const plans: PlannedRecovery[] = [];
    const code = codeFor(input.options.agents, recovery);
    for (const stored of recovery.agents) plans.push(await plan(stored, { store, code, load }));
    return plans;
  } catch (thrown) {
    if (thrown instanceof AgentSystemError) throw thrown;
    throw new AgentSystemError(
      'STORE_FAILED',
      `the store could not be read: ${errorInfoOf(thrown).message}`,
      {
        cause: thrown,
      },
    );
  } finally {
    await store.close();
  }
}

interface PlanScope {
  readonly store: Store;
  readonly code: CodeOf;
  readonly load: (url: string) => Promise<AnyAgentDefinition>;
}

async function plan({ registered, latest }: StoredAgent, scope: PlanScope): Promise<PlannedRecovery> {
  const { agentId, agentType: type } = registered;
  const at = 'life' in latest ? latest.life.at : 'registered';
  const saved = await scope.store.state(agentId);
  const found = scope.code(registered);
  const moved = moveOf(registered, found);
  let definition: AnyAgentDefinition | undefined;
  try {
    if (isMissing(found)) throw new Error(found.missing);
    const loaded = found instanceof URL ? await scope.load(found.href) : found;
    if (loaded.type !== type) throw new Error(`its code defines "${loaded.type}", expected "${type}"`);
    definition = loaded;
    if (saved !== undefined) migratedState(definition, saved);
    return { agentId, type, at, comesBack: true, ...known(definition, saved, registered.manifest), ...moved };
  } catch (thrown) {
    const problem = errorInfoOf(thrown).message;
    const rest = { ...known(definition, saved, registered.manifest), ...moved };
    return { agentId, type, at, comesBack: false, problem, ...rest };
  }
}

function known(
  definition: AnyAgentDefinition | undefined,
  saved: { readonly stateVersion: number } | undefined,
  registered: AgentManifest,
): Pick<PlannedRecovery, 'stateVersion' | 'isDefinitionChanged'> {
  if (definition === undefined) return {};
  const { hash, stateVersion: wanted } = manifestOf(definition);
  return {
    ...(saved ? { stateVersion: { saved: saved.stateVersion, wanted } } : {}),
    isDefinitionChanged: hash !== registered.hash,
  };
}
