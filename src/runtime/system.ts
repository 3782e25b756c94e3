/**
 * A whole system: wires the parts of the runtime together, restores the fleet of its store, and closes all in order.
 *
 * I1  `createAgentSystem` resolves once the fleet of its store is listed and its agents are starting.
 * I2  After `close` has resolved nothing of the system is left: no body, timer or open file. The same holds for
 *     a system that could not be created, and its store is unchanged.
 * I3  Agents end before the parts that they need: coordination, then hosts, journal and store.
 */
import { type Logger, pino } from 'pino';
import { z } from 'zod';
import { durationMs, FINISH_SHARE, type Isolation } from '../machines/index.ts';
import { Admission, type AdmissionUsage } from './limits/admission.ts';
import type { AgentServices } from './agent/agent-services.ts';
import { type MadeRequest, type RequestHandler, requestHandler } from './agent/requests.ts';
import { AgentCalls } from './fleet/agent-calls.ts';
import { Agents } from './fleet/agents.ts';
import type { SecretProvider } from './agent/agent-secrets.ts';
import { saidBy } from './values/act.ts';
import { SecretNet } from './values/secret-net.ts';
import { type Alert, Alerts } from './observability/alerts.ts';
import { chartWatch, hideIn, type Inspect } from './engine/chart-watch.ts';
import { type Clock, type SteadyClock, steadyClock, systemClock } from './time/clock.ts';
import { within } from './time/deadline.ts';
import { type AgentCode, agentCodeList } from './definition/module-binding.ts';
import type { Consensus } from './coordination/rounds/consensus.ts';
import { Coordination, type CoordinationControl } from './coordination/coordination.ts';
import type { Variables } from './coordination/variables/variables.ts';
import { AgentSystemError, errorInfoOf, inWords } from './values/errors.ts';
import { type Coverage, coverageOfProgram } from './observability/coverage.ts';
import { logEvents } from './observability/log-lines.ts';
import type { Host } from './hosting/host.ts';
import { chartIdentities } from './engine/chart-identity.ts';
import { inProcessHost } from './hosting/hosts/in-process.ts';
import { processHost } from './hosting/hosts/process.ts';
import { threadHost } from './hosting/hosts/thread.ts';
import { NewIds } from './journal/new-ids.ts';
import { Journal } from './journal/journal.ts';
import type { ReadOptions } from './journal/reading.ts';
import { having, parseInput } from './values/malformed.ts';
import { PoolRegistry, type Pools } from './pools/pools.ts';
import { endFleet, type FleetEnd, longestShutdownMs } from './fleet/fleet-end.ts';
import { bindCode } from './fleet/code-binding.ts';
import { Tasks } from './fleet/tasks.ts';
import { Families } from './fleet/families.ts';
import { Questions } from './agent/questions.ts';
import { TaskSteps } from './agent/task-steps.ts';
import { recoverFleet } from './fleet/recovery.ts';
import type { Spender } from './limits/budget-account.ts';
import { Budgets, reserveArgs, settleArgs } from './limits/budgets.ts';
import { Quotas } from './limits/quotas.ts';
import { RestartPermits } from './limits/restart-permits.ts';
import { type Recovery, type Store, storeShape } from './journal/store.ts';
import { memoryStore } from './journal/stores/memory.ts';
import type { EventListener, SubscribeOptions } from './journal/subscriptions.ts';
import { type LifeStep, stepOf } from './journal/replay.ts';
import type { SystemEvent } from './journal/system-event.ts';
import { Telemetry, type TelemetryOptions } from './observability/telemetry.ts';

