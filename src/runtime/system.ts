/**
 * A whole system, from its creation to its end: restores the fleet of its store, and closes its parts in order.
 *
 * I1  `createAgentSystem` resolves once the fleet of its store is listed and its agents are starting.
 * I2  After `close` has resolved nothing of the system is left: no body, timer or open file. The same holds for
 *     a system that could not be created, and its store is unchanged.
 * I3  Agents end before the parts that they need: coordination, then hosts, journal and store.
 */
import { z } from 'zod';
import { type BudgetSpec, durationMs, FINISH_SHARE } from '../machines/index.ts';
import type { Questions } from './agent/questions.ts';
import type { Consensus } from './coordination/rounds/consensus.ts';
import type { CoordinationControl } from './coordination/coordination.ts';
import type { VariableDefinition } from './coordination/variables/variable.ts';
import type { VariableRegistry } from './coordination/variables/variables.ts';
import type { AgentManifest } from './definition/manifest.ts';
import type { AgentCode } from './definition/module-binding.ts';
import type { Agents } from './fleet/agents.ts';
import { bindCode, movedCode } from './fleet/code-binding.ts';
import { endFleet, longestShutdownMs } from './fleet/fleet-end.ts';
import { recoverFleet } from './fleet/recovery.ts';
import type { Tasks } from './fleet/tasks.ts';
import type { Recovery, Store, StoredAgent } from './journal/store.ts';
import { memoryStore } from './journal/stores/memory.ts';
import type { Budgets } from './limits/budgets.ts';
import type { Quotas } from './limits/quotas.ts';
import type { Alerts } from './observability/alerts.ts';
import { type Coverage, coverageOfProgram } from './observability/coverage.ts';
import { logEvents } from './observability/log-lines.ts';
import type { Pools } from './pools/pools.ts';
import type { AgentSystem, CloseReport, SystemStatus } from './system/agent-system.ts';
import { compareChartVersions } from './system/chart-versions.ts';
import { eventsOf } from './system/events.ts';
import { type Ground, type SystemParts, wiredParts } from './system/parts.ts';
import { type AgentSystemOptions, type KnownLimits, settingsOf } from './system/system-options.ts';
import { steadyClock, systemClock } from './time/clock.ts';
import { within } from './time/deadline.ts';
import { AgentSystemError, errorInfoOf } from './values/errors.ts';
import { harmlessLogger } from './values/harmless-logger.ts';
import { parseInput } from './values/malformed.ts';
import { stderrLogger } from './values/stderr-logger.ts';
import { urlInWords } from './values/url-in-words.ts';

const closeSchema = z.strictObject({ timeoutMs: durationMs.optional() });

/** Time for a host, or a store, to close; ms. More than a commit may take. */
const RELEASE_GRACE_MS = 12_000;

/**
 * A system of supervised agents, with the fleet that its store kept.
 *
 * @throws AgentSystemError `AGENT_SPEC_INVALID` for invalid options, `STORE_FAILED` for a store that cannot
 * be read
 */
export async function createAgentSystem(options: AgentSystemOptions = {}): Promise<AgentSystem> {
  const { system, defined } = await createDefinedSystem(options, {});
  await defined;
  return system;
}

/**
 * @internal A system whose variables are defined before what an earlier program left goes on.
 *
 * @returns `defined` resolves once their first values are committed
 * @throws AgentSystemError as `createAgentSystem`, and as `variables.define`
 */
