/**
 * The mapping from the agent's chart to calls, around one agent, on simulated time: no server, no network.
 *
 * Plays the moves of the flat model of a life (test/models/life) on turns of the virtual object and on the very bodies
 * of a node, and says what was seen, in the model's words. Between two turns the state is JSON, as the engine keeps it.
 */
import { AgentSystemError, type BodyRequest, type SystemEvent } from '../../src/index.ts';
import { agentSpec } from '../../src/machines/index.ts';
import { type AgentState, positionOfState, recordOfState } from '../../src/restate/agent/agent-state.ts';
import type { Act, BodyMessage, NodeReport } from '../../src/restate/agent/agent-acts.ts';
import { AgentTurn } from '../../src/restate/agent/agent-turn.ts';
import type { DeliveredMessage } from '../../src/restate/engine/names.ts';
import { Resident } from '../../src/restate/nodes/resident.ts';
import { isAway } from '../../src/restate/engine/names.ts';
import { wireOf } from '../../src/restate/engine/wire.ts';
import { manifestOf } from '../../src/runtime/definition/manifest.ts';
import type { SavedState } from '../../src/runtime/definition/saved-state.ts';
import { specToKeep } from '../../src/runtime/fleet/spec-reading.ts';
import { steadyClock } from '../../src/runtime/time/clock.ts';
import { type ScriptedBody, scriptedHost, settled, simulatedClock } from '../../src/testing/index.ts';
import {
  AGENT,
  type Answer,
  BRIEF_STOP_MS,
  exits,
  type Move,
  OPERATOR,
  type Profile,
  TASK_TIMEOUT_MS,
} from '../models/life/life-state.ts';
import { SecretNet } from '../../src/runtime/values/secret-net.ts';
import { ofAnotherChart } from './another-snapshot.ts';
import { reportMove } from '../models/life/body-reports.ts';
import { definition, specFor } from '../models/life/subject.ts';
import {
  answersInWords,
  eventInWords,
  requestInWords,
  TaskNames,
  viewOfRecord,
} from '../models/life/words.ts';

const asState = wireOf<AgentState>();
const PLACEMENT = { node: 'n', epoch: 'e' };

/** Moves that mean something where an agent is a virtual object. */
export function isPlayable(move: Move): boolean {
  return !['program dies', 'bug', 'update'].includes(move);
}

export class ObjectWorld {
  readonly #profile: Profile;
  readonly #isUpgraded: boolean;
  readonly #clock;
  readonly #host = scriptedHost({ onOpen: (body) => this.#opened(body) });
  readonly #names = new TaskNames();
  #state: AgentState | undefined;
  #saved: SavedState | undefined;
  #inputs = new Map<string, unknown>();
  #resident: Resident | undefined;
  #body: ScriptedBody | undefined;
  /** The last body that is gone, by its incarnation, and how many reports it has told. */
  #ghost: { incarnation: number; told: number } | undefined;
  #told = 0;
  /** How often coordination has gone, or come back. */
  #turns = 0;
  #heard = 0;
  #running: string[] = [];
  #checkId = 0;
  #saves = 0;
  #commands = 0;
  #registered = 0;
  #asked: number[] = [];
  #isPermitTaken = false;
  #isQueued = false;
  #wake: unknown;
  #events: SystemEvent[] = [];
  #openings: object[] = [];
  #answers = new Map<number, Answer>();

  /** @param isUpgraded before each move it gets another chart where it serves */
  constructor(profile: Profile, startAt: number, isUpgraded = false) {
    this.#profile = profile;
    this.#isUpgraded = isUpgraded;
    this.#clock = simulatedClock({ startAt });
    this.#register();
    this.#events = [];
  }

