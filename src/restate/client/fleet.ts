/**
 * A fleet on other machines, as one program uses it: `connectFleet`.
 *
 * Owns a connection, and nothing of the fleet: agents live on when it is closed.
 */
import type { Logger } from 'pino';
import { z } from 'zod';
import { type Isolation, positionAt, positiveDurationMs } from '../../machines/index.ts';
import type { Host } from '../../runtime/hosting/host.ts';
import type { SecretProvider } from '../../runtime/agent/agent-secrets.ts';
import { inProcessHost } from '../../runtime/hosting/hosts/in-process.ts';
import { processHost } from '../../runtime/hosting/hosts/process.ts';
import { threadHost } from '../../runtime/hosting/hosts/thread.ts';
import { type AgentCode, agentCodeList, codeByType } from '../../runtime/definition/module-binding.ts';
import type { AdmissionUsage } from '../../runtime/limits/admission.ts';
import { type Coverage, mergeCoverage } from '../../runtime/observability/coverage.ts';
import { type Counted, counted, PROGRAM } from '../nodes/counted.ts';
import type { Alert } from '../../runtime/observability/alerts.ts';
import { type ChartWatcher, isChartObserver, observerIn } from '../../runtime/engine/chart-watch.ts';
import { Telemetry, type TelemetryOptions, telemetryOptions } from '../../runtime/observability/telemetry.ts';
import { AgentSystemError } from '../../runtime/values/errors.ts';
import { having, parseInput } from '../../runtime/values/malformed.ts';
import { harmlessLogger } from '../../runtime/values/harmless-logger.ts';
import { stderrLogger } from '../../runtime/values/stderr-logger.ts';
import { toNodes } from '../engine/calls.ts';
import { engineUrl } from '../engine/engine-url.ts';
import { ENGINE_TIMEOUT_MS, EngineClient, REPEATABLE } from '../engine/engine-client.ts';
import { inspectFleet } from '../inspection/fleet-inspection.ts';
import { FleetAgents } from './fleet-agents.ts';
import { FleetCalls } from './fleet-calls.ts';
import { FleetCommands } from './fleet-commands.ts';
import { FleetSpecs } from './fleet-specs.ts';
import { FleetEvents } from './fleet-events.ts';
import { countFleet } from './fleet-metrics.ts';
import { FleetSchedules } from './fleet-schedules.ts';
import { FleetTasks } from './fleet-tasks.ts';
import { FleetConsensus } from './fleet-consensus.ts';
import { FleetVariables } from './fleet-variables.ts';
import { FleetPools } from './fleet-pools.ts';
import { FleetQuestions } from './fleet-questions.ts';
import { FleetQuotas } from './fleet-quotas.ts';
import { FleetBudgets } from './fleet-budgets.ts';
import { FleetCoordination } from './fleet-coordination.ts';
import type { NodeEntry } from '../nodes/placement.ts';
import type { GoneNode } from '../nodes/reservations.ts';

/** How a program reaches a fleet on other machines. */
export interface ConnectFleetOptions {
  /** The engine's ingress. */
  readonly ingressUrl: string;
  /** Definitions that this program registers, and finds in records again; their code runs on the nodes. */
  readonly agents?: readonly AgentCode[] | undefined;
  /**
   * Gives the secrets of `initArgs` that a spec names and leaves out, for its check by its schema: they are not sent.
   * Agents get theirs of their node, by `createAgentNode({ secrets })`.
   */
  readonly secrets?: SecretProvider | undefined;
  /**
   * Spans of tasks go to the tracer, by default the global one named `mabeam`. Each program that gives this, if
   * need be as `{}`, counts the metrics of the whole fleet: give it in one.
   */
  readonly telemetry?: TelemetryOptions | undefined;
  /**
   * How long a call waits for an engine that answers nothing at all, ms; default 60,000, `Infinity` waits for ever. It is
   * then refused with `STORE_FAILED`. A call may take any time while the engine is there.
   */
  readonly engineTimeoutMs?: number | undefined;
  /** The inspector's `observe`: it is shown the lives of all agents, rounds, pools and their autoscalers. */
  readonly inspect?: ChartWatcher | undefined;
  /** A pino logger; default one that writes warnings and errors to stderr. */
  readonly logger?: Logger | undefined;
  /** Hosts in place of its own, by isolation: they read the definitions of modules. */
  readonly hosts?: Partial<Record<Isolation, Host>> | undefined;
}

