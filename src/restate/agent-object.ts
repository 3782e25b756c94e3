/**
 * One agent, one virtual object: the engine gives it a single writer and timers, the shipped chart its life.
 *
 * Decides nothing: a handler takes a turn (agent-turn.ts) and performs its acts as calls.
 *
 * I1  What is answered was kept before: an answer is the last that a turn does.
 * I2  Nothing on a node that may be dead is waited for: bodies are told one way, and tell back by `report`.
 * I3  At most one wake is waited for; one that comes late, or was replaced, does nothing.
 */
import { handlers, object, type ObjectContext, type ObjectSharedContext } from '@restatedev/restate-sdk';
import type { SavedState } from '../runtime/definition/saved-state.ts';
import { withTimeout } from '../runtime/definition/manifest.ts';
import { checkTask } from '../runtime/fleet/task-check.ts';
import type { TaskRecord } from '../runtime/fleet/task-record.ts';
import type { VariableState } from '../runtime/hosting/host.ts';
import { AgentSystemError, type ErrorCode, errorFrom } from '../runtime/values/errors.ts';
import {
  type AgentState,
  type EndedTask,
  positionOfState,
  recordOfState,
  type TaskEntry,
} from './agent-state.ts';
import { type Act, AgentTurn, type BodyMessage, type Moment } from './agent-turn.ts';
import { type Answer, answering, refusalOf } from './answer.ts';
import { call, send, tellEvents, toAgent, toNodes } from './calls.ts';
import {
  AGENT,
  bucketOf,
  type Command,
  type DeliveredMessage,
  FLEET,
  hostOf,
  type Look,
  type MessageBatch,
  REGISTRY,
  type ReportBatch,
  SHARDS,
  VARIABLES,
} from './names.ts';
import type { Occupant, Placement } from './placement.ts';
import type { Place } from './nodes-object.ts';
import { fleetOptions } from './service-options.ts';
import { wire, wireOf } from './wire.ts';

const STATE = 'state';
const SAVED = 'saved';
const inputKey = (taskId: string): string => `input ${taskId}`;

type Exclusive = ObjectContext;
type Shared = ObjectSharedContext;

/** Given back by a command whose answer comes later, to its token. */
const PENDING = 'pending';
type Reply = Answer | typeof PENDING;

const notFound = (id: string): Answer => ({
  refusal: refusalOf(
    new AgentSystemError('AGENT_NOT_FOUND', `no agent ${JSON.stringify(id)} is registered`, { agentId: id }),
  ),
});

async function momentOf(ctx: Exclusive): Promise<Moment> {
  return { now: await ctx.date.now(), chance: ctx.rand.random() };
}

function stateOf(ctx: Exclusive | Shared): Promise<AgentState | null> {
  return ctx.get(STATE, wireOf<AgentState>());
}

