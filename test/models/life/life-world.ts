/**
 * The real system around one agent, on simulated time, with a body that does as it is told.
 *
 * Plays the moves of the flat model through the public API and says what was seen, in the model's words. It
 * judges nothing.
 */
import { pino } from 'pino';
import {
  type AgentSystem,
  AgentSystemError,
  createAgentSystem,
  memoryStore,
  type SystemEvent,
} from '../../../src/index.ts';
import {
  type ScriptedBody,
  type ScriptedHost,
  scriptedHost,
  settled,
  type SimulatedClock,
  simulatedClock,
} from '../../../src/testing/index.ts';
import { reportMove } from './body-reports.ts';
import {
  AGENT,
  BUG,
  DOWNTIME_MS,
  OPERATOR,
  type Answer,
  BRIEF_STOP_MS,
  type Exit,
  exits,
  type Move,
  type Outcome,
  type Profile,
  TASK_TIMEOUT_MS,
  type View,
} from './life-state.ts';
import type { Watching } from '../../kit/drivers.ts';
import { type MortalStore, mortalStore } from './mortal-store.ts';
import { definition, specFor } from './subject.ts';
import { answersInWords, eventInWords, requestInWords, TaskNames, viewOfRecord } from './words.ts';

/** Another agent of the system: it is there to take the fleet's only permit to restart. */
const HOG = 'hog';
const silent = pino({ level: 'silent' });

/** What was seen of one move, beside what can be looked up after it. */
export interface Seen extends Outcome {
  /** Bodies that were opened for the agent, as they were told to start. */
  readonly opened: readonly object[];
  /** Epoch ms of each event. */
  readonly times: readonly number[];
  /** Sequences of all events of the system, other agents' included. */
  readonly sequences: readonly number[];
}

/** What no body says: its actor is at fault, and so the runtime. */
const bodyFailed = { type: 'xstate.error.actor.body', actorId: 'body', error: new Error(BUG) } as never;

interface Asked {
  readonly command: number;
  readonly controller: AbortController;
}

export class LifeWorld {
  readonly #profile: Profile;
  readonly #watching: Watching;
  readonly #kept = memoryStore();
  readonly #names = new TaskNames();
  #clock: SimulatedClock;
  #host!: ScriptedHost;
  #system!: AgentSystem;
  #store!: MortalStore;
  #body: ScriptedBody | undefined;
  #ghost: ScriptedBody | undefined;
  #hogBody: ScriptedBody | undefined;
  #isHogKnown = false;
  /** Tasks that the body was asked to do and has not answered for, oldest first. */
  #running: string[] = [];
  #checkId = 0;
  #saves = 0;
  #commands = 0;
  /** Tasks that have no answer yet, oldest first. */
  #asked: Asked[] = [];
  #lastSequence = 0;
  // What was seen since the last look.
  #events: SystemEvent[] = [];
  #opened: object[] = [];
  #answers = new Map<number, Answer>();

  private constructor(profile: Profile, startAt: number, watching: Watching) {
    this.#profile = profile;
    this.#watching = watching;
    this.#clock = simulatedClock({ startAt });
  }

  /** A system in which the agent is registered, and nothing else has happened. */
  static async open(profile: Profile, startAt: number, watching: Watching): Promise<LifeWorld> {
    const world = new LifeWorld(profile, startAt, watching);
    await world.#openSystem();
    await world.#register();
    world.#look([]);
    return world;
  }

