/**
 * The commands of an agent's virtual object; each is a turn.
 *
 * I1  A command that is refused has changed nothing.
 */
import type { ObjectContext } from '@restatedev/restate-sdk';
import { CANCELLED_BY_CALLER } from '../../runtime/agent/task-events.ts';
import { checkTask } from '../../runtime/fleet/task-check.ts';
import { hasTaskMissed } from '../../runtime/fleet/task-record.ts';
import { AgentSystemError, inWords } from '../../runtime/values/errors.ts';
import { type AgentState, positionOfState } from './agent-state.ts';
import { AgentTurn } from './agent-turn.ts';
import type { Moment, OfOtherTask } from './agent-acts.ts';
import { conclude, DIRECT, PENDING, type Reply, stateOf, tellRefused, tellTask } from './agent-performer.ts';
import { type Answer, answering, answeringTo, refusalOf } from '../engine/call-answer.ts';
import { call, send, toAgent, toNodes } from '../engine/calls.ts';
import type { Command } from '../engine/names.ts';
import type { Place } from '../nodes/reservations.ts';
import type { Occupant, Placement } from '../nodes/placement.ts';
import { findTask, type KnownTask, refuseUnlessLegal, taskOfKey } from '../tasks/known-tasks.ts';
import { agentOfTask, type AskedWork, callerOf, isWorking, type TaskEntry } from '../tasks/task-entries.ts';
import { type CalledRecord, resultOf, taskRecord } from '../tasks/task-record-of.ts';
import { waitCircle } from '../tasks/wait-circle.ts';

/**
 * What finds a snapshot that this code cannot read comes again after so long, ms: until the right code is there, or its
 * body has ended, which would never be heard of behind a call that is repeated.
 */
export const UNREAD_AGAIN_MS = 1_000;

/** What agents of other tasks tell. */
const OF_OTHER_TASKS: ReadonlySet<Command['type']> = new Set([
  'calledTask',
  'leaveTask',
  'calledOver',
  'awaitedTask',
] satisfies OfOtherTask['type'][]);

export const notFound = (id: string): Answer => ({
  refusal: refusalOf(
    new AgentSystemError('AGENT_NOT_FOUND', `no agent ${inWords(id)} is registered`, { agentId: id }),
  ),
});

/** The caller gives the time; a call from another object takes the engine's. */
export async function momentOf(
  ctx: Pick<ObjectContext, 'date' | 'rand'>,
  at: number | undefined,
): Promise<Moment> {
  return { now: at ?? (await ctx.date.now()), chance: ctx.rand.random() };
}

export async function command(ctx: ObjectContext, asked: Command): Promise<Reply> {
  if (asked.type === 'register') return register(ctx, asked);
  const state = await stateOf(ctx);
  if (state === null) {
    // A caller whose agent was forgotten has ended.
    if (asked.type === 'calledTask') {
      const { taskId: caller, called: taskId, joined } = asked;
      tellTask(ctx, { taskId, command: { type: 'leaveTask', taskId, caller, joined } });
    }
    return notFound(ctx.key);
  }
  const turn = new AgentTurn(state, await momentOf(ctx, asked.at));
  const token = asked.token ?? DIRECT;
  const fit = answering(() => turn.adoptChart());
  if ('refusal' in fit) {
    // Nobody tells it again.
    if (OF_OTHER_TASKS.has(asked.type))
      send(ctx, toAgent(ctx.key, 'command'), { ...asked, at: undefined }, UNREAD_AGAIN_MS);
    return fit;
  }
  const ofPool = asked.type === 'execute' ? asked.work.terms?.pool : undefined;
  if (ofPool !== undefined) state.heardOfPool = Math.max(state.heardOfPool, ofPool);
  const answer = await acting(() => act(ctx, turn, asked, token));
  if (answer !== PENDING && 'refusal' in answer) {
    if (ofPool !== undefined) tellRefused(ctx, state, turn.now);
    return answer;
  }
  const reply = await conclude(ctx, turn, token);
  return answer === PENDING ? reply : answer;
}