export interface AgentSystemOptions {
  /** Where events and states are kept; default `memoryStore()`. */
  readonly store?: Store;
  /** A pino logger; default one that writes warnings and errors to stderr. */
  readonly logger?: Logger;
  readonly clock?: Clock;
  /** Numbers in [0, 1); default `Math.random`. */
  readonly random?: () => number;
  /**
   * The inspector's `observe`; or a function, which is given XState's inspection events: all charts are then driven by
   * XState's interpreter. What it throws, or a promise of it that is rejected, is logged and does no harm.
   */
  readonly inspect?: Inspect;
  /** OpenTelemetry's tracer and meter; default the global ones, which do nothing until an SDK is there. */
  readonly telemetry?: TelemetryOptions;
  readonly limits?: SystemLimits;
  /**
   * Where the code of the store's agents is, by type: a definition of this program, or `{ type, module: URL }`. An
   * agent runs what is given here, wherever its module was when it was registered.
   */
  readonly agents?: readonly AgentCode[];
  /**
   * Gives the secrets of `initArgs` that agents were registered with (`secrets` of their spec) and that this program
   * has not given otherwise: called at each start of an agent. If it throws, the start fails.
   */
  readonly secrets?: SecretProvider;
  /** Hosts in place of the system's own, by isolation. */
  readonly hosts?: Partial<Record<Isolation, Host>>;
}

export interface SystemLimits {
  /** Agents with a body at once; default no limit. */
  readonly maxAgents?: number;
  /** Sum of what running agents reserve by `resources.maxMemoryBytes`; default no limit. */
  readonly maxMemoryBytes?: number;
  /** Restarts under way at once, default 32; of each type, and of each pool, at least one may be. */
  readonly maxConcurrentRestarts?: number;
  /** Consensus rounds that may be open at once; default 100. */
  readonly maxOpenRounds?: number;
  /** Records that are kept of tasks that have ended, and of submitted ones that failed as many besides; default 1,000. */
  readonly maxEndedTasks?: number;
}

export interface CloseReport extends FleetEnd {
  /** Ids of accepted tasks that the next program on the same durable store goes on with; left out if there are none. */
  readonly leftTasks?: readonly string[];
  /**
   * How many events a failing store did not keep; left out if it kept all. A later program does not know
   * them: it finds agents as the store last saw them, and may start agents that have ended.
   */
  readonly unkeptEvents?: number;
}

/** `closing` from the call of `close` on: nothing new begins. */
export type SystemStatus = 'open' | 'closing' | 'closed';

export interface AgentSystem extends AsyncDisposable {
  readonly status: SystemStatus;
  readonly agents: Agents;
  /** Shared variables: typed, bounded, versioned values. */
  readonly variables: Variables;
  /** Consensus rounds. */
  readonly consensus: Consensus;
  /** Whether coordination is available, and which agent leads. */
  readonly coordination: CoordinationControl;
  /** Agents of one type behind one queue, as many as are needed. */
  readonly pools: Pools;
  /** Tasks: submit, look up, wait for, cancel, retry. */
  readonly tasks: Tasks;
  /** Questions of tasks to people, and the answers. */
  readonly questions: Questions;
  readonly events: {
    /**
     * Calls the listener with every event after it was committed, in order. While the store fails, events come
     * not committed: `committedOnly` waits until they are. With `types`, of
     * these alone. Returns how to stop listening.
     *
     * @throws AgentSystemError `AGENT_SPEC_INVALID`
     */
    subscribe(listener: EventListener, options?: SubscribeOptions): () => void;
    /**
     * An agent's life, rebuilt from its events, forgotten agents included: each step is what its
     * record said after that event. Events that retention has dropped are missing.
     *
     * @param untilSequence the last event to take in; default the newest
     * @throws AgentSystemError `AGENT_SPEC_INVALID`, `STORE_FAILED`
     */
    replay(agentId: string, untilSequence?: number): Promise<readonly LifeStep[]>;
    /** The events that the store still has, in order. @throws AgentSystemError `STORE_FAILED` */
    read(options?: ReadOptions): AsyncIterable<SystemEvent>;
  };
  readonly alerts: { list(): readonly Alert[] };
  /** Limits of others that agents share or ran into: whether one is reached, and which agents wait. */
  readonly quotas: Pick<Quotas, 'list' | 'lift'>;
  /** Budgets: tokens, money, calls and time for a task, an agent, a group, or the fleet. */
  readonly budgets: Budgets;
  /** What running agents have reserved of the system's limits, and what is left. */
  resources(): AdmissionUsage;
  /**
   * Which transitions and guard outcomes of the charts of agents, supervision, coordination, pools and limits have been taken, by
   * all systems of this program; and of the charts that agents are, where they run in it. Always counted, except for
   * charts that are inspected by a plain function.
   */
  coverage(): Coverage;
  /**
   * Stops every agent, then everything else. Later commands are refused with `SYSTEM_CLOSED`; variables can be
   * changed until the agents have ended, so that tasks that drain can do what they were to do.
   *
   * @param options.timeoutMs one deadline for all of it; default the longest `shutdownMs` of the fleet
   */
  close(options?: { readonly timeoutMs?: number }): Promise<CloseReport>;
}