export async function createDefinedSystem(
  options: AgentSystemOptions,
  variables: Readonly<Record<string, VariableDefinition>>,
): Promise<{ readonly system: AgentSystem; readonly defined: Promise<unknown> }> {
  const { limits, budgets } = settingsOf(options);
  const { store = memoryStore() } = options;
  const logger = harmlessLogger(options.logger ?? stderrLogger('warn'));
  const clock = steadyClock(options.clock ?? systemClock());
  const recovery = await openStore(store);
  let system: System | undefined;
  try {
    system = new System(options, limits, { store, clock, logger }, recovery);
    await system.recall(recovery);
    const given = options.agents ?? [];
    const described = await system.describeMoved(recovery, given);
    const define = await system.variables.judged(variables);
    const defined = system.begin({ recovery, given, described, budgets, define });
    return { system, defined };
  } catch (thrown) {
    system?.discard();
    await release('the store', () => store.close(), { clock, logger });
    if (thrown instanceof AgentSystemError) throw thrown;
    const message = `the fleet of the store cannot be brought back: ${errorInfoOf(thrown).message}`;
    throw new AgentSystemError('STORE_FAILED', message, { cause: thrown });
  }
}

async function openStore(store: Store): Promise<Recovery> {
  try {
    return await store.recover();
  } catch (thrown) {
    if (thrown instanceof AgentSystemError) throw thrown;
    const message = `the store could not be opened: ${errorInfoOf(thrown).message}`;
    throw new AgentSystemError('STORE_FAILED', message, { cause: thrown });
  }
}

/** Ends a part. A failure or a hang is logged, and does not keep later parts from ending. */
async function release(
  what: string,
  close: () => unknown,
  { clock, logger }: Pick<Ground, 'clock' | 'logger'>,
): Promise<void> {
  try {
    await within(clock, RELEASE_GRACE_MS, Promise.resolve(close()), () => {
      throw new Error(`not closed within ${RELEASE_GRACE_MS} ms`);
    });
  } catch (err) {
    logger.error({ err }, `${what} could not be closed`);
  }
}

/** What a system begins with. */
interface Beginning {
  readonly recovery: Recovery;
  readonly given: readonly AgentCode[];
  /** What modules can do that are elsewhere than before. */
  readonly described: ReadonlyMap<URL, AgentManifest>;
  readonly budgets: readonly BudgetSpec[];
  /** Puts its variables into force. */
  readonly define: () => Promise<unknown>;
}

class System implements AgentSystem {
  readonly agents: Agents;
  readonly variables: VariableRegistry;
  readonly consensus: Consensus;
  readonly coordination: CoordinationControl;
  readonly pools: Pools;
  readonly tasks: Tasks;
  readonly questions: Questions;
  readonly events: AgentSystem['events'];
  readonly alerts: Alerts;
  readonly quotas: Quotas;
  readonly budgets: Budgets;
  readonly #parts: SystemParts;
  #stopCounting: (() => void) | undefined;
  #status: SystemStatus = 'open';
  #closing: Promise<CloseReport> | undefined;

