/**
 * The bodies of one node: opened by messages of the engine, reported to their agents, and asked all at once.
 *
 * I1  Messages of an earlier life of the node, and of an earlier incarnation, are dropped.
 * I2  There is one body for an agent: that of the newest incarnation it was told of.
 * I3  A body begins with the values that were in force before it was opened, as its node knows them (known-values.ts). A
 *     change that comes while it starts reaches it once it is ready.
 */
import type { Logger } from 'pino';
import type { Isolation } from '../../machines/index.ts';
import type { RequestHandlers } from '../../runtime/agent/requests.ts';
import type { BoundCode } from '../../runtime/definition/module-binding.ts';
import type { AskedTask } from '../../runtime/definition/agent-self.ts';
import type { SecretProvider, SecretServices } from '../../runtime/agent/agent-secrets.ts';
import { SecretNet } from '../../runtime/values/secret-net.ts';
import { counted } from './counted.ts';
import { answeringTo } from '../engine/call-answer.ts';
import type { Host } from '../../runtime/hosting/host.ts';
import type { SteadyClock } from '../../runtime/time/clock.ts';
import { type EngineClient, REPEATABLE } from '../engine/engine-client.ts';
import type { VariableState } from '../../runtime/hosting/host.ts';
import { askVotes, behind, type SpreadRequest, spreadVariable } from '../coordination/fan-out.ts';
import { toVariables } from '../engine/calls.ts';
import { type MessageBatch, nodeOf } from '../engine/names.ts';
import { ProgressBuffer } from '../tasks/progress-buffer.ts';
import { machineSignal } from '../../runtime/pools/machine-signal.ts';
import { KnownValues } from './known-values.ts';
import { ReportQueue } from './report-queue.ts';
import { type Opening, Resident } from './resident.ts';
import type { AskingTask } from './resident-tasks.ts';

interface OfferQuestion {
  readonly agentId: string;
  readonly incarnation: number;
  readonly task?: AskedTask;
  readonly isOutlined?: true;
}

export interface ResidentsOptions {
  readonly node: string;
  readonly code: ReadonlyMap<string, BoundCode>;
  readonly hosts: ReadonlyMap<Isolation, Host>;
  readonly engine: EngineClient;
  readonly clock: SteadyClock;
  readonly logger: Logger;
  readonly secrets: SecretProvider | undefined;
  /** What tasks may ask for. */
  readonly requests: RequestHandlers<AskingTask>;
}

export class Residents {
  /** The life of the node that messages are for; empty while it has none. */
  #epoch = '';
  readonly #options: ResidentsOptions;
  readonly #known = new Map<string, { readonly resident: Resident; readonly queue: ReportQueue }>();
  /** Of bodies that have ended, while their last reports are on their way. */
  readonly #lastReports = new Set<ReportQueue>();
  readonly #progress: ProgressBuffer;
  readonly #secrets: SecretServices;
  /** Of modules, as placement.ts names them: the version of their states, as it was when the last body began. */
  readonly #moduleVersions = new Map<string, number>();
  #values: KnownValues;
  #isClosed = false;

  constructor(options: ResidentsOptions) {
    this.#options = options;
    const givers = `createAgentNode({ secrets }) of node ${options.node}`;
    this.#secrets = { provider: options.secrets, givers, net: new SecretNet() };
    this.#progress = new ProgressBuffer(options.clock);
    this.#values = this.#newValues();
  }

  /** A new life of the node begins. In between it was told of no change of a variable: they are read anew. */
  begin(epoch: string): void {
    this.#epoch = epoch;
    this.#values = this.#newValues();
  }