const isFunction = z.custom((value) => typeof value === 'function', { error: 'expected a function' });
const host = having('refusal', 'describe', 'open', 'close').optional();
/** `Infinity` means no limit. */
const limit = z.custom<number>(
  (value) => value === Infinity || (Number.isSafeInteger(value) && (value as number) >= 0),
  { error: 'expected a whole number, 0 or more, or Infinity' },
);
const optionsSchema = z.strictObject({
  store: storeShape.optional(),
  logger: having('child', 'isLevelEnabled', 'debug', 'info', 'warn', 'error').optional(),
  clock: having('now', 'setTimeout', 'clearTimeout').optional(),
  random: isFunction.optional(),
  inspect: isFunction.optional(),
  telemetry: z
    .strictObject({
      tracer: having('startSpan').optional(),
      meter: having('createObservableGauge', 'createCounter', 'createHistogram').optional(),
    })
    .optional(),
  limits: z
    .strictObject({
      maxAgents: limit.default(Infinity),
      maxMemoryBytes: limit.default(Infinity),
      maxConcurrentRestarts: z.int().min(1).default(32),
      maxEndedTasks: z.int().min(0).default(1_000),
      maxOpenRounds: z.int().min(1).max(1_000).default(100),
    })
    .prefault({}),
  agents: agentCodeList,
  secrets: isFunction.optional(),
  hosts: z.strictObject({ 'in-process': host, thread: host, process: host }).optional(),
});
const replaySchema = z.strictObject({ agentId: z.string(), untilSequence: limit.default(Infinity) });
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
  const { limits } = parseInput(optionsSchema, options, { what: 'createAgentSystem' });
  const { store = memoryStore(), logger = pino({ name: 'mabeam', level: 'warn' }, pino.destination(2)) } =
    options;
  const clock = steadyClock(options.clock ?? systemClock());
  const recovery = await openStore(store);
  let system: System | undefined;
  try {
    system = new System(options, limits, { store, clock, logger }, recovery);
    await system.recall(recovery);
    system.begin(recovery, options.agents ?? []);
    return system;
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
    throw new AgentSystemError(
      'STORE_FAILED',
      `the store could not be opened: ${errorInfoOf(thrown).message}`,
      {
        cause: thrown,
      },
    );
  }
}

/** Ends a part. A failure or a hang is logged, and does not keep later parts from ending. */
async function release(
  what: string,
  close: () => unknown,
  { clock, logger }: { readonly clock: SteadyClock; readonly logger: Logger },
): Promise<void> {
  try {
    await within(clock, RELEASE_GRACE_MS, Promise.resolve(close()), () => {
      throw new Error(`not closed within ${RELEASE_GRACE_MS} ms`);
    });
  } catch (err) {
    logger.error({ err }, `${what} could not be closed`);
  }
}

type Parts = Required<Pick<AgentSystemOptions, 'store' | 'logger'>> & { readonly clock: SteadyClock };