  async play(move: Move): Promise<Seen> {
    const bodies = [this.#body];
    await this.#perform(move);
    await settled();
    if (this.#body !== bodies[0]) bodies.push(this.#body);
    return this.#look(bodies);
  }

  now(): number {
    return this.#clock.now();
  }

  /** Agents that take up resources, others included. */
  reserved(): number {
    return this.#system.resources().agents;
  }

  /** When each armed timer of the system is due, soonest first. */
  deadlines(): readonly number[] {
    return this.#clock.pending().map(({ dueAt }) => dueAt);
  }

  liveBodies(): number {
    return this.#host.live.filter(({ start }) => start.agentId === AGENT).length;
  }

  /** What the public API shows of the agent; `undefined` when it says that there is none. */
  view(): View | undefined {
    try {
      return viewOfRecord(this.#system.agents.get(AGENT), this.#names);
    } catch (thrown) {
      if (thrown instanceof AgentSystemError && thrown.code === 'AGENT_NOT_FOUND') return undefined;
      throw thrown;
    }
  }

  /** The commands that `legal` and `can` both call legal. */
  legal(): readonly string[] {
    const { agents } = this.#system;
    const legal = agents.legal(AGENT);
    const able = (
      ['start', 'restart', 'stop', 'kill', 'forget', 'pause', 'resume', 'execute'] as const
    ).filter((command) => agents.can(AGENT, command));
    return able.length === legal.length ? legal.toSorted() : ['legal and can differ'];
  }

  alerts(): readonly string[] {
    return this.#system.alerts.list().map(({ alert }) => alert);
  }

  async savedState(): Promise<unknown> {
    return this.#system.agents.savedState(AGENT);
  }

  async #openSystem(): Promise<void> {
    this.#store = mortalStore(this.#kept);
    this.#body = undefined;
    this.#ghost = undefined;
    this.#isHogKnown = false;
    this.#running = [];
    this.#checkId = 0;
    this.#host = scriptedHost({ onOpen: (body) => this.#bodyOpened(body) });
    this.#system = await createAgentSystem({
      store: this.#store,
      clock: this.#clock,
      random: () => this.#profile.chance,
      logger: silent,
      limits: { maxConcurrentRestarts: 1 },
      hosts: { 'in-process': this.#host },
      agents: [definition],
      inspect: this.#watching,
    });
    for await (const event of this.#system.events.read({ after: this.#lastSequence }))
      this.#events.push(event);
    this.#system.events.subscribe((event) => this.#events.push(event));
  }

  #bodyOpened(body: ScriptedBody): void {
    const { agentId, incarnation, restored, previousStop } = body.start;
    if (agentId === HOG) {
      this.#hogBody = body;
      return;
    }
    this.#body = body;
    this.#running = [];
    this.#opened.push({ incarnation, restored: restored?.json, previousStop });
  }

  async #register(): Promise<string> {
    return this.#system.agents.register(specFor(this.#profile));
  }

