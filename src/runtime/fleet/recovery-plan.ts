/**
 * A dry run of a recovery: which agents of a store come back, in which state, and which do not and why.
 *
 * It starts nothing and writes nothing. It loads the agents' modules into this program, to try their
 * `migrate` on the saved states.
 */
import { z } from 'zod';
import type { AgentLife } from '../../machines/index.ts';
import type { AnyAgentDefinition } from '../definition/define-agent.ts';
import { type AgentCode, agentCodeList } from '../definition/module-binding.ts';
import { type AgentManifest, manifestOf } from '../definition/manifest.ts';
import { AgentSystemError, errorInfoOf, inWords } from '../values/errors.ts';
import { loadAgentModule } from '../definition/load-agent-module.ts';
import { parseInput } from '../values/malformed.ts';
import { codeFor, type CodeOf, isMissing, moveOf } from './code-binding.ts';
import { migratedState } from '../definition/saved-state.ts';
import { storedQuestions } from '../agent/question-record.ts';
import { isRepeated, standingOf } from './restored-tasks.ts';
import { judge } from '../values/schema.ts';
import type { StoredSpec } from '../journal/system-event.ts';
import { type Recovery, type Store, storeShape, type StoredAgent } from '../journal/store.ts';

const inputSchema = z.strictObject({
  store: storeShape,
  options: z.strictObject({ agents: agentCodeList }),
});

export interface PlannedRecovery {
  readonly agentId: string;
  readonly type: string;
  /** The state of its life. */
  readonly at: AgentLife['at'];
  /** Whether it can be started again with its saved state. */
  readonly comesBack: boolean;
  /** Why it cannot. */
  readonly problem?: string;
  /** State version of the saved state, if there is one, and of the definition. */
  readonly stateVersion?: { readonly saved: number; readonly wanted: number };
  /** Whether the definition differs from that of its registration; `undefined` if its code is missing. */
  readonly isDefinitionChanged?: boolean;
  /** What becomes of the tasks that it was given and that have no end; left out where there are none. */
  readonly tasks?: readonly PlannedTask[];
  /** The places of its code at its registration and now, if they differ; without a URL: defined in the program. */
  readonly moved?: { readonly from?: string; readonly to?: string };
}

/** A task that was accepted and has no end. */
export interface PlannedTask {
  readonly taskId: string;
  /** Its name in the definition. */
  readonly task: string;
  /**
   * `waits`: it was not begun, or waits for another attempt or a person's answer, and goes on when its agent runs.
   * `repeated`: it was in flight, or has its answer, and is begun again. `unknown`: it was in flight, and nobody knows
   * how far it came.
   */
  readonly becomes: 'waits' | 'repeated' | 'unknown';
  /** Why it cannot be done, where it is not `unknown`: its kind is gone, or takes other input. */
  readonly problem?: string;
}

/**
 * Goes through every agent of a store and tries what a recovery would: whether its code is there, what was saved fits
 * it, its `initArgs` are as its schema says today, and so is the input of its tasks.
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
    const tasks = Map.groupBy(recovery.tasks, ({ agentId }) => agentId);
    const scope = { store, code, load, tasks, taskProgress: recovery.taskProgress };
    for (const stored of recovery.agents) plans.push(await plan(stored, scope));
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
  /** By the id of their agent. */
  readonly tasks: ReadonlyMap<string, Recovery['tasks']>;
  readonly taskProgress: Recovery['taskProgress'];
}

async function plan({ registered, latest }: StoredAgent, scope: PlanScope): Promise<PlannedRecovery> {
  const { agentId, agentType: type } = registered;
  const at = 'life' in latest ? latest.life.at : 'registered';
  const saved = await scope.store.state(agentId);
  const found = scope.code(registered);
  const moved = moveOf(registered, found);
  let definition: AnyAgentDefinition | undefined;
  const rest = async () => ({
    ...known(definition, saved, registered.manifest),
    ...(await plannedTasks(agentId, definition, scope)),
    ...moved,
  });
  try {
    if (isMissing(found)) throw new Error(found.missing);
    const loaded = found instanceof URL ? await scope.load(found.href) : found;
    if (loaded.type !== type) throw new Error(`its code defines "${loaded.type}", expected "${type}"`);
    definition = loaded;
    if (saved !== undefined) migratedState(definition, saved);
    await assertArgsFit(definition, registered.spec);
    return { agentId, type, at, comesBack: true, ...(await rest()) };
  } catch (thrown) {
    const problem = errorInfoOf(thrown).message;
    return { agentId, type, at, comesBack: false, problem, ...(await rest()) };
  }
}

/** Of an agent with secrets nothing can be told: its store has not all that its schema judges. */
async function assertArgsFit(definition: AnyAgentDefinition, spec: StoredSpec): Promise<void> {
  const { initArgs, secrets } = spec as { readonly initArgs?: unknown; readonly secrets?: readonly string[] };
  if (secrets !== undefined && secrets.length > 0) return;
  const verdict = await judge(definition.initArgs, initArgs);
  if ('problem' in verdict) throw new Error(`initArgs: ${verdict.problem}`);
}

async function plannedTasks(
  agentId: string,
  definition: AnyAgentDefinition | undefined,
  { store, tasks, taskProgress }: PlanScope,
): Promise<{ readonly tasks?: readonly PlannedTask[] }> {
  const planned: PlannedTask[] = [];
  for (const accepted of tasks.get(agentId) ?? []) {
    const { taskId, task } = accepted;
    const { isInFlight, isClear } = standingOf(accepted, taskProgress);
    const begun = taskProgress?.get(taskId)?.attempt ?? accepted.attempts ?? 0;
    const manifest = definition && manifestOf(definition);
    // A task that has asked a person is begun again, whatever its kind says.
    const questions = await storedQuestions(store, taskId);
    const asked = questions[0]?.task;
    const isAsking = asked !== undefined && questions.some(({ record }) => record.status === 'open');
    const isWaiting = isAsking || (isClear && !isInFlight);
    const mayGoOn = isWaiting || asked !== undefined || isRepeated(accepted, begun, manifest);
    const becomes = !mayGoOn ? 'unknown' : isWaiting ? 'waits' : 'repeated';
    const given = { ...accepted, ...asked };
    const problem = definition && mayGoOn ? await misfitOf(given, definition) : undefined;
    planned.push({ taskId, task, becomes, ...(problem === undefined ? {} : { problem }) });
  }
  return planned.length === 0 ? {} : { tasks: planned };
}

async function misfitOf(
  { task, input }: Recovery['tasks'][number],
  definition: AnyAgentDefinition,
): Promise<string | undefined> {
  const kinds = Object.keys(definition.tasks);
  if (!Object.hasOwn(definition.tasks, task)) {
    return `its definition has no task ${inWords(task)}, it has: ${kinds.join(', ') || 'none'}`;
  }
  const verdict = await judge(definition.tasks[task]!.input, input);
  return 'problem' in verdict ? `input: ${verdict.problem}` : undefined;
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