export interface Fleet extends AsyncDisposable {
  readonly status: 'open' | 'closed';
  readonly agents: FleetAgents;
  readonly tasks: FleetTasks;
  readonly variables: FleetVariables;
  readonly consensus: FleetConsensus;
  readonly events: FleetEvents;
  readonly alerts: { list(): Promise<readonly Alert[]> };
  readonly pools: FleetPools;
  /** Questions of tasks to people, and the answers. */
  readonly questions: FleetQuestions;
  /** Limits that agents share or ran into. */
  readonly quotas: FleetQuotas;
  /** What tasks may spend. */
  readonly budgets: FleetBudgets;
  /** Whether it is there, and who leads. */
  readonly coordination: FleetCoordination;
  /** The nodes that are alive, and what is reserved on them. */
  nodes(): Promise<readonly NodeEntry[]>;
  /** Nodes that have left or were lost in the last ten minutes or so; of each name the last one. */
  formerNodes(): Promise<readonly GoneNode[]>;
  /** What running agents have reserved of the limits of all live nodes, and what is left. */
  resources(): Promise<AdmissionUsage>;
  /**
   * Which transitions of the charts the programs of the live nodes have taken, and this one.
   *
   * @throws AgentSystemError `NODE_UNREACHABLE`, because without one node's counts the report would be too low
   */
  coverage(): Promise<Coverage>;
  /** Stops every agent of the fleet. They can be started again. */
  stopAgents(options?: { readonly timeoutMs?: number | undefined }): Promise<{
    readonly stopped: readonly string[];
    readonly abandoned: readonly string[];
  }>;
  /** Ends this connection; the fleet lives on. Later calls are refused with `SYSTEM_CLOSED`. */
  close(): Promise<void>;
}

/** Time for a node to add up its counts, ms. */
const COUNTED_MS = 5_000;

const host = having('refusal', 'describe', 'open', 'close').optional();
const optionsSchema = z.strictObject({
  ingressUrl: engineUrl,
  agents: agentCodeList,
  secrets: z
    .custom<SecretProvider>((value) => typeof value === 'function', { error: 'expected a function' })
    .optional(),
  engineTimeoutMs: positiveDurationMs.optional(),
  telemetry: telemetryOptions,
  inspect: z
    .custom<ChartWatcher>((value) => typeof value === 'function' && isChartObserver(value), {
      error: 'expected the observe of an inspector: a fleet has no charts that XState drives',
    })
    .optional(),
  logger: having('child', 'warn', 'error').optional(),
  hosts: z.strictObject({ 'in-process': host, thread: host, process: host }).optional(),
});

/**
 * Connects a program to a fleet.
 *
 * @throws AgentSystemError `AGENT_SPEC_INVALID` for invalid options
 */
export async function connectFleet(options: ConnectFleetOptions): Promise<Fleet> {
  parseInput(optionsSchema, options, { what: 'connectFleet' });
  const logger = harmlessLogger(options.logger ?? stderrLogger('warn'));
  return Promise.resolve(new ConnectedFleet(options, logger));
}

class ConnectedFleet implements Fleet {
  readonly agents: FleetAgents;
  readonly tasks: FleetTasks;
  readonly variables: FleetVariables;
  readonly consensus: FleetConsensus;
  readonly events: FleetEvents;
  readonly alerts: Fleet['alerts'];
  readonly pools: FleetPools;
  readonly questions: FleetQuestions;
  readonly quotas: FleetQuotas;
  readonly budgets: FleetBudgets;
  readonly coordination: FleetCoordination;
  readonly #engine: EngineClient;
  readonly #commands: FleetCommands;
  readonly #hosts: ReadonlyMap<Isolation, Host>;
  readonly #specs: FleetSpecs;
  /** Functions that stop what watches the fleet. */
  readonly #watching: (() => void)[] = [];
  status: 'open' | 'closed' = 'open';