  async #perform(move: Move): Promise<void> {
    const { agents } = this.#system;
    switch (move) {
      case 'register':
        return this.#command(this.#register());
      case 'start':
        return this.#command(agents.start(AGENT));
      case 'restart':
        return this.#command(agents.restart(AGENT));
      case 'stop':
        return this.#command(agents.stop(AGENT));
      case 'stop briefly':
        return this.#command(agents.stop(AGENT, { timeoutMs: BRIEF_STOP_MS }));
      case 'stop now':
        return this.#command(agents.stop(AGENT, { timeoutMs: 0 }));
      case 'kill':
        return this.#command(agents.kill(AGENT));
      case 'forget':
        return this.#command(agents.forget(AGENT));
      case 'pause':
        return this.#command(agents.pause(AGENT, { by: OPERATOR }));
      case 'resume':
        return this.#command(agents.resume(AGENT));
      case 'execute':
        return this.#execute({});
      case 'execute briefly':
        return this.#execute({ timeoutMs: TASK_TIMEOUT_MS });
      case 'cancel':
        return this.#asked[0]!.controller.abort(new Error('no longer wanted'));
      case 'check health':
        return this.#command(agents.checkHealth(AGENT));
      case 'update':
        return this.#command(agents.update(AGENT, { coordination: { voteWeight: 2 + this.#commands } }));
      case 'almost due':
        return this.#clock.advance(this.deadlines()[0]! - 1 - this.now());
      case 'due':
        return this.#clock.advance(this.deadlines()[0]! - this.now());
      case 'rest':
        return this.#clock.advance(this.#profile.restart.withinMs);
      case 'permit taken':
        return this.#takePermit();
      case 'permit freed':
        return this.#freePermit();
      case 'coordination lost':
        return this.#system.coordination.suspend();
      case 'coordination restored':
        return this.#system.coordination.resume();
      case 'program dies':
        return this.#dieAndResume();
      case 'ghosts':
        return this.#haunt(this.#ghost!);
      case 'bug':
        agents.find(AGENT).send(bodyFailed);
        return this.#exit('exit killed');
      default:
        if (move in exits) this.#exit(move as Exit);
        else this.#report(move);
    }
  }

  #command(promise: Promise<unknown>): void {
    this.#commands += 1;
    const command = this.#commands;
    const answered = (answer: Answer): void => {
      this.#answers.set(command, answer);
      this.#asked = this.#asked.filter((asked) => asked.command !== command);
    };
    promise.then(
      (value) => answered({ value }),
      (thrown: unknown) => answered({ code: codeOf(thrown) }),
    );
  }

  #execute(limits: { readonly timeoutMs?: number }): void {
    const controller = new AbortController();
    const input = this.#commands + 1;
    this.#asked.push({ command: input, controller });
    this.#command(
      this.#system.agents.execute(AGENT, { type: 'work', input, signal: controller.signal, ...limits }),
    );
  }

  #report(move: Move): void {
    reportMove(this.#body!, move, {
      nextTask: () => this.#running.shift()!,
      nameOf: (taskId) => this.#names.of(taskId),
      nextState: () => this.#nextState(),
      checkId: this.#checkId,
      now: this.now(),
    });
  }

  #exit(move: Exit): void {
    this.#ghost = this.#body!;
    this.#running = [];
    this.#ghost.exit(exits[move]);
  }

  /** All that a body which is gone can still say. */
  #haunt(ghost: ScriptedBody): void {
    const state = { json: '"of a ghost"', stateVersion: 1 };
    ghost.ready();
    ghost.report({ type: 'finished' });
    ghost.report({ type: 'task.completed', taskId: this.#running[0] ?? 'unknown', output: 'late', state });
    ghost.report({ type: 'health.answered', checkId: this.#checkId });
    ghost.report({ type: 'state.saved', state });
    ghost.exit('normal');
  }

  /** Another agent crashes and is restarted: it holds the permit until it is ready. */
  async #takePermit(): Promise<void> {
    const { agents } = this.#system;
    if (!this.#isHogKnown) {
      this.#isHogKnown = true;
      await agents.register({
        id: HOG,
        module: definition,
        restart: { policy: 'immediate', delayMs: 0, withinMs: 0 },
        startTimeoutMs: Infinity,
        health: { intervalMs: Infinity },
      });
    }
    const started = agents.start(HOG);
    await settled();
    this.#hogBody!.ready();
    await started;
    this.#hogBody!.exit({ signal: 'SIGSEGV' });
    await this.#clock.advance(0);
  }

  async #freePermit(): Promise<void> {
    this.#hogBody!.ready();
    await settled();
    const stopped = this.#system.agents.stop(HOG, { timeoutMs: 0 });
    await settled();
    this.#hogBody!.exit('killed');
    await stopped;
  }

  /** Nothing of the old system is heard again; a new one goes on, a little later, with what was committed. */
  async #dieAndResume(): Promise<void> {
    await this.#store.cut(HOG, this.now());
    this.#clock = simulatedClock({ startAt: this.now() + DOWNTIME_MS });
    this.#asked = [];
    await this.#openSystem();
  }

  #nextState() {
    this.#saves += 1;
    return { json: `{"saves":${this.#saves}}`, stateVersion: 1 };
  }

  #look(bodies: readonly (ScriptedBody | undefined)[]): Seen {
    const events = this.#events;
    const ofAgent = events.filter(({ agentId }) => agentId !== HOG);
    for (const event of ofAgent) if (event.type === 'task.accepted') this.#names.learn(event.taskId);
    const requests = bodies.flatMap((body) => body?.takeRequests() ?? []);
    for (const request of requests) {
      if (request.type === 'task.run') this.#running.push(request.taskId);
      if (request.type === 'health.check') this.#checkId = request.checkId;
    }
    const seen = {
      events: ofAgent.map((event) => eventInWords(event, this.#names)),
      requests: requests.map((request) => requestInWords(request, this.#names)),
      answers: answersInWords(this.#answers, this.#names),
      opened: this.#opened,
      times: ofAgent.map(({ at }) => at),
      sequences: events.map(({ sequence }) => sequence),
    };
    this.#lastSequence = events.at(-1)?.sequence ?? this.#lastSequence;
    this.#events = [];
    this.#opened = [];
    this.#answers = new Map();
    return seen;
  }
}

function codeOf(thrown: unknown): never {
  return (thrown instanceof AgentSystemError ? thrown.code : `not of the system: ${String(thrown)}`) as never;
}
