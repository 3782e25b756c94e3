/**
 * Performs the acts of a turn as calls of the engine, and keeps the state that it left.
 *
 * Decides nothing: what is to be done comes as data (agent-acts.ts).
 *
 * I1  State is kept before it is answered: the answer is the last act of a turn.
 * I2  A turn never waits for a node, which may be dead: messages to bodies go one way, and bodies answer by `report`.
 * I3  At most one wake is outstanding; one that comes late, or was replaced, does nothing.
 * I4  Events of a turn that opened a body, or gave it a task, go out with the next turn: the body will report soon, and
 *     one message takes the place of two. None is held back for longer than its node may take (`TOLD_WITHIN_MS`).
 */
import type { ObjectContext } from '@restatedev/restate-sdk';
import { orphanedStop, type Parked } from '../../machines/index.ts';
import type { SavedState } from '../../runtime/definition/saved-state.ts';
import type { Act, BodyMessage } from './agent-acts.ts';
import type { AgentState } from './agent-state.ts';
import type { AgentTurn } from './agent-turn.ts';
import type { Answer } from '../engine/call-answer.ts';
import { call, send, tellEvents, toAgent, toBudgets, toNodes, toPool, toQuota } from '../engine/calls.ts';
import type { EventBody } from '../../runtime/journal/system-event.ts';
import type { Granted } from '../limits/budget-messages.ts';
import { lookOf, newsOf } from './agent-view.ts';
import {
  bucketOf,
  type Command,
  type DeliveredMessage,
  type EventBatch,
  hostOf,
  type MessageBatch,
  REGISTRY,
  SHARDS,
} from '../engine/names.ts';
import type { Standing } from '../nodes/nodes-object.ts';
import type { Placement } from '../nodes/placement.ts';
import { agentOfTask } from '../tasks/task-entries.ts';
import { wire, wireOf } from '../engine/wire.ts';

/** Sorts before its other keys, so that an engine which sends only a part of a large state along sends this one. */
const STATE = 'agent';
export const SAVED = 'saved';
const inputKey = (taskId: string): string => `input ${taskId}`;
const stepsKey = (taskId: string): string => `steps ${taskId}`;

/** The result of a command whose answer comes later, by its token. */
export const PENDING = 'pending';
export type Reply = Answer | typeof PENDING;

/** A caller that waits for no later answer. */
export const DIRECT = 'direct';

export function stateOf(ctx: Pick<ObjectContext, 'get'>): Promise<AgentState | null> {
  return ctx.get(STATE, wireOf<AgentState>());
}

type StepEntry = readonly [key: string, value: unknown];

function stepsOf(ctx: ObjectContext, taskId: string): Promise<readonly StepEntry[] | null> {
  return ctx.get(stepsKey(taskId), wireOf<readonly StepEntry[]>());
}