  /** Makes the parts; starts nothing. */
  constructor(options: AgentSystemOptions, limits: KnownLimits, ground: Ground, recovery: Recovery) {
    const parts = wiredParts({ ...ground, options, limits, recovery, status: () => this.#status });
    this.#parts = parts;
    this.agents = parts.agents;
    this.variables = parts.coordination.variables;
    this.consensus = parts.coordination.consensus;
    this.coordination = parts.coordination;
    this.pools = parts.pools;
    this.tasks = parts.tasks;
    this.questions = parts.questions;
    this.events = eventsOf(parts.journal);
    this.alerts = parts.alerts;
    this.quotas = parts.quotas;
    this.budgets = parts.budgets;
  }

  /** Restores the steps, the questions and the callers of the last program's tasks. */
  async recall(recovery: Recovery): Promise<void> {
    const { steps, questions, tasks, store } = this.#parts;
    await steps.recall(recovery, store);
    await questions.recall(recovery, store);
    await tasks.recall(recovery, store);
  }

  /** What modules are that are elsewhere than before. One that does not load is taken for what it was. */
  async describeMoved(
    recovery: Recovery,
    given: readonly AgentCode[],
  ): Promise<ReadonlyMap<URL, AgentManifest>> {
    const { agents, logger } = this.#parts;
    const described = new Map<URL, AgentManifest>();
    const describe = async ([module, registered]: readonly [URL, StoredAgent['registered']]) => {
      try {
        described.set(module, await agents.describeMoved(registered, module));
      } catch (err) {
        logger.warn(
          { err },
          `what ${urlInWords(module)} can do is not known until an agent of it has started`,
        );
      }
    };
    await Promise.all([...movedCode(given, recovery)].map(describe));
    return described;
  }

  /** Restores the fleet of the last program on the same store. In one step: nothing is committed if it fails. */
  begin({ recovery, given, described, budgets, define }: Beginning): Promise<unknown> {
    const { logger, journal, coordination, telemetry, agents, manifests, tasks } = this.#parts;
    coordination.recover(recovery);
    compareChartVersions(recovery, journal, logger);
    journal.observe(logEvents(logger));
    const counting = telemetry.count(agents);
    if (counting) journal.observe(() => counting.listener);
    this.#stopCounting = counting?.close;
    const code = bindCode(given, recovery, journal, (problem) => logger.warn(problem));
    for (const [module, manifest] of described) manifests.keep(module, manifest);
    for (const budget of budgets) this.budgets.define(budget);
    const defined = define();
    // Whoever waits for it is told.
    defined.catch(() => undefined);
    recoverFleet({ ...this.#parts, recovery, code });
    tasks.begin(recovery);
    return defined;
  }

  /** Its creation has failed: ends it, and commits nothing. */
  discard(): void {
    this.#parts.journal.discard();
    this.tasks.halt();
    this.#stopCounting?.();
    this.#end(new AgentSystemError('SYSTEM_CLOSED', 'the system could not be created'));
  }

  get status(): SystemStatus {
    return this.#status;
  }

  resources() {
    return this.#parts.admission.usage();
  }

  coverage(): Coverage {
    return coverageOfProgram();
  }

  async close(options: { readonly timeoutMs?: number | undefined } = {}): Promise<CloseReport> {
    const { timeoutMs } = parseInput(closeSchema, options, { what: 'close' });
    // From here on agents that are being stopped cannot begin anything.
    if (this.#status === 'open') this.#status = 'closing';
    this.#closing ??= this.#close(timeoutMs).finally(() => {
      this.#status = 'closed';
    });
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(timeoutMs: number | undefined): Promise<CloseReport> {
    const parts = this.#parts;
    const { agents, clock, coordination, pools, store, tasks } = parts;
    tasks.halt();
    coordination.halt();
    const graceMs = timeoutMs ?? longestShutdownMs(agents.all());
    const closeAt = clock.elapsed() + graceMs;
    const halting = pools.halt(graceMs * FINISH_SHARE);
    if (halting) await within(clock, graceMs, halting, () => undefined);
    const leftMs = Math.max(0, closeAt - clock.elapsed());
    const each = timeoutMs === undefined ? undefined : leftMs;
    const report = await endFleet(agents.all(), clock, { at: closeAt, timeoutMs: each });
    this.#stopCounting?.();
    const why = new AgentSystemError('SYSTEM_CLOSED', 'the system has closed');
    pools.discard(why);
    this.#end(why);
    const hosts = [...parts.hosts.values()];
    await Promise.all(hosts.map((host) => release(`the ${host.isolation} host`, () => host.close(), parts)));
    let unkeptEvents = 0;
    const closeJournal = async () => {
      unkeptEvents = await parts.journal.close();
    };
    await release('the journal', closeJournal, parts);
    // What a slow store has taken at the last is among them.
    const leftTasks = store.isDurable ? tasks.left() : [];
    tasks.discard(why);
    await release('the store', () => store.close(), parts);
    return {
      ...report,
      ...(leftTasks.length === 0 ? {} : { leftTasks }),
      ...(unkeptEvents === 0 ? {} : { unkeptEvents }),
    };
  }

  /** Ends the agents, then the parts that they need. */
  #end(why: AgentSystemError): void {
    const { questions, agents, permits, quotas, budgets, coordination } = this.#parts;
    questions.close();
    agents.discard(why);
    permits.close();
    quotas.close();
    budgets.close();
    coordination.close();
  }
}