/** Performs the acts of a turn, and of the turns that follow from them. Gives the answer to `asker`, if it is there. */
async function conclude(ctx: Exclusive, turn: AgentTurn, asker?: string): Promise<Reply> {
  const { state } = turn;
  const answers: Extract<Act, { do: 'answer' }>[] = [];
  const mail = new Mail(ctx, state);
  let isGranted = false;
  for (let act = turn.acts.shift(); act !== undefined; act = turn.acts.shift()) {
    switch (act.do) {
      case 'answer':
        answers.push(act);
        break;
      case 'tell':
        await mail.add(act.message);
        break;
      case 'run': {
        const { taskId, task, given, followedAs: callId } = act;
        const input = given === undefined ? await ctx.get(inputKey(taskId), wire) : given.input;
        if (callId !== undefined) await mail.add({ type: 'follow', taskId, callId });
        await mail.add({ type: 'task.run', taskId, task, input });
        break;
      }
      case 'keepInput':
        ctx.set(inputKey(act.taskId), act.input ?? null, wire);
        break;
      case 'dropInput':
        ctx.clear(inputKey(act.taskId));
        break;
      case 'keepState':
        ctx.set(SAVED, act.state, wire);
        break;
      case 'requestPermit': {
        const granted = await call<Placement | null>(ctx, toNodes('requestRestart'), act.occupant);
        isGranted = granted !== null;
        if (granted) turn.permitGranted(granted);
        break;
      }
      case 'withdrawPermit':
        // The chart leaves the queue because it has been granted one.
        if (!isGranted && state.seat === undefined) send(ctx, toNodes('withdraw'), { agentId: state.id });
        break;
      case 'releasePermit':
        send(ctx, toNodes('release'), { agentId: state.id });
        break;
      case 'vacate':
        send(ctx, toNodes('vacate'), { agentId: state.id, incarnation: act.incarnation });
        break;
      case 'serving':
      case 'notServing':
        if (state.manifest.variables.length > 0) {
          const { coordination } = state.spec;
          const serves = act.do === 'serving';
          const { variables } = state.manifest;
          if (serves) await catchUp(ctx, state, mail);
          // Whoever is told that it runs can count on its being asked.
          await call(ctx, toNodes('serves'), {
            agentId: state.id,
            incarnation: act.incarnation,
            serves,
            variables,
            coordination,
          });
        }
        break;
      case 'startElsewhere':
        send(ctx, toAgent(ctx.key, 'command'), { type: 'moveOn' } satisfies Command);
        break;
      case 'forget':
        break;
    }
  }
  mail.send();
  tellEvents(ctx, { agentId: state.id, first: state.told - turn.events.length + 1, events: turn.events });
  if (turn.isForgotten) ctx.clearAll();
  else {
    arm(ctx, turn);
    ctx.set(STATE, state, wireOf<AgentState>());
  }
  if (turn.events.some(({ type }) => !type.startsWith('task.') && type !== 'agent.state_saved')) {
    await list(ctx, turn, answers.length > 0);
  }
  let reply: Reply = PENDING;
  for (const { token, answer } of answers) {
    if (token === asker) reply = answer;
    else if (token !== DIRECT) ctx.resolveAwakeable(token, answer, wire);
  }
  return reply;
}

/** A caller that waits for no later answer. */
const DIRECT = 'direct';

/** Messages of one turn to the node of its body, in one. */
class Mail {
  readonly #ctx: Exclusive;
  readonly #state: AgentState;
  #batch:
    | { node: string; epoch: string; incarnation: number; first: number; messages: DeliveredMessage[] }
    | undefined;

  constructor(ctx: Exclusive, state: AgentState) {
    this.#ctx = ctx;
    this.#state = state;
  }

  async add(message: BodyMessage): Promise<void> {
    const { seat, placement } = this.#state;
    if (seat === undefined || placement === undefined) return;
    if (this.#batch?.incarnation !== seat.incarnation) {
      this.send();
      const { node, incarnation, told } = seat;
      this.#batch = { node, epoch: placement.epoch, incarnation, first: told + 1, messages: [] };
    }
    seat.told += 1;
    this.#batch.messages.push(message.type === 'open' ? await this.#opening(message) : message);
  }

  send(): void {
    const batch = this.#batch;
    if (batch === undefined) return;
    this.#batch = undefined;
    const { node, ...parameter } = batch;
    send(
      this.#ctx,
      { service: hostOf(node), key: this.#ctx.key, method: 'post' },
      parameter satisfies MessageBatch,
    );
  }

  async #opening({
    previousStop,
    manifest,
  }: Extract<BodyMessage, { type: 'open' }>): Promise<DeliveredMessage> {
    const ctx = this.#ctx;
    const restored = (await ctx.get(SAVED, wireOf<SavedState>())) ?? undefined;
    const { variables: names } = manifest;
    const variables = await valuesOf(ctx, names);
    this.#state.began = Object.fromEntries(variables.map(({ name, version }) => [name, version]));
    return { type: 'open', spec: this.#state.spec, start: { restored, previousStop, variables }, manifest };
  }
}