async function register(
  ctx: ObjectContext,
  { spec, manifest, by, at }: Extract<Command, { type: 'register' }>,
): Promise<Reply> {
  const id = ctx.key;
  if ((await stateOf(ctx)) !== null) {
    const message = `an agent with id ${JSON.stringify(id)} is registered already`;
    return { refusal: refusalOf(new AgentSystemError('AGENT_EXISTS', message, { agentId: id })) };
  }
  const turn = AgentTurn.registering({ id, spec, manifest, by }, await momentOf(ctx, at));
  turn.answer(DIRECT, { value: id });
  await conclude(ctx, turn);
  return { value: id };
}

/** A refusal is an answer, too. */
async function acting(act: () => Promise<Reply>): Promise<Reply> {
  const answer = await answeringTo(act);
  return 'refusal' in answer ? answer : answer.value!;
}

async function act(
  ctx: ObjectContext,
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
    case 'awaitStart':
      if (positionOfState(state).status !== 'starting') return { value: undefined };
      turn.callers.forStart(token);
      return PENDING;
    case 'awaitEnd':
      if (state.isMoving || !positionOfState(state).isAlive) return { value: turn.record };
      turn.callers.forEnd(token);
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
    case 'update': {
      const { spec, manifest, changes, by, revision } = asked;
      if (revision !== state.revision) return { value: false };
      turn.follow(spec, manifest, changes, by);
      return { value: true };
    }
    case 'adopt':
      return { value: turn.adopt(asked.child) };
    case 'execute':
    case 'submit':
      return take(turn, asked, token);
    case 'awaitTask': {
      const known = findTask(state, asked.taskId);
      const result = resultOf(state.id, known);
      if (result !== undefined) return result;
      if ('waiting' in known) known.waiting.push(token);
      return PENDING;
    }
    case 'cancelTask': {
      refuseUnlessLegal(state.id, findTask(state, asked.taskId), 'cancel');
      turn.cancel({ taskId: asked.taskId }, asked.why, { by: asked.by });
      return { value: taskRecord(state.id, findTask(state, asked.taskId)) };
    }
    case 'cancelCall':
      turn.cancel({ callId: asked.callId }, CANCELLED_BY_CALLER, undefined, asked.reason);
      return { value: undefined };
    case 'retryTask': {
      const known = findTask(state, asked.taskId);
      refuseUnlessLegal(state.id, known, 'retry');
      if ('endedAt' in known) turn.repeat(known, { by: asked.by });
      return { value: taskRecord(state.id, findTask(state, asked.taskId)) };
    }
    case 'calledTask':
      turn.ledger.callers.called(asked.taskId, asked);
      return { value: undefined };
    case 'leaveTask':
      turn.ledger.callers.leave(asked.taskId, asked.caller, asked.joined);
      return { value: undefined };
    case 'calledOver':
      turn.ledger.callers.over(asked.taskId, asked.called, asked.joined);
      return { value: undefined };
    case 'awaitedTask':
      turn.ledger.callers.awaited(asked.taskId, asked);
      return { value: undefined };
    case 'forgetTask': {
      const known = findTask(state, asked.taskId);
      refuseUnlessLegal(state.id, known, 'forget');
      if ('endedAt' in known) turn.forgetTask(known, asked.by);
      return { value: undefined };
    }
    case 'answerQuestion':
      return { value: turn.answerQuestion(asked.questionId, asked.value, asked.by) };
    case 'liftQuota':
      return { value: turn.liftQuota(asked.by) };
    case 'coordinate':
      turn.coordinate(asked.turns);
      return { value: undefined };
    case 'move':
      turn.move();
      return { value: undefined };
    default: {
      // `moveOn`: it has ended on its old node.
      if (!turn.isBetweenPlaces) return { value: undefined };
      // If there is no room now, the agent is told once there is.
      const occupant = turn.occupant(state.life.context.incarnation + 1);
      const placement = await call<Placement | null>(ctx, toNodes('requestRestart'), occupant);
      if (placement !== null) turn.permitGranted(placement);
      return { value: undefined };
    }
  }
}