/** Performs the acts of a turn, and of the turns that follow from them. Gives the answer to `asker`, if it is there. */
export async function conclude(ctx: ObjectContext, turn: AgentTurn, asker?: string): Promise<Reply> {
  const { state } = turn;
  const answers: Extract<Act, { do: 'answer' }>[] = [];
  const mail = new Mail(ctx, state);
  let isGranted = false;
  /** Its start is over, and its permit is free: sent together with other news for the nodes, or at the end. */
  let freesPermit = false;
  for (let act = turn.acts.shift(); act !== undefined; act = turn.acts.shift()) {
    switch (act.do) {
      case 'answer':
        answers.push(act);
        break;
      case 'tell':
        await mail.add(act.message);
        break;
      case 'run': {
        const { taskId, task, attempt, given, hasSteps, terms } = act;
        const input = given === undefined ? await ctx.get(inputKey(taskId), wire) : given.input;
        const steps = hasSteps ? ((await stepsOf(ctx, taskId)) ?? undefined) : undefined;
        await mail.add({ type: 'task.run', taskId, task, attempt, input, steps, terms });
        break;
      }
      case 'tellTask':
        tellTask(ctx, act);
        break;
      case 'keepInput':
        ctx.set(inputKey(act.taskId), act.input ?? null, wire);
        break;
      case 'dropInput':
        ctx.clear(inputKey(act.taskId));
        break;
      case 'keepSteps': {
        const { taskId, key, value } = act;
        ctx.set(stepsKey(taskId), [...((await stepsOf(ctx, taskId)) ?? []), [key, value]], wire);
        break;
      }
      case 'dropSteps':
        ctx.clear(stepsKey(act.taskId));
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
      case 'declineOffer':
        giveBack(ctx, act.incarnation);
        break;
      case 'releasePermit':
        freesPermit = true;
        break;
      case 'vacate': {
        send(ctx, toNodes('vacate'), { agentId: state.id, incarnation: act.incarnation });
        // It goes with the place.
        freesPermit = false;
        break;
      }
      case 'serving':
      case 'notServing':
        if (state.manifest.variables.length === 0 && !state.spec.coordination.leadershipEligible) break;
        // The agent takes part in coordination before a caller hears that it runs.
        await call(ctx, toNodes('stands'), standingOf(state, act.do === 'serving', freesPermit));
        freesPermit = false;
        break;
      case 'startElsewhere':
        send(ctx, toAgent(ctx.key, 'command'), { type: 'moveOn' } satisfies Command);
        break;
      case 'joinQuota': {
        const { quota, load } = act;
        const joining = { agentId: state.id, load };
        const parked = await call<Parked | null>(ctx, toQuota(quota, 'join'), joining);
        turn.quotaStands(quota, parked ?? undefined);
        break;
      }
      case 'tellQuota': {
        const { quota, load, message } = act;
        send(ctx, toQuota(quota, 'told'), { agentId: state.id, load, message });
        break;
      }
      case 'reserve': {
        const { spender, asked } = act;
        const asking = { spender, asked, at: turn.now };
        turn.reserved(act, await call<Answer<Granted>>(ctx, toBudgets('reserve'), asking));
        break;
      }
      case 'settle':
        for (const event of await call<readonly EventBody[]>(ctx, toBudgets('settle'), act.settling))
          turn.emit(event);
        break;
      case 'closeAccounts':
        send(ctx, toBudgets('close'), { accounts: act.accounts, forgotten: act.forgotten, at: turn.now });
        break;
      case 'endChildren':
        for (const { id, rule } of state.children) {
          const order = orphanedStop(rule);
          if (order !== undefined)
            send(ctx, toAgent(id, 'command'), { type: 'stop', ...order } satisfies Command);
        }
        break;
    }
  }
  if (freesPermit) send(ctx, toNodes('stands'), standingOf(state, false, true));
  tellPool(ctx, state, turn.now);
  const told = toldNow(turn, mail.send() && answers.length === 0);
  const asksPeople = turn.events.some(({ type }) => type.startsWith('question.'));
  state.isUnlisted ||= turn.events.some(({ type }) => isShown(type));
  const isListed = asksPeople || (state.isUnlisted && told !== undefined);
  if (isListed) state.isUnlisted = false;
  if (turn.isForgotten) ctx.clearAll();
  else {
    arm(ctx, turn);
    ctx.set(STATE, state, wireOf<AgentState>());
  }
  // A question is kept and listed before its event is published, so a subscriber finds it.
  if (asksPeople) await list(ctx, turn, true);
  if (told !== undefined) tellEvents(ctx, { events: told });
  if (isListed && !asksPeople) await list(ctx, turn, answers.length > 0);
  let reply: Reply = PENDING;
  for (const { token, answer } of answers) {
    if (token === asker) reply = answer;
    else if (token !== DIRECT) ctx.resolveAwakeable(token, answer, wire);
  }
  return reply;
}

/** Tells the agent of another task what concerns that. */
export function tellTask(ctx: ObjectContext, told: Omit<Extract<Act, { do: 'tellTask' }>, 'do'>): void {
  const owner = agentOfTask(told.taskId);
  if (owner !== undefined) send(ctx, toAgent(owner, 'command'), told.command satisfies Command);
}

/** A member of a pool reports its status to the pool. */
function tellPool(ctx: ObjectContext, state: AgentState, at: number): void {
  const { pool } = state.spec;
  if (pool === undefined) return;
  const news = newsOf(state);
  const told = JSON.stringify(news);
  if (told === state.toldPool) return;
  state.toldPool = told;
  send(ctx, toPool(pool, 'member'), { news, at });
}