function valuesOf(ctx: Exclusive, names: readonly string[]): Promise<readonly VariableState[]> {
  if (names.length === 0) return Promise.resolve([]);
  return call(ctx, { service: VARIABLES, key: FLEET, method: 'valuesOf' }, { names });
}

/** What has changed while it started, its body is told first of all. */
async function catchUp(ctx: Exclusive, { manifest, began }: AgentState, mail: Mail): Promise<void> {
  for (const variable of await valuesOf(ctx, manifest.variables)) {
    if (variable.version > (began[variable.name] ?? 0))
      await mail.add({ type: 'variable.changed', variable });
  }
}

function arm(ctx: Exclusive, turn: AgentTurn): void {
  const { state } = turn;
  const dueAt = turn.nextDueAt();
  if (dueAt === undefined || (state.wakeAt !== undefined && state.wakeAt <= dueAt)) return;
  state.wakeAt = dueAt;
  send(ctx, toAgent(ctx.key, 'wake'), { at: dueAt }, dueAt - turn.now);
}

/** Whoever was answered finds the fleet listed so; what nobody waits for is listed a little later. */
async function list(ctx: Exclusive, turn: AgentTurn, isAwaited: boolean): Promise<void> {
  const { id } = turn.state;
  const target = { service: REGISTRY, key: String(bucketOf(id, SHARDS)), method: 'put' };
  const entry = { id, look: turn.isForgotten ? null : lookOf(turn.state) };
  if (isAwaited) await call(ctx, target, entry);
  else send(ctx, target, entry);
}

function lookOf(state: AgentState): Look {
  const { manifest, alerts, registeredAt, seat, placement, isMoving, chart, life } = state;
  return {
    record: recordOfState(state),
    manifest,
    alerts,
    registeredAt,
    chart,
    active: life.active,
    placement: seat === undefined ? undefined : placement,
    isMoving,
  };
}

async function register(
  ctx: Exclusive,
  { spec, manifest }: Extract<Command, { type: 'register' }>,
): Promise<Reply> {
  const id = ctx.key;
  if ((await stateOf(ctx)) !== null) {
    const message = `an agent with id ${JSON.stringify(id)} is registered already`;
    return { refusal: refusalOf(new AgentSystemError('AGENT_EXISTS', message, { agentId: id })) };
  }
  const turn = AgentTurn.registering({ id, spec, manifest }, await momentOf(ctx));
  turn.answer(DIRECT, { value: id });
  await conclude(ctx, turn);
  return { value: id };
}

async function command(ctx: Exclusive, asked: Command): Promise<Reply> {
  if (asked.type === 'register') return register(ctx, asked);
  const state = await stateOf(ctx);
  if (state === null) return notFound(ctx.key);
  const turn = new AgentTurn(state, await momentOf(ctx));
  const token = asked.token ?? DIRECT;
  const fit = answering(() => turn.adoptChart());
  if ('refusal' in fit) return fit;
  const answer = await answeringLater(() => act(ctx, turn, asked, token));
  if (answer !== PENDING && 'refusal' in answer) return answer;
  const reply = await conclude(ctx, turn, token);
  return answer === PENDING ? reply : answer;
}

async function answeringLater(act: () => Promise<Reply>): Promise<Reply> {
  try {
    return await act();
  } catch (thrown) {
    if (thrown instanceof AgentSystemError) return { refusal: refusalOf(thrown) };
    throw thrown;
  }
}