  #newValues(): KnownValues {
    return new KnownValues((names) =>
      this.#options.engine.call(toVariables('valuesOf'), { names }, REPEATABLE),
    );
  }

  /** Up to which version the modules that have run here read states. */
  get moduleVersions(): ReadonlyMap<string, number> {
    return this.#moduleVersions;
  }

  list(): readonly { readonly agentId: string; readonly incarnation: number }[] {
    return [...this.#known.values()].map(({ resident: { agentId, incarnation } }) => ({
      agentId,
      incarnation,
    }));
  }

  /** Once all that they have told is heard, that they have ended, too. */
  async settled(): Promise<void> {
    const living = [...this.#known.values()].map(({ queue }) => queue);
    await Promise.all([...living, ...this.#lastReports].map((queue) => queue.settled()));
  }

  /** Ends all of them without a word, and takes none until the next life of the node. */
  abandonAll(): void {
    this.#epoch = '';
    for (const [agentId, { resident, queue }] of this.#known) {
      queue.close();
      resident.abandon();
      this.#secrets.net.drop(agentId);
    }
    this.#known.clear();
  }

  close(): void {
    this.#isClosed = true;
    this.#progress.close();
  }

  deliver(agentId: string, batch: MessageBatch): void {
    if (batch.epoch !== this.#epoch) return;
    const known = this.#known.get(agentId);
    let at = known?.resident.incarnation === batch.incarnation ? known : undefined;
    if (at === undefined) {
      if (batch.first !== 1 || batch.messages[0]?.type !== 'open') return;
      if (known !== undefined) this.#disown(agentId, known.resident.incarnation);
      at = this.#settle(agentId, batch.incarnation);
    }
    // Before it is taken: what is told while it is taken goes at once, and nothing more is due then.
    if (batch.messages.some(({ type }) => type === 'task.run' || type === 'open')) at.queue.expect();
    at.resident.take(batch);
  }

  /** What is asked of one of them, or of all at once. */
  async serve(what: string, given: unknown): Promise<unknown> {
    switch (what) {
      case 'health': {
        const { agentId, incarnation } = given as { agentId: string; incarnation: number };
        const resident = this.#known.get(agentId)?.resident;
        return resident?.incarnation === incarnation ? ((await resident.checkHealth()) ?? null) : null;
      }
      case 'offer': {
        const { agentId, incarnation, task, isOutlined } = given as OfferQuestion;
        const resident = this.#known.get(agentId)?.resident;
        if (resident?.incarnation !== incarnation) return null;
        return answeringTo(() => resident.offer(task, isOutlined));
      }
      case 'strain':
        return machineSignal();
      case 'coverage':
        return counted();
      case 'progress': {
        const { callId, seen, waitMs } = given as { callId: string; seen: number; waitMs: number };
        return this.#progress.fetch(callId, seen, waitMs);
      }
      case 'taken': {
        const { agentId, callId, count } = given as { agentId: string; callId: string; count: number };
        return this.#known.get(agentId)?.resident.chunksTaken(callId, count);
      }
      case 'alive':
        return (given as { epoch: string }).epoch === this.#epoch;
      case 'gone':
        if ((given as { epoch: string }).epoch === this.#epoch) this.abandonAll();
        return null;
      case 'variable':
        this.#values.learn((given as SpreadRequest).variable);
        return spreadVariable(this.#serving(), given, this.#options.clock);
      case 'behind':
        return behind(this.#serving(), given);
      case 'round':
        return askVotes(this.#serving(), given, this.#options.clock);
      default:
        throw new Error(`${nodeOf(this.#options.node)}: nobody knows ${what}`);
    }
  }

  /** These are in force: what changed without this node having been told reaches its bodies now. */
  catchUp(variables: readonly VariableState[]): void {
    for (const variable of variables) {
      this.#values.learn(variable);
      for (const resident of this.#serving()) {
        if (resident.variables.includes(variable.name)) resident.post({ type: 'variable.changed', variable });
      }
    }
  }

  #serving(): readonly Resident[] {
    return [...this.#known.values()].map(({ resident }) => resident).filter(({ isServing }) => isServing);
  }

  #settle(agentId: string, incarnation: number) {
    const { engine, clock, requests } = this.#options;
    const logger = this.#options.logger.child({ agentId, incarnation });
    const queue: ReportQueue = new ReportQueue({
      engine,
      agentId,
      incarnation,
      clock,
      usage: () => resident.usage(),
      answered: (answer) => resident.answer(answer),
      watched: () => resident.watch(),
      disowned: () => this.#disown(agentId, incarnation),
      failed: (err) => {
        if (!this.#isClosed) logger.error({ err }, 'a report was refused');
      },
    });
    const resident: Resident = new Resident({
      agentId,
      incarnation,
      clock,
      requests,
      secrets: this.#secrets,
      tell: (report) => queue.tell(report),
      valueOf: (name) => this.#values.get(name),
      valuesOf: (names) => this.#values.of(names),
      show: (callId, what, value) =>
        this.#progress.tell(callId, what === 'chunk' ? { chunk: value } : { progress: value }),
      log: ({ level, message, fields }) => logger[level](fields ?? {}, message),
      codeFor: (opening) => this.#codeFor(opening),
      described: ({ type, stateVersion }, module) =>
        this.#moduleVersions.set(module === this.#options.code.get(type) ? type : module.href, stateVersion),
      ended: () => this.#leave(agentId, resident),
    });
    const settled = { resident, queue };
    this.#known.set(agentId, settled);
    return settled;
  }

  #leave(agentId: string, resident: Resident): void {
    const known = this.#known.get(agentId);
    if (known?.resident !== resident) return;
    const { queue } = known;
    this.#known.delete(agentId);
    this.#secrets.net.drop(agentId);
    this.#lastReports.add(queue);
    void queue.settled().then(() => this.#lastReports.delete(queue));
  }

  /** Its agent lives elsewhere, or no longer. */
  #disown(agentId: string, incarnation: number): void {
    const known = this.#known.get(agentId);
    if (known?.resident.incarnation !== incarnation) return;
    this.#known.delete(agentId);
    this.#secrets.net.drop(agentId);
    known.queue.close();
    known.resident.abandon();
  }

  #codeFor({ spec, manifest: { type } }: Opening) {
    const { code, hosts, node } = this.#options;
    const isolation = spec.isolation as Isolation;
    const own = code.get(type);
    const named = 'url' in spec.module ? new URL(spec.module.url) : undefined;
    // A definition of this program runs within it alone.
    const found = own instanceof URL || isolation === 'in-process' ? (own ?? named) : (named ?? own);
    if (found === undefined) throw new Error(`node ${node} has no code of type ${type}`);
    const host = hosts.get(isolation);
    if (host === undefined) throw new Error(`node ${node} has no host for isolation ${isolation}`);
    if (!(found instanceof URL) && isolation !== 'in-process') {
      throw new Error(
        `node ${node} has the code of type ${type} in its program; isolation ${isolation} needs { type, module: URL }`,
      );
    }
    return { module: found, host };
  }
}