/** A task, of one that is executed or submitted. */
function take(
  turn: AgentTurn,
  asked: Extract<Command, { type: 'execute' | 'submit' }>,
  token: string,
): Reply {
  const { state } = turn;
  const { work } = asked;
  if (asked.type === 'execute') refuseOldIncarnation(turn, asked.incarnation);
  const known = taskOfKey(state, work);
  const ended = known !== undefined && 'endedAt' in known ? known : undefined;
  const isAgain =
    ended !== undefined && work.caller !== undefined && hasTaskMissed(taskRecord(state.id, ended));
  if (known !== undefined && !isAgain) {
    if (!('endedAt' in known)) join(turn, known, work);
    return { value: takenRecord(state.id, known, work) };
  }
  refuseUnlessTaken(turn, asked);
  const { type, input, priority, by, caller, terms } = work;
  checkTask({ type, input, ...(priority === undefined ? {} : { priority }) }, state.manifest, state.id);
  const isSubmitted = asked.type === 'submit';
  const entry = isAgain
    ? turn.repeat(ended, { by, caller, terms })
    : turn.execute(isSubmitted ? work : { ...work, token });
  return isSubmitted ? { value: takenRecord(state.id, findTask(state, entry.id), work) } : PENDING;
}

/** The record of a task, and the number of the call that waits for it, if one does. */
function takenRecord(agentId: string, known: KnownTask, { caller }: AskedWork): CalledRecord {
  const record = taskRecord(agentId, known);
  const joined =
    'callers' in known ? known.callers?.find(({ taskId }) => taskId === caller)?.joined : undefined;
  return joined === undefined ? record : { ...record, joined };
}

/**
 * What is submitted waits until somebody starts its agent; what is executed, as long as that comes back by itself,
 * where its caller says so.
 */
function refuseUnlessTaken(
  turn: AgentTurn,
  { type, work }: Extract<Command, { type: 'execute' | 'submit' }>,
): void {
  const waits = work.whenDown === 'wait';
  const isForever = type === 'submit' && work.caller === undefined;
  const isWaitedFor = waits && (isForever || positionOfState(turn.state).comesBack);
  if (!isWaitedFor) turn.refuseUnless('execute');
  refuseCircle(turn.state, work.terms?.chain);
}

/** Somebody asks again for a task that has not ended. */
function join({ state, ledger }: AgentTurn, known: TaskEntry, work: AskedWork): void {
  const { chain } = work.terms ?? {};
  // One that runs waits for what it has asked for; one that waits for its turn, for those that run.
  if (chain?.includes(known.id)) throw waitCircle(chain, known.id);
  if (known.where === 'queued') refuseCircle(state, chain);
  if (known.idempotencyKey !== undefined) ledger.callers.join(known, callerOf(work));
}

/** A call whose answer could come only once a task has ended that waits for it: all that hold a place do. */
function refuseCircle(state: AgentState, chain: readonly string[] | undefined): void {
  if (chain === undefined) return;
  const working = state.tasks.filter(isWorking);
  if (working.length < state.spec.tasks.concurrency) return;
  const isHeld = working.every(({ id, isAnswered }) => !isAnswered && chain.includes(id));
  if (isHeld) throw waitCircle(chain, chain.find((waiting) => agentOfTask(waiting) === state.id)!);
}

async function place(ctx: ObjectContext, occupant: Occupant): Promise<Placement> {
  const place = await call<Place>(ctx, toNodes('place'), occupant);
  if ('placement' in place) return place.placement;
  const { agentId } = occupant;
  const message = `agent ${agentId} cannot start: ${place.problem}`;
  throw new AgentSystemError('RESOURCES_EXHAUSTED', message, {
    agentId,
    details: { problem: place.problem },
  });
}

/** A command of a handle is for its own incarnation only. */
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