async function act(
  ctx: Exclusive,
  turn: AgentTurn,
  asked: Exclude<Command, { type: 'register' }>,
  token: string,
): Promise<Reply> {
  const { state } = turn;
  const at = turn.now;
  switch (asked.type) {
    case 'start':
    case 'restart': {
      turn.refuseUnless(asked.type);
      const placement = await place(ctx, turn.occupant(state.life.context.incarnation + 1));
      turn.start(`agent.${asked.type}`, placement, token, asked.by);
      return PENDING;
    }
    case 'stop': {
      refuseOldIncarnation(turn, asked.incarnation);
      turn.refuseUnless('stop');
      const { timeoutMs } = asked;
      turn.end(
        timeoutMs === undefined ? { type: 'agent.stop', at } : { type: 'agent.stop', at, timeoutMs },
        token,
        asked.by,
      );
      return PENDING;
    }
    case 'kill':
      refuseOldIncarnation(turn, asked.incarnation);
      turn.refuseUnless('kill');
      turn.end({ type: 'agent.kill', at }, token, asked.by);
      return PENDING;
    case 'forget':
      turn.refuseUnless('forget');
      turn.forget(token, asked.by);
      return PENDING;
    case 'pause':
    case 'resume':
      turn.refuseUnless(asked.type);
      turn.hold(`agent.${asked.type}`, asked.by, token);
      return PENDING;
    case 'execute':
    case 'submit': {
      if (asked.type === 'execute') refuseOldIncarnation(turn, asked.incarnation);
      const known = ofKey(state, asked.work.idempotencyKey);
      if (known !== undefined) return { value: taskOf(state, known) };
      // What is submitted to an agent that is down waits until somebody starts it.
      const { isAlive } = positionOfState(state);
      if (asked.type === 'execute' || isAlive) turn.refuseUnless('execute');
      const { type, input, timeoutMs } = asked.work;
      checkTask({ type, input }, state.manifest, state.id);
      const { retry } = state.manifest.tasks[type]!;
      const limited = withTimeout(
        { type, ...(timeoutMs === undefined ? {} : { timeoutMs }) },
        state.manifest,
      );
      const isSubmitted = asked.type === 'submit';
      const entry = turn.execute({
        ...asked.work,
        timeoutMs: limited.timeoutMs,
        retry,
        submitted: isSubmitted,
        token: isSubmitted ? undefined : token,
      });
      return isSubmitted ? { value: taskOf(state, entry.id) } : PENDING;
    }
    case 'awaitTask': {
      const entry = state.tasks.find(({ id, isAnswered }) => id === asked.taskId && !isAnswered);
      if (entry === undefined) return resultOf(taskOf(state, asked.taskId));
      entry.waiting.push(token);
      return PENDING;
    }
    case 'cancelTask': {
      if (!turn.cancel({ taskId: asked.taskId }, asked.why, false))
        throw hasEnded(state, asked.taskId, 'cancel');
      return { value: taskOf(state, asked.taskId) };
    }
    case 'cancelCall':
      turn.cancel({ callId: asked.callId }, 'cancelled by its caller', true);
      return { value: undefined };
    case 'retryTask': {
      if (turn.state.tasks.some(({ id }) => id === asked.taskId))
        throw stillOpen(state, asked.taskId, 'retry');
      turn.repeat(asked.taskId);
      return { value: taskOf(state, asked.taskId) };
    }
    case 'forgetTask': {
      const task = taskOf(state, asked.taskId);
      if (task.endedAt === undefined) throw stillOpen(state, asked.taskId, 'forget');
      state.ended = state.ended.filter(({ id }) => id !== asked.taskId);
      turn.dropInput(asked.taskId);
      const { incarnation } = state.life.context;
      turn.emit({ type: 'task.forgotten', agentId: state.id, incarnation, taskId: task.id, task: task.task });
      return { value: undefined };
    }
    case 'move':
      turn.move();
      return { value: undefined };
    default: {
      // `moveOn`: it has ended where it was.
      if (!turn.isBetweenPlaces) return { value: undefined };
      // Where there is no room now, it is told when there is.
      const occupant = turn.occupant(state.life.context.incarnation + 1);
      const placement = await call<Placement | null>(ctx, toNodes('requestRestart'), occupant);
      if (placement !== null) turn.start('agent.start', placement, undefined);
      return { value: undefined };
    }
  }
}

async function place(ctx: Exclusive, occupant: Occupant): Promise<Placement> {
  const place = await call<Place>(ctx, toNodes('place'), occupant);
  if ('placement' in place) return place.placement;
  const { agentId } = occupant;
  const message = `agent ${agentId} cannot start: ${place.problem}`;
  throw new AgentSystemError('RESOURCES_EXHAUSTED', message, {
    agentId,
    details: { problem: place.problem },
  });
}

