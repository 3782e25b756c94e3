/**
 * The parts of a system, wired to each other.
 *
 * Owns which part is given which; nothing is started here, and nothing ended.
 */
import type { Logger } from 'pino';
import type { Isolation } from '../../machines/index.ts';
import type { AgentServices } from '../agent/agent-services.ts';
import { LastManifests } from '../agent/last-manifests.ts';
import { Questions } from '../agent/questions.ts';
import type { RequestHandler } from '../agent/requests.ts';
import { TaskSteps } from '../agent/task-steps.ts';
import { Coordination } from '../coordination/coordination.ts';
import { chartWatch, hideIn } from '../engine/chart-watch.ts';
import { AgentCalls } from '../fleet/agent-calls.ts';
import { Agents } from '../fleet/agents.ts';
import { Families } from '../fleet/families.ts';
import { Tasks } from '../fleet/tasks.ts';
import type { Host } from '../hosting/host.ts';
import { inProcessHost } from '../hosting/hosts/in-process.ts';
import { processHost } from '../hosting/hosts/process.ts';
import { threadHost } from '../hosting/hosts/thread.ts';
import { Journal } from '../journal/journal.ts';
import { NewIds } from '../journal/new-ids.ts';
import type { Recovery, Store } from '../journal/store.ts';
import { Admission } from '../limits/admission.ts';
import { Budgets } from '../limits/budgets.ts';
import { Quotas } from '../limits/quotas.ts';
import { RestartPermits } from '../limits/restart-permits.ts';
import { Alerts } from '../observability/alerts.ts';
import { Telemetry } from '../observability/telemetry.ts';
import { PoolRegistry } from '../pools/pools.ts';
import type { SteadyClock } from '../time/clock.ts';
import { saidBy } from '../values/act.ts';
import { chanceBy } from '../values/chance.ts';
import { AgentSystemError } from '../values/errors.ts';
import { SecretNet } from '../values/secret-net.ts';
import type { SystemStatus } from './agent-system.ts';
import type { AgentSystemOptions, KnownLimits } from './system-options.ts';
import { taskRequests } from './task-requests.ts';

/** What every part stands on. */
export interface Ground {
  readonly store: Store;
  readonly clock: SteadyClock;
  readonly logger: Logger;
}

export interface PartsOptions extends Ground {
  readonly options: AgentSystemOptions;
  readonly limits: KnownLimits;
  readonly recovery: Recovery;
  readonly status: () => SystemStatus;
}

export interface SystemParts extends Ground {
  readonly journal: Journal;
  readonly alerts: Alerts;
  readonly telemetry: Telemetry;
  readonly admission: Admission;
  readonly permits: RestartPermits;
  readonly quotas: Quotas;
  readonly budgets: Budgets;
  readonly coordination: Coordination;
  readonly questions: Questions;
  readonly steps: TaskSteps;
  readonly manifests: LastManifests;
  readonly hosts: ReadonlyMap<Isolation, Host>;
  readonly agents: Agents;
  readonly pools: PoolRegistry;
  readonly tasks: Tasks;
  readonly families: Families;
}

export function wiredParts({ options, limits, recovery, status, ...ground }: PartsOptions): SystemParts {
  const { store, clock, logger } = ground;
  const report = (message: string, err: unknown) => logger.warn({ err }, message);
  const random = options.random === undefined ? Math.random : chanceBy(options.random, report);
  const assertOpen = () => {
    if (status() !== 'open') throw new AgentSystemError('SYSTEM_CLOSED', 'the system is closed, or closing');
  };
  const net = new SecretNet();
  hideIn(options.inspect, net);
  const watch = chartWatch(options.inspect, (err) => logger.error({ err }, 'an observer of charts threw'));
  const chartOf = (owner: string) => ({
    ...watch,
    clock,
    onBug: (err: unknown) => logger.error({ err }, `a bug in the chart of ${owner}`),
  });

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
  const telemetry = new Telemetry(options.telemetry, report);
  const admission = new Admission(limits);
  const permits = new RestartPermits({
    maxConcurrentRestarts: limits.maxConcurrentRestarts,
    alerts,
    chart: chartOf('the supervisor'),
  });
  const quotas = new Quotas({
    clock,
    random,
    chart: chartOf('a quota'),
    assertOpen,
    lifted: async (quota, by) => {
      journal.emit({ type: 'quota.lifted', quota, ...saidBy(by) });
      await journal.kept();
    },
  });
  const budgets = new Budgets({
    journal,
    clock,
    alerts,
    chart: chartOf('a budget'),
    recovered: recovery.budgets ?? [],
    assertOpen,
    spent: (agentId, amount) => {
      if (agents.has(agentId)) agents.find(agentId).spend(amount);
    },
  });
  const coordination = new Coordination({
    journal,
    clock,
    random,
    logger,
    alerts,
    recovery,
    watch,
    maxOpenRounds: limits.maxOpenRounds,
    agents: () => agents.all(),
    assertOpen,
  });
  const questions = new Questions({ journal, clock, assertOpen, secrets: net });
  const steps = new TaskSteps(journal, net);
  const manifests = new LastManifests(recovery, journal);
  // Child processes and threads use real time, also when the charts use a simulated clock.
  const hosts = new Map<Isolation, Host>(
    Object.entries({
      'in-process': inProcessHost({ clock, observe: watch.inspectActors }),
      thread: threadHost(),
      process: processHost(),
      ...options.hosts,
    }) as [Isolation, Host][],
  );

  // Filled below: the handlers need the agents.
  const requests = new Map<string, RequestHandler>();
  const services: AgentServices = {
    clock,
    random,
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
    manifests,
    steps,
    isClosing: () => status() !== 'open',
    leavesTasks: () => status() !== 'open' && store.isDurable,
    forgotten: (agent) => {
      agents.remove(agent);
      net.drop(agent.id);
    },
  };
  const agents = new Agents({ services, telemetry, hosts, assertOpen });
  const pools = new PoolRegistry({ ...services, telemetry, agents, assertOpen });
  const tasks = new Tasks({
    journal,
    questions,
    logger,
    clock,
    agents,
    alerts,
    manifestOfPool: (pool) => pools.called(pool).manifest,
    runInPool: (pool, task) => pools.run(pool, task),
    restoreInPool: (pool, restored) => pools.restore(pool, restored),
    cancelInPool: (pool, taskId, cancel) => pools.cancel(pool, taskId, cancel),
    assertOpen,
    maxEnded: limits.maxEndedTasks,
    maxEndedBytes: limits.maxEndedTaskBytes,
  });
  const families = new Families({ journal, agents, clock });
  const calls = new AgentCalls({
    agents,
    tasks,
    families,
    secrets: net,
    pool: (name) => pools.called(name),
    runInPool: (name, task) => pools.run(name, task),
    assertOpen,
  });
  for (const [name, handler] of taskRequests({ agents, calls, questions, steps, budgets }))
    requests.set(name, handler);
  return {
    ...ground,
    journal,
    alerts,
    telemetry,
    admission,
    permits,
    quotas,
    budgets,
    coordination,
    questions,
    steps,
    manifests,
    hosts,
    agents,
    pools,
    tasks,
    families,
  };
}