  constructor(options: ConnectFleetOptions, logger: Logger) {
    const engine = new EngineClient(options.ingressUrl, {
      timeoutMs: options.engineTimeoutMs ?? ENGINE_TIMEOUT_MS,
    });
    const reportFault = (message: string, err: unknown): void => {
      // What a close cut short is no fault.
      if (this.status === 'open') logger.error({ err }, message);
    };
    const commands = new FleetCommands(engine);
    this.#engine = engine;
    this.#commands = commands;
    this.#hosts = new Map(
      Object.entries({
        'in-process': inProcessHost(),
        thread: threadHost(),
        process: processHost(),
        ...options.hosts,
      }) as [Isolation, Host][],
    );
    const code = codeByType(options.agents ?? []);
    const telemetry = new Telemetry(options.telemetry, reportFault);
    const calls = new FleetCalls(commands, reportFault, telemetry);
    const specs = new FleetSpecs({ code, hosts: this.#hosts, secrets: options.secrets });
    this.#specs = specs;
    this.agents = new FleetAgents({ engine, commands, calls, specs });
    this.pools = new FleetPools(engine, specs, calls);
    const schedules = new FleetSchedules(engine, commands, this.agents);
    this.tasks = new FleetTasks(engine, commands, this.agents, schedules);
    this.quotas = new FleetQuotas(engine, commands, this.agents);
    this.budgets = new FleetBudgets(engine);
    this.questions = new FleetQuestions(commands, this.agents);
    this.events = new FleetEvents(engine, reportFault);
    this.variables = new FleetVariables(engine, commands, this.events);
    this.coordination = new FleetCoordination(engine);
    this.consensus = new FleetConsensus(engine, this.variables, reportFault);
    const { agents, budgets, consensus, coordination, events, pools, quotas } = this;
    if (options.telemetry !== undefined)
      this.#watching.push(countFleet({ telemetry, agents, events, reportFault }));
    const { inspect } = options;
    if (inspect !== undefined)
      this.#watching.push(
        inspectFleet({
          agents,
          budgets,
          consensus,
          coordination,
          events,
          pools,
          quotas,
          observe: observerIn(inspect),
          reportFault,
        }),
      );
    this.alerts = {
      list: async () => {
        const looks = await Promise.all([
          this.agents.looks({ having: 'alerts' }),
          this.pools.looks(),
          schedules.looks(),
        ]);
        return [...looks.flat().flatMap(({ alerts }) => alerts), ...(await this.budgets.alerts())];
      },
    };
  }

  nodes(): Promise<readonly NodeEntry[]> {
    return this.#engine.call<readonly NodeEntry[]>(toNodes('list'), null, REPEATABLE);
  }

  formerNodes(): Promise<readonly GoneNode[]> {
    return this.#engine.call<readonly GoneNode[]>(toNodes('gone'), null, REPEATABLE);
  }

  async resources(): Promise<AdmissionUsage> {
    const nodes = (await this.nodes()).filter(({ isDraining }) => !isDraining);
    const sum = (of: (node: NodeEntry) => number): number =>
      nodes.reduce((total, node) => total + of(node), 0);
    return {
      agents: sum(({ agents }) => agents),
      memoryBytes: sum(({ memoryBytes }) => memoryBytes),
      agentsLeft: sum(({ agents, maxAgents }) => maxAgents - agents),
      memoryBytesLeft: sum(({ memoryBytes, maxMemoryBytes }) => maxMemoryBytes - memoryBytes),
    };
  }

  async coverage(): Promise<Coverage> {
    const names = (await this.nodes()).map(({ name }) => name);
    const told = await Promise.all(
      names.map((name) => this.#commands.serve<Counted>(name, 'coverage', null, COUNTED_MS)),
    );
    const programs = new Map(told.map(({ program, coverage }) => [program, coverage]));
    programs.set(PROGRAM, counted().coverage);
    return mergeCoverage(...programs.values());
  }

  async stopAgents(options: { readonly timeoutMs?: number | undefined } = {}) {
    const known = await this.agents.briefs();
    // One that moves has no body for a moment, and would run again.
    const alive = known.filter(({ state, isMoving }) => isMoving || positionAt(state).legal.has('stop'));
    const ends = await Promise.all(
      alive.map(({ id }) =>
        this.agents.stop(id, options).catch((thrown: unknown) => {
          // It has ended meanwhile.
          if (thrown instanceof AgentSystemError && thrown.code === 'AGENT_NOT_RUNNING') return undefined;
          throw thrown;
        }),
      ),
    );
    const ended = ends.filter((record) => record !== undefined);
    return {
      stopped: ended.map(({ id }) => id),
      abandoned: ended.flatMap(({ abandoned }) => abandoned),
    };
  }

  async close(): Promise<void> {
    if (this.status === 'closed') return;
    this.status = 'closed';
    for (const stop of this.#watching) stop();
    this.events.close();
    this.#engine.close();
    this.#specs.giveUp(new AgentSystemError('SYSTEM_CLOSED', 'the connection to the fleet is closed'));
    await Promise.all([...this.#hosts.values()].map((host) => host.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