/** A handle's words are for its own incarnation. */
function refuseOldIncarnation({ state }: AgentTurn, incarnation: number | undefined): void {
  const { incarnation: newest } = state.life.context;
  const { isAlive, status } = positionOfState(state);
  if (incarnation === undefined || (incarnation === newest && isAlive)) return;
  const message = `incarnation ${incarnation} of agent ${state.id} has ended`;
  throw new AgentSystemError('AGENT_NOT_RUNNING', message, {
    agentId: state.id,
    details: { incarnation, newest, status },
  });
}

function ofKey(state: AgentState, key: string | undefined): string | undefined {
  if (key === undefined) return undefined;
  return (
    state.tasks.find(({ idempotencyKey }) => idempotencyKey === key)?.id ??
    state.ended.find(({ idempotencyKey }) => idempotencyKey === key)?.id
  );
}

const MISSED: Partial<Record<TaskRecord['status'], ErrorCode>> = {
  timed_out: 'TASK_TIMED_OUT',
  failed: 'TASK_FAILED',
};

/** What whoever asks for the result of a task that has ended is answered. */
function resultOf({ id: taskId, agentId, task, status, output, error }: TaskRecord): Answer {
  if (status === 'done') return { value: output };
  const message = `task ${task} of agent ${agentId} is ${status}`;
  const cause = error && errorFrom(error);
  const details = { taskId, task, status };
  return {
    refusal: refusalOf(
      new AgentSystemError(MISSED[status] ?? 'TASK_ABANDONED', message, { agentId, cause, details }),
    ),
  };
}

function hasEnded(state: AgentState, taskId: string, wish: string): AgentSystemError {
  const { status } = taskOf(state, taskId);
  return new AgentSystemError(
    'AGENT_ILLEGAL_COMMAND',
    `task ${taskId} is ${status}, ${wish} is not possible`,
    {
      agentId: state.id,
      details: { status },
    },
  );
}

const stillOpen = hasEnded;

/** @throws AgentSystemError `TASK_UNKNOWN` */
function taskOf(state: AgentState, taskId: string): TaskRecord {
  const open = state.tasks.find(({ id, isAnswered }) => id === taskId && !isAnswered);
  if (open !== undefined) return openTask(state.id, open);
  const ended = state.ended.find(({ id }) => id === taskId);
  if (ended !== undefined) return endedTask(state.id, ended);
  throw new AgentSystemError('TASK_UNKNOWN', `no task ${JSON.stringify(taskId)} is known`);
}

function openTask(agentId: string, entry: TaskEntry): TaskRecord {
  const { id, task, isRunning, attempts, acceptedAt, startedAt, idempotencyKey } = entry;
  return {
    id,
    agentId,
    task,
    status: isRunning ? 'running' : 'waiting',
    attempts,
    acceptedAt,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  };
}

