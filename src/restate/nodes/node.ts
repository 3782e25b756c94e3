/**
 * One machine of the fleet: `createAgentNode`. Bodies run here, in the same hosts as in one program.
 *
 * Owns the bodies and the port that the engine reaches them by. It decides nothing of an agent's life, and keeps
 * nothing that the fleet needs: its knowledge may be lost with it.
 *
 * I1  It listens on the given interface, and on no other.
 * I2  Messages of an earlier life of this node, and of an earlier incarnation, are dropped.
 * I3  A node that was taken for gone ends all its bodies before it joins again: their agents run elsewhere.
 * I4  After `close` there is no port, no timer, no body.
 * I5  Calls to a node that has left are refused at once; nobody waits for them.
 * I6  Of two nodes with one name the newer keeps it; the other has no bodies until the name is free.
 * I7  It answers no call of the fleet's services while its clock is wrong, or was set and not compared yet.
 */
import {
  createServer,
  type Http2Server,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { createEndpointHandler } from '@restatedev/restate-sdk';
import type { Logger } from 'pino';
import { z } from 'zod';
import { durationMs, type Isolation } from '../../machines/index.ts';
import type { Host } from '../../runtime/hosting/host.ts';
import { inProcessHost } from '../../runtime/hosting/hosts/in-process.ts';
import { processHost } from '../../runtime/hosting/hosts/process.ts';
import { threadHost } from '../../runtime/hosting/hosts/thread.ts';
import { type BoundCode, codeByType } from '../../runtime/definition/module-binding.ts';
import { type SteadyClock, steadyClock, systemClock } from '../../runtime/time/clock.ts';
import { within } from '../../runtime/time/deadline.ts';
import { AgentSystemError, errorInfoOf } from '../../runtime/values/errors.ts';
import { listenRefusal } from '../../runtime/values/listen-refusal.ts';
import { parseInput } from '../../runtime/values/malformed.ts';
import { Telemetry } from '../../runtime/observability/telemetry.ts';
import { toNodes, toVariables } from '../engine/calls.ts';
import { checkAddress } from './address-check.ts';
import { ClockCheck } from './clock-check.ts';
import { ControlSeat, markOf } from './control-seat.ts';
import { OlderSeats } from './older-seats.ts';
import { SeatWatch } from './seat-watch.ts';
import { emptied } from './emptying.ts';
import { onceThere } from './engine-wait.ts';
import { versionOfCharts } from '../engine/charts-version.ts';
import { BRIEF_MS, type Deployment, EngineAdmin } from '../engine/engine-admin.ts';
import { EngineClient } from '../engine/engine-client.ts';
import { fleetServicesOf } from './fleet-services.ts';
import { FleetAgents } from '../client/fleet-agents.ts';
import { FleetCalls } from '../client/fleet-calls.ts';
import { FleetCommands } from '../client/fleet-commands.ts';
import { FleetPools } from '../client/fleet-pools.ts';
import { FleetSpecs } from '../client/fleet-specs.ts';
import { FleetSchedules } from '../client/fleet-schedules.ts';
import { FleetTasks } from '../client/fleet-tasks.ts';
import { hostOf } from '../engine/names.ts';
import { type AgentNodeOptions, nodeOptions, type ParsedNodeOptions } from './node-options.ts';
import { servicesOf } from './node-services.ts';
import type { VariableRecord } from '../../runtime/coordination/variables/variables.ts';
import { harmlessLogger } from '../../runtime/values/harmless-logger.ts';
import { stderrLogger } from '../../runtime/values/stderr-logger.ts';
import type { BeatAnswer, JoiningNode, SignOfLife } from './nodes-object.ts';
import type { ModuleVersions } from './placement.ts';
import { Residents } from './residents.ts';
import { taskCalls } from './task-calls.ts';

export interface AgentNode extends AsyncDisposable {
  readonly name: string;
  /** Where it listens. */
  readonly url: string;
  /** Incarnations that have a body here. */
  bodies(): readonly { readonly agentId: string; readonly incarnation: number }[];
  /**
   * Takes no more agents, and hands over those it has, with their saved states. Resolves once none is left.
   *
   * @param options.timeoutMs how long to wait; those that are left are listed
   * @throws AgentSystemError `STORE_FAILED` when nobody has answered for the fleet in that time
   */
  drain(options?: { readonly timeoutMs?: number }): Promise<{ readonly left: readonly string[] }>;
  /** Drains it, then leaves the fleet; without notice if nobody answers for the fleet within the time. */
  close(options?: { readonly timeoutMs?: number }): Promise<void>;
}

const drainSchema = z.strictObject({ timeoutMs: durationMs.default(30_000) });

const CATCH_UP_TIMEOUT_MS = 1_000;
/** The longest time between signs of life. */
const MAX_BEAT_MS = 500;
/** A node that joins says after this time that it still waits, and for whom. */
const LONG_JOIN_MS = 10_000;
/** A node that may have the seat answers sooner than this. */
const HEIR_MS = 500;
/** Of one connection of the engine: while its messages take more, Node refuses all new calls on it. By default 10. */
const CONNECTION_MEMORY_MB = 1_000;
const UNSIGNED =
  'none of restate.identityKeys has signed the call; the engine logs its public key as it starts';
/** The least time that a closing node has to say that it leaves. */
const LEAVE_MS = 1_000;

/**
 * Joins a fleet as one of its nodes.
 *
 * An engine that starts, or starts again, is waited for.
 *
 * @throws AgentSystemError `AGENT_SPEC_INVALID` for invalid options, `STORE_FAILED` when the engine refuses it, or is away
 * for `engineTimeoutMs`, or its clock and this machine's are more than 2 s apart
 */
export async function createAgentNode(options: AgentNodeOptions): Promise<AgentNode> {
  const parsed = parseInput(nodeOptions, options, { what: 'createAgentNode' });
  const logger = harmlessLogger(options.logger ?? stderrLogger('warn'));
  const node = new Node(options, parsed, logger.child({ node: parsed.name }));
  try {
    await node.begin();
    return node;
  } catch (thrown) {
    await node.discard();
    if (thrown instanceof AgentSystemError) throw thrown;
    const { message } = errorInfoOf(thrown);
    throw new AgentSystemError('STORE_FAILED', `node ${parsed.name} could not join: ${message}`, {
      cause: thrown,
    });
  }
}

class Node implements AgentNode {
  readonly name: string;
  url = '';
  readonly #options: ParsedNodeOptions;
  readonly #logger: Logger;
  readonly #clock: SteadyClock;
  readonly #code: ReadonlyMap<string, BoundCode>;
  readonly #hosts: ReadonlyMap<Isolation, Host>;
  readonly #engine: EngineClient;
  readonly #admin: EngineAdmin;
  readonly #clockCheck: ClockCheck;
  #checking: Promise<void> | undefined;
  readonly #sessions = new Set<ServerHttp2Session>();
  #seat: ControlSeat | undefined;
  #olderSeats: OlderSeats | undefined;
  readonly #seatWatch: SeatWatch;
  #server: Http2Server | undefined;
  readonly #residents: Residents;
  #epoch = '';
  /** Where the engine reaches its bodies. */
  #hostUri = '';
  /** How many of the changes of variables that it missed it has asked for. */
  #caughtUp = 0;
  /** What the fleet knows of the modules that have run here. */
  #toldVersions: ModuleVersions = [];
  /** When the engine reached it last, by the steady clock, ms. */
  #reachedAt = 0;
  #beat: unknown;
  #isDraining = false;
  /** Why it does not belong to the fleet, though it sends signs of life. */
  #isOut: string | undefined;
  /** It gives away what it has of the fleet's services, and takes nothing any more. */
  #hasLeft = false;
  #hasRefusedUnsigned = false;
  #isClosed = false;
  #closing: Promise<void> | undefined;

  constructor(given: AgentNodeOptions, options: ParsedNodeOptions, logger: Logger) {
    this.name = options.name;
    this.#options = options;
    this.#logger = logger;
    this.#clock = steadyClock(given.clock ?? systemClock());
    this.#code = codeByType(given.agents ?? []);
    this.#hosts = new Map(
      Object.entries({
        'in-process': inProcessHost(),
        thread: threadHost(),
        process: processHost(),
        ...given.hosts,
      }) as [Isolation, Host][],
    );
    this.#engine = new EngineClient(options.restate.ingressUrl);
    this.#admin = new EngineAdmin(options.restate.adminUrl);
    this.#clockCheck = new ClockCheck(this.#admin);
    this.#seatWatch = new SeatWatch({
      clock: this.#clock,
      seat: () => this.#seat,
      mayTake: () => this.#mayAnswer,
      logger,
    });
    const reportFault = (message: string, err: unknown) => logger.error({ err }, message);
    const commands = new FleetCommands(this.#engine);
    const calls = new FleetCalls(commands, reportFault, new Telemetry(given.telemetry, reportFault));
    const { secrets } = given;
    const specs = new FleetSpecs({ code: this.#code, hosts: this.#hosts, secrets });
    const agents = new FleetAgents({ engine: this.#engine, commands, calls, specs });
    const pools = new FleetPools(this.#engine, specs, calls);
    const tasks = new FleetTasks(
      this.#engine,
      commands,
      agents,
      new FleetSchedules(this.#engine, commands, agents),
    );
    this.#residents = new Residents({
      node: this.name,
      code: this.#code,
      hosts: this.#hosts,
      engine: this.#engine,
      clock: this.#clock,
      logger,
      secrets,
      requests: taskCalls({
        agents,
        commands,
        pools,
        tasks,
        leastLoaded: (type) => tasks.leastLoaded({ type }),
      }),
    });
  }

  async begin(): Promise<void> {
    const { listen, control, restate, engineTimeoutMs: timeoutMs } = this.#options;
    if (restate.identityKeys === undefined && !isLoopback(new URL(listen).hostname))
      this.#logger.warn({ listen }, 'it takes calls of whoever reaches it: it has no restate.identityKeys');
    this.url = await this.#listen(new URL(listen));
    const reached = (restate.advertise ?? this.url).replace(/\/$/, '');
    this.#hostUri = `${reached}/host`;
    if (control) {
      this.#seat = new ControlSeat({
        admin: this.#admin,
        uri: `${reached}/control`,
        version: versionOfCharts(),
        logger: this.#logger,
      });
      this.#olderSeats = new OlderSeats({
        clock: this.#clock,
        seat: this.#seat,
        mayTake: () => this.#mayAnswer,
        logger: this.#logger,
      });
    }
    try {
      await onceThere(() => this.#register(), { clock: this.#clock, timeoutMs, logger: this.#logger });
    } catch (cause) {
      if (!this.#hasRefusedUnsigned) throw cause;
      const message = `node ${this.name} could not join: ${UNSIGNED}: ${errorInfoOf(cause).message}`;
      throw new AgentSystemError('STORE_FAILED', message, { cause });
    }
    await this.#join();
    this.#nextBeat();
  }

  /** Makes its services known to the engine. Where that has failed on the way it is done anew from the beginning. */
  async #register(): Promise<void> {
    await this.#clockCheck.refuseWrong(this.name);
    await this.#forgetEarlier(this.#hostUri);
    await this.#registerBodies();
    await this.#seat?.ensure();
  }

  /** Whether it may answer for the fleet now. */
  get #mayAnswer(): boolean {
    return !this.#hasLeft && !this.#isClosed && this.#clockCheck.problem === undefined;
  }

  bodies() {
    return this.#residents.list();
  }

  async drain(options: { readonly timeoutMs?: number } = {}): Promise<{ readonly left: readonly string[] }> {
    const { timeoutMs } = parseInput(drainSchema, options, { what: 'drain' });
    const until = this.#clock.elapsed() + timeoutMs;
    this.#isDraining = true;
    await this.#tell('drain', { epoch: this.#epoch }, timeoutMs);
    await emptied(this.#clock, this.#residents, until);
    // Until their agents have heard that they have ended they count as here.
    const leftMs = Math.max(0, until - this.#clock.elapsed());
    await within(this.#clock, leftMs, this.#residents.settled(), () => undefined);
    return { left: this.#residents.list().map(({ agentId }) => agentId) };
  }

  close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    const { timeoutMs } = parseInput(drainSchema, options, { what: 'close' });
    return (this.#closing ??= this.#close(timeoutMs));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(timeoutMs: number): Promise<void> {
    try {
      const until = this.#clock.elapsed() + timeoutMs;
      const leftMs = () => Math.max(LEAVE_MS, until - this.#clock.elapsed());
      await this.drain({ timeoutMs: leftMs() });
      await within(this.#clock, leftMs(), this.#residents.settled(), () => undefined);
      this.#clock.clearTimeout(this.#beat);
      this.#beat = undefined;
      await this.#tell('leave', { epoch: this.#epoch }, leftMs());
      this.#hasLeft = true;
      await this.#handOver(leftMs());
    } catch (err) {
      this.#logger.error({ err }, 'the node could not leave in order');
    }
    await this.discard();
  }

  /** Hands the seat to another node, if there is one. */
  async #handOver(timeoutMs: number): Promise<void> {
    const others = await this.#others();
    const known = await this.#tell<readonly JoiningNode[]>('list', null, timeoutMs);
    await this.#seat?.giveToOneOf(
      others.filter(({ services }) => known.some(({ name }) => services.includes(hostOf(name)))),
    );
  }

  /** Where the engine knows bodies of other nodes. */
  async #others(): Promise<readonly Deployment[]> {
    const own = new URL(this.#options.restate.advertise ?? this.url).origin;
    return (await this.#admin.deployments()).filter(
      ({ uri, services }) =>
        services.some((service) => service.startsWith(hostOf(''))) && !uri.startsWith(own),
    );
  }

  /** @throws AgentSystemError `STORE_FAILED` when there was no answer in time */
  async #tell<Answer>(method: string, parameter: unknown, timeoutMs: number): Promise<Answer> {
    const over = new AbortController();
    const call = { signal: over.signal, isRepeatable: true } as const;
    return within(this.#clock, timeoutMs, this.#engine.call<Answer>(toNodes(method), parameter, call), () => {
      over.abort();
      const message = `node ${this.name}: nobody has answered for the fleet in ${timeoutMs} ms`;
      throw new AgentSystemError('STORE_FAILED', message);
    });
  }

  /** Ends all bodies, and sends nothing. */
  async discard(): Promise<void> {
    this.#isClosed = true;
    this.#clock.clearTimeout(this.#beat);
    this.#residents.abandonAll();
    this.#engine.close();
    this.#residents.close();
    await Promise.all([...this.#hosts.values()].map((host) => host.close()));
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    for (const session of this.#sessions) session.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #listen({ hostname, port }: URL): Promise<string> {
    const { identityKeys } = this.#options.restate;
    const keys = identityKeys === undefined ? {} : { identityKeys };
    const bodies = servicesOf({
      name: this.name,
      leaseMs: this.#options.leaseMs,
      deliver: (agentId, batch) => {
        this.#reachedAt = this.#clock.elapsed();
        this.#residents.deliver(agentId, batch);
      },
      serve: (what, given) => {
        this.#reachedAt = this.#clock.elapsed();
        return this.#residents.serve(what, given);
      },
    });
    const hosting = createEndpointHandler({ services: [...bodies], ...keys, logger: silent });
    const control = createEndpointHandler({
      services: fleetServicesOf(this.#options),
      ...keys,
      logger: silent,
    });
    const server = createServer({ maxSessionMemory: CONNECTION_MEMORY_MB }, (request, response) => {
      if (identityKeys !== undefined) response.once('finish', () => this.#noteUnsigned(response));
      const path = request.url;
      if (path.startsWith('/host/')) hosting(request, response);
      else if (path.startsWith('/control/') && this.#options.control) {
        void this.#olderSeats?.look();
        if (this.#clockCheck.isRight) control(request, response);
        else void this.#answerByRightClock(() => control(request, response), response);
      } else refuse(response, 404);
    });
    server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('close', () => this.#sessions.delete(session));
      session.on('error', (err) => this.#logger.debug({ err }, 'a connection of the engine failed'));
    });
    this.#server = server;
    const address = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) };
    return new Promise((resolve, reject) => {
      server.once('error', (thrown) => reject(listenRefusal('createAgentNode: listen', thrown, address)));
      server.listen(address, () => {
        const { port: bound } = server.address() as AddressInfo;
        resolve(`http://${hostname}:${bound}`);
      });
    });
  }

  /** Logs it once: the keys of the engine may have changed. */
  #noteUnsigned({ statusCode }: Http2ServerResponse): void {
    if (statusCode !== 401 || this.#hasRefusedUnsigned) return;
    this.#hasRefusedUnsigned = true;
    this.#logger.warn(`a call was refused: ${UNSIGNED}`);
  }

  /** The engine makes a call again that is refused. */
  async #answerByRightClock(answer: () => void, response: Http2ServerResponse): Promise<void> {
    if (this.#clockCheck.isDue) await this.#checkClock();
    if (this.#clockCheck.problem === undefined) answer();
    else refuse(response, 503);
  }

  #registerBodies(timeoutMs?: number): Promise<void> {
    const metadata = markOf(versionOfCharts(), this.#options.control);
    return this.#admin.register(this.#hostUri, { metadata, timeoutMs });
  }

  /** A node of this name that listened elsewhere is no more. */
  async #forgetEarlier(uri: string): Promise<void> {
    for (const deployment of await this.#admin.deployments()) {
      const isEarlier = deployment.services.includes(hostOf(this.name)) && !deployment.uri.startsWith(uri);
      if (isEarlier) await this.#admin.remove(deployment.id);
    }
  }

  /**
   * Nodes that are gone are known to the engine until nobody asks them any more. What asks one that is known is
   * refused at once; what asks one that is not would wait until it is.
   */
  async #forgetGone(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    const gone = new Set(names.map(hostOf));
    for (const { id, services } of await this.#admin.deployments()) {
      if (services.some((service) => gone.has(service))) await this.#admin.remove(id);
    }
  }

  async #join(): Promise<void> {
    const { labels, limits, leaseMs } = this.#options;
    this.#toldVersions = [...this.#residents.moduleVersions];
    this.#epoch = crypto.randomUUID();
    // The engine reached it when it registered its services.
    this.#reachedAt = this.#clock.elapsed();
    this.#residents.begin(this.#epoch);
    const joining: JoiningNode = {
      name: this.name,
      epoch: this.#epoch,
      labels,
      types: [...this.#code.keys()],
      stateVersions: [...this.#code.values()].map((code) =>
        code instanceof URL ? null : (code.stateVersion ?? 1),
      ),
      moduleVersions: this.#toldVersions,
      ...limits,
      leaseMs,
      isDraining: this.#isDraining,
    };
    this.#caughtUp = 0;
    await this.#whileAnswered(async (signal) => {
      // Made again it is the same call: new ones would wait at the end of a queue that they make longer.
      const call = { signal, idempotencyKey: this.#epoch } as const;
      await this.#forgetGone(await this.#engine.call<readonly string[]>(toNodes('join'), joining, call));
    });
  }

  /** After a missed answer the next sign of life follows at once. */
  #nextBeat(delayMs = Math.min(this.#options.leaseMs / 5, MAX_BEAT_MS)): void {
    if (this.#isClosed) return;
    this.#beat = this.#clock.setTimeout(() => void this.#sayAlive(), delayMs);
  }

  async #sayAlive(): Promise<void> {
    if (this.#clockCheck.isDue) await this.#checkClock();
    let isAnswered = false;
    try {
      const { unseated } = this.#seatWatch;
      const versions = [...this.#residents.moduleVersions];
      const sign: SignOfLife = {
        name: this.name,
        epoch: this.#epoch,
        reachedMsAgo: Math.ceil(this.#clock.elapsed() - this.#reachedAt),
        moduleVersions: isDeepStrictEqual(versions, this.#toldVersions) ? undefined : versions,
        unseated,
      };
      const { isKnown, isReplaced, missed } = await this.#seatWatch.answerTo((signal) =>
        this.#engine.call<BeatAnswer>(toNodes('beat'), sign, { signal, isRepeatable: true }),
      );
      isAnswered = true;
      this.#toldVersions = versions;
      if (unseated !== undefined) this.#seatWatch.told(unseated.name);
      if (!isKnown && !this.#isClosed) await this.#rejoin(isReplaced === true);
      else if (missed > this.#caughtUp) await this.#catchUp(missed);
    } catch (err) {
      this.#logger.debug({ err }, 'a sign of life was not answered');
    }
    this.#nextBeat(isAnswered ? undefined : 0);
  }

  /** Once for all who ask meanwhile. */
  #checkClock(): Promise<void> {
    this.#checking ??= this.#compareClock().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  /** One whose clock was set wrong has another node answer for the fleet: one that is at its address, for it would itself answer who is there. */
  async #compareClock(): Promise<void> {
    const wasRight = this.#clockCheck.problem === undefined;
    try {
      await this.#clockCheck.look();
      const { problem } = this.#clockCheck;
      if (wasRight === (problem === undefined)) return;
      if (problem === undefined) return this.#logger.warn('its clock agrees with that of the engine again');
      this.#logger.error(`this node does not answer for the fleet: ${problem}`);
      const others = await this.#others();
      const found = await Promise.all(others.map(({ uri }) => checkAddress(uri, HEIR_MS)));
      await this.#seat?.giveToOneOf(others.filter((_, index) => found[index] === 'answers'));
    } catch (err) {
      this.#logger.debug({ err }, 'the clock could not be compared with that of the engine');
    }
  }

  /** Asks for the values of variables: the engine could not tell this node of a change. */
  async #catchUp(missed: number): Promise<void> {
    const signal = AbortSignal.timeout(CATCH_UP_TIMEOUT_MS);
    const call = { signal, isRepeatable: true } as const;
    const records = await this.#engine.call<readonly VariableRecord[]>(toVariables('list'), null, call);
    this.#residents.catchUp(records.map(({ name, value, version }) => ({ name, value, version })));
    this.#caughtUp = missed;
  }

  /** Its agents run elsewhere. It joins again once its name is free and the engine reaches it; not one that leaves anyway. */
  async #rejoin(isReplaced: boolean): Promise<void> {
    this.#residents.abandonAll();
    if (this.#closing !== undefined) return;
    if (isReplaced) return this.#stayOut('another node has joined under its name');
    try {
      // It may have been gone for so long that the engine has forgotten it.
      await this.#registerBodies(BRIEF_MS);
    } catch (err) {
      return this.#stayOut('the engine does not reach it', err);
    }
    await this.#join();
    this.#isOut = undefined;
    this.#logger.warn('this node was taken for gone: what ran here runs elsewhere, and was ended here');
  }

  /** Logs it once. */
  #stayOut(why: string, err?: unknown): void {
    if (this.#isOut === why || this.#isClosed) return;
    this.#isOut = why;
    this.#logger.error({ err, url: this.#hostUri }, `this node has no part in the fleet: ${why}`);
  }

  /** Repeats until there is an answer: the node that answers for the fleet may be gone meanwhile. */
  async #whileAnswered<Answer>(call: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> {
    const patience = this.#clock.setTimeout(
      () => this.#logger.warn({ engine: this.#engine.problem }, 'nobody has answered for the fleet yet'),
      LONG_JOIN_MS,
    );
    try {
      for (;;) {
        try {
          return await this.#seatWatch.answerTo(call);
        } catch (err) {
          if (this.#isClosed || err instanceof AgentSystemError) throw err;
          this.#logger.debug({ err }, 'nobody has answered for the fleet yet');
        }
      }
    } finally {
      this.#clock.clearTimeout(patience);
    }
  }
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
}

function refuse(response: Http2ServerResponse, status: number): void {
  response.statusCode = status;
  response.end();
}

/** Silences the SDK: failures are retried, and the engine shows them. */
function silent(): void {}