class System implements AgentSystem {
  readonly agents: Agents;
  readonly variables: Variables;
  readonly consensus: Consensus;
  readonly coordination: CoordinationControl;
  readonly pools: Pools;
  readonly tasks: Tasks;
  readonly questions: Questions;
  readonly events: AgentSystem['events'];
  readonly alerts: Alerts;
  readonly quotas: Quotas;
  readonly budgets: Budgets;
  readonly #parts: Parts;
  readonly #journal: Journal;
  readonly #admission: Admission;
  readonly #permits: RestartPermits;
  readonly #coordination: Coordination;
  readonly #pools: PoolRegistry;
  readonly #families: Families;
  readonly #hosts: ReadonlyMap<Isolation, Host>;
  readonly #telemetry: Telemetry;
  readonly #steps: TaskSteps;
  #stopCounting: (() => void) | undefined;
  #status: SystemStatus = 'open';
  #closing: Promise<CloseReport> | undefined;

  /** Makes and wires the parts; starts nothing. */
  constructor(options: AgentSystemOptions, limits: Required<SystemLimits>, parts: Parts, recovery: Recovery) {
    const { store, clock, logger } = parts;
    const net = new SecretNet();
    hideIn(options.inspect, net);
    const journal = new Journal({
      store,
      clock,
      logger,
      secrets: net,
      lastSequence: recovery.lastSequence,
      onDegraded: ({ message }) =>
        alerts.raise('store_degraded', `the store fails, nothing is made durable: ${message}`),
      onRecovered: () => alerts.clear('store_degraded'),
    });
    const alerts = new Alerts(journal);
    const admission = new Admission(limits);
    const watch = chartWatch(options.inspect, (err) => logger.error({ err }, 'an observer of charts threw'));
    const permits = new RestartPermits({
      maxConcurrentRestarts: limits.maxConcurrentRestarts,
      alerts,
      chart: {
        ...watch,
        clock,
        onBug: (err) => logger.error({ err }, 'a bug in the chart of the supervisor'),
      },
    });
    const quotas = new Quotas({
      clock,
      random: options.random ?? Math.random,
      chart: {
        ...watch,
        clock,
        onBug: (err) => logger.error({ err }, 'a bug in the chart of a quota'),
      },
      assertOpen: () => this.#assertOpen(),
      lifted: async (quota, by) => {
        journal.emit({ type: 'quota.lifted', quota, ...saidBy(by) });
        await journal.settled();
      },
    });
    const coordination = new Coordination({
      journal,
      clock,
      random: options.random ?? Math.random,
      logger,
      alerts,
      recovery,
      watch,
      maxOpenRounds: limits.maxOpenRounds,
      agents: () => this.agents.all(),
      assertOpen: () => this.#assertOpen(),
    });
    const budgets = new Budgets({
      journal,
      clock,
      alerts,
      chart: {
        ...watch,
        clock,
        onBug: (err) => logger.error({ err }, 'a bug in the chart of a budget'),
      },
      recovered: recovery.budgets ?? [],
      assertOpen: () => this.#assertOpen(),
      spent: (agentId, amount) => {
        if (this.agents.has(agentId)) this.agents.find(agentId).spend(amount);
      },
    });
    const steps = new TaskSteps(journal, net);
    const questions = new Questions({ journal, clock, assertOpen: () => this.#assertOpen() });
    const telemetry = new Telemetry(options.telemetry);
    // Filled below, once the handlers exist.
    const requests = new Map<string, RequestHandler>();
    const services: AgentServices = {
      clock,
      random: options.random ?? Math.random,
      logger,
      journal,
      taskIds: new NewIds('task', recovery.lastSequence),
      agentIds: new NewIds('agent', recovery.lastSequence),
      store,
      alerts,
      admission,
      permits,
      quotas,
      budgets,
      coordination: coordination.participants,
      watch,
      secrets: { provider: options.secrets, net },
      requests,
      steps,
      isClosing: () => this.#status !== 'open',
      leavesTasks: () => this.#status !== 'open' && store.isDurable,
      forgotten: (agent) => {
        this.agents.remove(agent);
        net.drop(agent.id);
      },
    };
    // Child processes and threads use real time, also when the charts use a simulated clock.
    const hosts = {
      'in-process': inProcessHost({ clock, observe: watch.inspectActors }),
      thread: threadHost(),
      process: processHost(),
      ...options.hosts,
    };
    this.#hosts = new Map(Object.entries(hosts) as [Isolation, Host][]);
    this.#parts = parts;
    this.#steps = steps;
    this.questions = questions;
    this.#journal = journal;
    this.#telemetry = telemetry;
    this.#admission = admission;
    this.#permits = permits;
    this.#coordination = coordination;
    this.variables = coordination.variables;
    this.consensus = coordination.consensus;
    this.coordination = coordination;
    this.alerts = alerts;
    this.quotas = quotas;
    this.budgets = budgets;
    this.agents = new Agents({
      services,
      telemetry,
      hosts: this.#hosts,
      assertOpen: () => this.#assertOpen(),
    });
    this.#pools = new PoolRegistry({
      ...services,
      telemetry,
      agents: this.agents,
      assertOpen: () => this.#assertOpen(),
    });
    this.pools = this.#pools;
    this.tasks = new Tasks({
      journal,
      questions,
      clock,
      agents: this.agents,
      alerts,
      manifestOfPool: (pool) => this.#pools.called(pool).manifest,
      runInPool: (pool, task) => this.#pools.run(pool, task),
      restoreInPool: (pool, tasks) => this.#pools.restore(pool, tasks),
      cancelInPool: (pool, taskId, cancel) => this.#pools.cancel(pool, taskId, cancel),
      assertOpen: () => this.#assertOpen(),
      maxEnded: limits.maxEndedTasks,
    });
    this.#families = new Families({ journal, agents: this.agents, clock });
    const calls = new AgentCalls({
      agents: this.agents,
      families: this.#families,
      pool: (name) => this.#pools.called(name),
      runInPool: (name, task) => this.#pools.run(name, task),
      assertOpen: () => this.#assertOpen(),
    });
    // All kinds of requests that tasks may make of their system.
    requests.set('agents.execute', calls.execute);
    requests.set('agents.stream', calls.stream);
    requests.set('agents.stream.read', calls.readStream);
    requests.set('agents.stream.close', calls.closeStream);
    requests.set('agents.spawn', calls.spawn);
    requests.set('agents.stop', calls.stop);
    requests.set('task.ask', questions.ask);
    requests.set('task.step', steps.keep);
    requests.set(
      'budget.reserve',
      requestHandler(reserveArgs, (amount, request) => budgets.reserve(this.#spender(request), amount)),
    );
    requests.set(
      'budget.settle',
      requestHandler(settleArgs, ({ id, actual }, { taskId }) => budgets.settle(taskId, id, actual)),
    );
    this.events = {
      subscribe: (listener, options) => {
        if (typeof listener !== 'function') {
          throw new AgentSystemError(
            'AGENT_SPEC_INVALID',
            `events.subscribe: expected a function, got ${inWords(listener)}`,
          );
        }
        return journal.subscribe(listener, options);
      },
      read: (read) => journal.read(read),
      replay: (agentId, untilSequence) => replay(journal, agentId, untilSequence),
    };
  }

  /** Restores the steps and questions of the last program's tasks. */
  async recall(recovery: Recovery): Promise<void> {
    await this.#steps.recall(recovery, this.#parts.store);
    await this.questions.recall(recovery, this.#parts.store);
  }

  /** Restores the fleet of the last program on the same store. */
  begin(recovery: Recovery, given: readonly AgentCode[]): void {
    const { logger } = this.#parts;
    const journal = this.#journal;
    this.#coordination.recover(recovery);
    compareCharts(recovery, journal, logger);
    journal.observe(logEvents(logger));
    const counting = this.#telemetry.count(this.agents);
    if (counting) journal.observe(() => counting.listener);
    this.#stopCounting = counting?.close;
    recoverFleet({
      recovery,
      agents: this.agents,
      tasks: this.tasks,
      families: this.#families,
      hosts: this.#hosts,
      code: bindCode(given, recovery, journal, (problem) => logger.warn(problem)),
      alerts: this.alerts,
    });
    this.tasks.begin(recovery);
  }

  /** Its creation has failed: ends it, and commits nothing. */
  discard(): void {
    this.#journal.discard();
    this.tasks.halt();
    this.#stopCounting?.();
    this.#end(new AgentSystemError('SYSTEM_CLOSED', 'the system could not be created'));
  }

  get status(): SystemStatus {
    return this.#status;
  }

  resources() {
    return this.#admission.usage();
  }

  coverage(): Coverage {
    return coverageOfProgram();
  }

  async close(options: { readonly timeoutMs?: number } = {}): Promise<CloseReport> {
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
    this.tasks.halt();
    this.#coordination.halt();
    const { clock } = this.#parts;
    const graceMs = timeoutMs ?? longestShutdownMs(this.agents.all());
    const closeAt = clock.elapsed() + graceMs;
    const halting = this.#pools.halt(graceMs * FINISH_SHARE);
    if (halting) await within(clock, graceMs, halting, () => undefined);
    const leftMs = Math.max(0, closeAt - clock.elapsed());
    const each = timeoutMs === undefined ? undefined : leftMs;
    const report = await endFleet(this.agents.all(), clock, { at: closeAt, timeoutMs: each });
    const leftTasks = this.#parts.store.isDurable ? this.tasks.left() : [];
    this.#stopCounting?.();
    const why = new AgentSystemError('SYSTEM_CLOSED', 'the system has closed');
    this.#pools.discard(why);
    this.#end(why);
    const parts = this.#parts;
    const hosts = [...this.#hosts.values()];
    await Promise.all(hosts.map((host) => release(`the ${host.isolation} host`, () => host.close(), parts)));
    let unkeptEvents = 0;
    const closeJournal = async () => {
      unkeptEvents = await this.#journal.close();
    };
    await release('the journal', closeJournal, parts);
    this.tasks.discard(why);
    await release('the store', () => parts.store.close(), parts);
    return {
      ...report,
      ...(leftTasks.length === 0 ? {} : { leftTasks }),
      ...(unkeptEvents === 0 ? {} : { unkeptEvents }),
    };
  }

  /** Ends the agents, then the parts that they need. */
  #end(why: AgentSystemError): void {
    this.questions.close();
    this.agents.discard(why);
    this.#permits.close();
    this.quotas.close();
    this.budgets.close();
    this.#coordination.close();
  }

  #spender({ agentId, incarnation, taskId }: MadeRequest): Spender {
    const { manifest, quota } = this.agents.find(agentId);
    return { agentId, incarnation, taskId, type: manifest.type, quota };
  }

  #assertOpen(): void {
    if (this.#status !== 'open')
      throw new AgentSystemError('SYSTEM_CLOSED', 'the system is closed, or closing');
  }
}

async function replay(
  journal: Journal,
  id: string,
  sequence: number | undefined,
): Promise<readonly LifeStep[]> {
  const asked = { agentId: id, untilSequence: sequence };
  const { agentId, untilSequence } = parseInput(replaySchema, asked, { what: 'events.replay' });
  const steps: LifeStep[] = [];
  for await (const event of journal.read({ agentId })) {
    if (event.sequence > untilSequence) break;
    const step = stepOf(steps.at(-1), event);
    if (step) steps.push(step);
  }
  return steps;
}

/** Logs charts that have changed since the last program. Lives are resumed from data that every version reads. */
function compareCharts({ facts }: Recovery, journal: Journal, logger: Logger): void {
  for (const { name, hash } of chartIdentities()) {
    const kept = facts.get(name);
    if (kept === hash) continue;
    if (kept !== undefined)
      logger.warn({ name, kept, hash }, 'the store was written by another version of this chart');
    journal.keepFact(name, hash);
  }
}