function endedTask(agentId: string, ended: EndedTask): TaskRecord {
  const { id, task, status, attempts, acceptedAt, startedAt, endedAt, output, error, idempotencyKey } = ended;
  return {
    id,
    agentId,
    task,
    status,
    attempts,
    acceptedAt,
    endedAt,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(output === undefined ? {} : { output }),
    ...(error === undefined ? {} : { error }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  };
}

/** The state, for a turn that nobody is answered by; `undefined` of an agent that was forgotten. */
async function turnOf(ctx: Exclusive, now?: number): Promise<AgentTurn | undefined> {
  const state = await stateOf(ctx);
  if (state === null) return undefined;
  const moment = now === undefined ? await momentOf(ctx) : { now, chance: ctx.rand.random() };
  const turn = new AgentTurn(state, moment);
  // What this code cannot drive is tried again until code that can is there: nothing of it is lost.
  turn.adoptChart();
  return turn;
}

const exclusive = handlers.object.exclusive;
const shared = handlers.object.shared;
const codec = { input: wire, output: wire, enableLazyState: true } as const;

export const agentObject = object({
  name: AGENT,
  handlers: {
    command: exclusive(codec, (ctx: ObjectContext, asked: unknown) => command(ctx, asked as Command)),

    /** A command, and its answer whenever that comes. */
    ask: shared(
      { input: wire, output: wire, enableLazyState: true },
      async (ctx: ObjectSharedContext, asked: unknown) => {
        const { id: token, promise } = ctx.awakeable(wireOf<Answer>());
        const reply = await call<Reply>(ctx, toAgent(ctx.key, 'command'), { ...(asked as Command), token });
        return reply === PENDING ? await promise : reply;
      },
    ),

    /** What a body tells. Says whether it is the living one. */
    report: exclusive(codec, async (ctx: ObjectContext, told: unknown) => {
      const { incarnation, first, reports, usage, at } = told as ReportBatch;
      const turn = await turnOf(ctx, at);
      if (turn === undefined) return { isAlive: false };
      const isAlive = turn.reported(incarnation, first, reports, usage);
      await conclude(ctx, turn);
      return { isAlive };
    }),

    wake: exclusive(codec, async (ctx: ObjectContext, given: unknown) => {
      const { at } = given as { at: number };
      const turn = await turnOf(ctx, at);
      if (turn?.state.wakeAt !== at) return;
      turn.state.wakeAt = undefined;
      turn.wake();
      await conclude(ctx, turn);
    }),

    /** Its node is gone. */
    lost: exclusive(codec, async (ctx: ObjectContext, given: unknown) => {
      const { node, incarnation } = given as { node: string; incarnation: number };
      const turn = await turnOf(ctx);
      if (turn === undefined) return;
      turn.hostLost(node, incarnation);
      await conclude(ctx, turn);
    }),

    /** It may restart. One that does not want to any more gives the place back. */
    permit: exclusive(codec, async (ctx: ObjectContext, given: unknown) => {
      const { placement, incarnation } = given as { placement: Placement; incarnation: number };
      const turn = await turnOf(ctx);
      const isWaiting =
        turn !== undefined &&
        (turn.isBetweenPlaces || positionOfState(turn.state).path === 'crashed.queued') &&
        turn.state.life.context.incarnation + 1 === incarnation;
      if (!isWaiting) {
        send(ctx, toNodes('vacate'), { agentId: ctx.key, incarnation });
        send(ctx, toNodes('release'), { agentId: ctx.key });
        return;
      }
      if (turn.isBetweenPlaces) turn.start('agent.start', placement, undefined);
      else turn.permitGranted(placement);
      await conclude(ctx, turn);
    }),

    /** How it stands; nothing of an agent that is not there. */
    look: shared(codec, async (ctx: ObjectSharedContext) => {
      const state = await stateOf(ctx);
      return state === null ? null : lookOf(state);
    }),

    savedState: shared(codec, async (ctx: ObjectSharedContext) => {
      if ((await stateOf(ctx)) === null) return notFound(ctx.key);
      return { value: await ctx.get(SAVED, wireOf<SavedState>()) };
    }),

    task: shared(codec, async (ctx: ObjectSharedContext, given: unknown) => {
      const { taskId } = given as { taskId: string };
      const state = await stateOf(ctx);
      if (state === null) {
        const message = `no task ${JSON.stringify(taskId)} is known`;
        return { refusal: refusalOf(new AgentSystemError('TASK_UNKNOWN', message)) };
      }
      return answering(() => taskOf(state, taskId));
    }),

    tasks: shared(codec, async (ctx: ObjectSharedContext) => {
      const state = await stateOf(ctx);
      if (state === null) return [];
      const open = state.tasks.filter(({ isAnswered }) => !isAnswered);
      return [
        ...state.ended.map((task) => endedTask(state.id, task)),
        ...open.map((task) => openTask(state.id, task)),
      ];
    }),
  },
  options: fleetOptions,
});