  async play(move: Move) {
    const bodies = [this.#body];
    if (this.#isUpgraded) this.#upgrade();
    await this.#perform(move);
    await settled();
    if (this.#body !== bodies[0]) bodies.push(this.#body);
    const events = this.#events;
    for (const event of events) if (event.type === 'task.accepted') this.#names.learn(event.taskId);
    const requests = bodies.flatMap((body) => body?.takeRequests() ?? []);
    for (const request of requests) {
      if (request.type === 'task.run') this.#running.push(request.taskId);
      if (request.type === 'health.check') this.#checkId = request.checkId;
    }
    const seen = {
      events: events.map((event) => eventInWords(event, this.#names)),
      times: events.map(({ at }) => at),
      requests: requests.map((request) => requestInWords(request as BodyRequest, this.#names)),
      answers: answersInWords(this.#answers, this.#names),
      opened: this.#openings,
    };
    this.#events = [];
    this.#openings = [];
    this.#answers = new Map();
    return seen;
  }

  now(): number {
    return this.#clock.now();
  }

  view() {
    if (this.#state === undefined) return undefined;
    const { health, ...view } = viewOfRecord(recordOfState(this.#state), this.#names);
    return { ...view, health: { status: health.status, misses: health.misses } };
  }

  legal(): readonly string[] {
    return this.#state === undefined ? [] : [...positionOfState(this.#state).legal].toSorted();
  }

  /** When each deadline is due: those of the object's table, and the health checks' of the node. */
  deadlines(): readonly number[] {
    const ofNode = this.#clock.pending().map(({ dueAt }) => dueAt);
    const state = this.#state;
    if (state === undefined) return ofNode;
    // One of the pending timers is the wake itself.
    const wake = this.#wake === undefined ? -1 : ofNode.indexOf(this.#turn().nextDueAt()!);
    const checks = ofNode.filter((_, index) => index !== wake);
    const tasks = state.tasks.flatMap(({ timeout, due, isAnswered }) => (isAnswered ? [] : [timeout, due]));
    const kept = [...state.deadlines, ...(state.quota?.deadlines ?? []), ...tasks];
    const due = kept.flatMap((deadline) => (deadline === undefined ? [] : [deadline.dueAt]));
    return [...due, ...checks].toSorted((a, b) => a - b);
  }

  liveBodies(): number {
    return this.#host.live.length;
  }

  alerts(): readonly string[] {
    return this.#state?.alerts.map(({ alert }) => alert) ?? [];
  }

  savedState(): unknown {
    return this.#saved === undefined ? undefined : JSON.parse(this.#saved.json);
  }

  get #placement() {
    return { ...PLACEMENT, turns: this.#turns };
  }

  /** Whoever has a place hears it at once, the others with the next one. */
  #coordinate(isThere: boolean): void {
    if (isAway(this.#turns) !== isThere) return;
    this.#turns += 1;
    if (this.#state?.seat === undefined) return;
    const turn = this.#turn();
    turn.coordinate(this.#turns);
    this.#conclude(turn);
  }

  #turn(): AgentTurn {
    // The next turn has what the engine gives back of the last one.
    const state = asState.deserialize(asState.serialize(this.#state!));
    return new AgentTurn(state, { now: this.#clock.now(), chance: this.#profile.chance });
  }

  /** Another chart takes it up where it serves, and is not ending. */
  #upgrade(): void {
    const { seat, known, life } = this.#state ?? {};
    if (seat === undefined || known?.at !== 'serving' || life?.context.ordered !== undefined) return;
    const turn = this.#turn();
    ofAnotherChart(turn.state);
    turn.adoptChart();
    this.#conclude(turn);
  }

  #register(): void {
    const spec = specToKeep(agentSpec.parse(specFor(this.#profile)), AGENT, 'worker');
    this.#registered += 1;
    const moment = { now: this.#clock.now(), chance: this.#registered / 1_000 };
    this.#conclude(AgentTurn.registering({ id: AGENT, spec, manifest: manifestOf(definition) }, moment));
  }

  /** Does the acts of a turn as the object's handlers do: messages in one, answers last. */
  #conclude(turn: AgentTurn): void {
    const answers: Extract<Act, { do: 'answer' }>[] = [];
    const messages: { first: number; incarnation: number; message: DeliveredMessage }[] = [];
    const tell = (message: BodyMessage): void => {
      const { seat } = turn.state;
      if (seat === undefined) return;
      seat.told += 1;
      messages.push({
        first: seat.told,
        incarnation: seat.incarnation,
        message: this.#delivered(message, turn),
      });
    };
    for (let act = turn.acts.shift(); act !== undefined; act = turn.acts.shift()) {
      switch (act.do) {
        case 'answer':
          answers.push(act);
          break;
        case 'tell':
          tell(act.message);
          break;
        case 'run': {
          const input = act.given === undefined ? this.#inputs.get(act.taskId) : act.given.input;
          const { taskId, task, attempt } = act;
          tell({ type: 'task.run', taskId, task, attempt, input });
          break;
        }
        case 'keepInput':
          this.#inputs.set(act.taskId, act.input);
          break;
        case 'keepState':
          this.#saved = act.state;
          break;
        case 'requestPermit':
          this.#isQueued = this.#isPermitTaken;
          if (!this.#isPermitTaken) turn.permitGranted(this.#placement);
          break;
        case 'withdrawPermit':
          this.#isQueued = false;
          break;
        default:
      }
    }
    this.#events.push(...(turn.events as readonly object[] as readonly SystemEvent[]));
    this.#state = turn.isForgotten ? undefined : turn.state;
    if (turn.isForgotten) this.#saved = undefined;
    this.#arm(turn);
    for (const { token, answer } of answers) this.#answered(Number(token), answer);
    for (const { first, incarnation, message } of messages) this.#deliver(first, incarnation, message);
  }

  #arm(turn: AgentTurn): void {
    this.#clock.clearTimeout(this.#wake);
    this.#wake = undefined;
    const dueAt = turn.isForgotten ? undefined : turn.nextDueAt();
    if (dueAt === undefined) return;
    this.#wake = this.#clock.setTimeout(() => {
      this.#wake = undefined;
      const next = this.#turn();
      next.wake();
      this.#conclude(next);
    }, dueAt - this.#clock.now());
  }

  #delivered(message: BodyMessage, { state }: AgentTurn): DeliveredMessage {
    if (message.type !== 'open') return message;
    const { previousStop, manifest } = message;
    return {
      type: 'open',
      spec: state.spec,
      manifest,
      start: { restored: this.#saved, previousStop },
    };
  }

  #deliver(first: number, incarnation: number, message: DeliveredMessage): void {
    if (message.type === 'open') {
      this.#told = 0;
      const resident: Resident = new Resident({
        agentId: AGENT,
        incarnation,
        clock: steadyClock(this.#clock),
        tell: (report) => this.#tell(incarnation, report),
        show: () => {},
        valueOf: () => undefined,
        valuesOf: () => [],
        requests: new Map(),
        secrets: { provider: undefined, net: new SecretNet() },
        log: () => {},
        codeFor: () => ({ module: definition, host: this.#host }),
        described: () => {},
        ended: () => {
          this.#ghost = { incarnation, told: this.#told };
          if (this.#resident === resident) this.#resident = undefined;
        },
      });
      this.#resident = resident;
    }
    if (this.#resident?.incarnation === incarnation) this.#resident.take({ first, messages: [message] });
  }

  #tell(incarnation: number, report: NodeReport): void {
    this.#told += 1;
    this.#reported(incarnation, this.#told, [report]);
  }

  #reported(incarnation: number, first: number, reports: readonly NodeReport[]): void {
    if (this.#state === undefined) return;
    const turn = this.#turn();
    const isAlive = turn.reported(incarnation, first, reports);
    this.#conclude(turn);
    if (isAlive && turn.state.health.status !== 'not_running') this.#resident?.watch();
  }

  #opened(body: ScriptedBody): void {
    const { incarnation, restored, previousStop } = body.start;
    this.#body = body;
    this.#running = [];
    this.#checkId = 0;
    this.#openings.push({ incarnation, restored: restored?.json, previousStop });
  }

  #answered(command: number, answer: object): void {
    this.#asked = this.#asked.filter((asked) => asked !== command);
    if ('refusal' in answer) {
      this.#answers.set(command, { code: (answer.refusal as { code: never }).code });
      return;
    }
    const { value } = answer as { value?: unknown };
    // A start is answered with the incarnation, of which the client makes a handle.
    const isStart = typeof value === 'number';
    this.#answers.set(command, { value: isStart ? { id: AGENT, incarnation: value } : value });
  }

  #command(act: (turn: AgentTurn, token: string) => void): void {
    this.#commands += 1;
    const command = this.#commands;
    if (this.#state === undefined) return this.#answered(command, { refusal: { code: 'AGENT_NOT_FOUND' } });
    const turn = this.#turn();
    try {
      act(turn, String(command));
    } catch (thrown) {
      if (!(thrown instanceof AgentSystemError)) throw thrown;
      return this.#answered(command, { refusal: { code: thrown.code } });
    }
    this.#conclude(turn);
  }

  #stop(timeoutMs?: number): void {
    this.#command((turn, token) => {
      turn.refuseUnless('stop');
      const at = turn.now;
      turn.end(
        timeoutMs === undefined ? { type: 'agent.stop', at } : { type: 'agent.stop', at, timeoutMs },
        token,
      );
    });
  }

  #execute(timeoutMs?: number): void {
    this.#command((turn, token) => {
      turn.refuseUnless('execute');
      this.#asked.push(Number(token));
      const input = this.#commands;
      turn.execute({ type: 'work', input, timeoutMs, submitted: false, terms: { callId: token }, token });
    });
  }

  async #perform(move: Move): Promise<void> {
    switch (move) {
      case 'register': {
        this.#commands += 1;
        const isThere = this.#state !== undefined;
        if (isThere) return this.#answered(this.#commands, { refusal: { code: 'AGENT_EXISTS' } });
        this.#register();
        return this.#answered(this.#commands, { value: AGENT });
      }
      case 'start':
      case 'restart':
        return this.#command((turn, token) => {
          turn.refuseUnless(move);
          turn.start(`agent.${move}`, this.#placement, token);
        });
      case 'stop':
        return this.#stop();
      case 'stop briefly':
        return this.#stop(BRIEF_STOP_MS);
      case 'stop now':
        return this.#stop(0);
      case 'kill':
        return this.#command((turn, token) => {
          turn.refuseUnless('kill');
          turn.end({ type: 'agent.kill', at: turn.now }, token);
        });
      case 'forget':
        return this.#command((turn, token) => {
          turn.refuseUnless('forget');
          turn.forget(token);
        });
      case 'pause':
      case 'resume':
        return this.#command((turn, token) => {
          turn.refuseUnless(move);
          turn.hold(`agent.${move}`, move === 'pause' ? OPERATOR : undefined, token);
        });
      case 'execute':
        return this.#execute();
      case 'execute briefly':
        return this.#execute(TASK_TIMEOUT_MS);
      case 'cancel': {
        const turn = this.#turn();
        turn.cancel({ callId: String(this.#asked[0]) }, 'cancelled by its caller');
        return this.#conclude(turn);
      }
      case 'coordination lost':
      case 'coordination restored':
        return this.#coordinate(move === 'coordination restored');
      case 'check health': {
        this.#commands += 1;
        const command = this.#commands;
        if (this.#state === undefined)
          return this.#answered(command, { refusal: { code: 'AGENT_NOT_FOUND' } });
        const report = this.#resident?.checkHealth() ?? Promise.resolve(recordOfState(this.#state).health);
        void report.then((value) => this.#answered(command, { value }));
        return;
      }
      case 'almost due':
        return this.#clock.advance(this.deadlines()[0]! - 1 - this.now());
      case 'due':
        return this.#clock.advance(this.deadlines()[0]! - this.now());
      case 'rest':
        return this.#clock.advance(this.#profile.restart.withinMs);
      case 'permit taken':
        this.#isPermitTaken = true;
        return;
      case 'permit freed': {
        this.#isPermitTaken = false;
        if (!this.#isQueued) return;
        this.#isQueued = false;
        const turn = this.#turn();
        turn.permitGranted(this.#placement);
        return this.#conclude(turn);
      }
      case 'ghosts':
        return this.#haunt();
      default:
        if (move in exits) this.#body!.exit(exits[move as keyof typeof exits]);
        else this.#report(move);
    }
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

  /** All that a body which is gone can still say: words of a frozen node that wakes up. */
  #haunt(): void {
    const { incarnation, told } = this.#ghost!;
    const state = { json: '"of a ghost"', stateVersion: 1 };
    const health = { status: 'healthy', misses: 0 } as const;
    this.#reported(incarnation, told + 1, [
      { type: 'ready', manifest: manifestOf(definition) },
      { type: 'finished' },
      { type: 'task.completed', taskId: this.#running[0] ?? 'unknown', output: 'late', state },
      { type: 'health', health, verdict: 'passed' },
      { type: 'state.saved', state },
      { type: 'exited', reason: 'normal' },
    ]);
    // What was told before, told again: it changes nothing, and is no word of a ghost.
    const { seat } = this.#state ?? {};
    if (seat !== undefined) this.#heard = seat.heard;
  }

  /** Reports of the living body that were taken, so far. */
  get heard(): number {
    return this.#heard;
  }

  #nextState() {
    this.#saves += 1;
    return { json: `{"saves":${this.#saves}}`, stateVersion: 1 };
  }
}