/** Tells its pool that the task it was given is refused: the member is free again. */
export function tellRefused(ctx: ObjectContext, state: AgentState, at: number): void {
  tellPool(ctx, state, at);
  ctx.set(STATE, state, wireOf<AgentState>());
}

/** The events that go out with this turn; `undefined` if they go out with the next. */
function toldNow(
  { state, events, isForgotten }: AgentTurn,
  mayWait: boolean,
): EventBatch['events'] | undefined {
  const all = [...state.untold, ...events];
  const isHeldBack = mayWait && !isForgotten && all.every(({ type }) => isBegin(type));
  state.untold = isHeldBack ? all : [];
  return isHeldBack ? undefined : all;
}

/** Whether it changes what lists show. */
function isShown(type: string): boolean {
  return !type.startsWith('task.') && !type.startsWith('question.') && type !== 'agent.state_saved';
}

/** After these acts a report follows soon; also when a body begins in the place of one that was lost. */
const BEGINS = new Set(['agent.crashed', 'agent.restart_scheduled', 'agent.starting']);
function isBegin(type: string): boolean {
  return type.startsWith('task.') || BEGINS.has(type);
}

/** It gives back a place with its permit, or no longer waits for one. */
export function giveBack(ctx: ObjectContext, incarnation: number): void {
  send(ctx, toNodes('giveBack'), { agentId: ctx.key, incarnation });
}

function standingOf({ id, manifest, spec, life }: AgentState, serves: boolean, hasPermit: boolean): Standing {
  const { variables } = manifest;
  const voter = serves ? { variables, coordination: spec.coordination } : undefined;
  return { agentId: id, incarnation: life.context.incarnation, voter, hasPermit };
}

/** Sends the messages of one turn to the node of its body in one call. */
class Mail {
  readonly #ctx: ObjectContext;
  readonly #state: AgentState;
  #hasWork = false;
  #batch:
    | { node: string; epoch: string; incarnation: number; first: number; messages: DeliveredMessage[] }
    | undefined;

  constructor(ctx: ObjectContext, state: AgentState) {
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
    if (message.type === 'task.run' || message.type === 'open') this.#hasWork = true;
    this.#batch.messages.push(message.type === 'open' ? await this.#opening(message) : message);
  }

  /** Whether its body will report soon: it was opened, or given a task. */
  send(): boolean {
    const batch = this.#batch;
    if (batch === undefined) return this.#hasWork;
    this.#batch = undefined;
    const { node, ...parameter } = batch;
    send(
      this.#ctx,
      { service: hostOf(node), key: this.#ctx.key, method: 'post' },
      parameter satisfies MessageBatch,
    );
    return this.#hasWork;
  }

  async #opening({
    previousStop,
    manifest,
  }: Extract<BodyMessage, { type: 'open' }>): Promise<DeliveredMessage> {
    const restored = (await this.#ctx.get(SAVED, wireOf<SavedState>())) ?? undefined;
    return { type: 'open', spec: this.#state.spec, start: { restored, previousStop }, manifest };
  }
}

function arm(ctx: ObjectContext, turn: AgentTurn): void {
  const { state } = turn;
  const dueAt = turn.nextDueAt();
  if (dueAt === undefined || (state.wakeAt !== undefined && state.wakeAt <= dueAt)) return;
  state.wakeAt = dueAt;
  send(ctx, toAgent(ctx.key, 'wake'), { at: dueAt }, dueAt - turn.now);
}

/** The fleet's list is up to date before a caller is answered; other changes reach it a little later. */
async function list(ctx: ObjectContext, turn: AgentTurn, isAwaited: boolean): Promise<void> {
  const { id } = turn.state;
  const target = { service: REGISTRY, key: String(bucketOf(id, SHARDS)), method: 'put' };
  const entry = { id, look: turn.isForgotten ? null : lookOf(turn.state) };
  if (isAwaited) await call(ctx, target, entry);
  else send(ctx, target, entry);
}
