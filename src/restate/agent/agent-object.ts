/**
 * One agent, one virtual object: the engine gives it a single writer and timers, the shipped chart its life.
 *
 * Decides nothing: a handler takes a turn (agent-turn.ts), whose acts are performed as calls (agent-performer.ts).
 */
import { object, type ObjectContext, type ObjectSharedContext } from '@restatedev/restate-sdk';
import { exclusive, shared } from '../engine/handlers.ts';
import type { SavedState } from '../../runtime/definition/saved-state.ts';
import type { QuotaStanding } from './agent-acts.ts';
import { command, momentOf, notFound, UNREAD_AGAIN_MS } from './agent-commands.ts';
import { conclude, giveBack, PENDING, type Reply, SAVED, stateOf } from './agent-performer.ts';
import { AgentTurn } from './agent-turn.ts';
import { type Answer, answering } from '../engine/call-answer.ts';
import { send, toAgent } from '../engine/calls.ts';
import { lookOf, lookUnderThisChart } from './agent-view.ts';
import { agentChartHash } from './chart-version.ts';
import {
  AGENT,
  type Command,
  type LostNode,
  type ReportAnswer,
  type ReportBatch,
  type Look,
  type LookQuestion,
} from '../engine/names.ts';
import type { Placement } from '../nodes/placement.ts';
import { fleetOptions } from '../engine/service-options.ts';
import { findQuestion } from '../tasks/task-questions.ts';
import { findTask, taskOfKey, legalFor } from '../tasks/known-tasks.ts';
import { wishedOf } from '../tasks/task-entries.ts';
import { taskRecord } from '../tasks/task-record-of.ts';
import { wire, wireOf } from '../engine/wire.ts';

/** For a turn without an answer; `undefined` for an agent that was forgotten. */
async function turnOf(ctx: ObjectContext, at?: number): Promise<AgentTurn | undefined> {
  const state = await stateOf(ctx);
  return state === null ? undefined : new AgentTurn(state, await momentOf(ctx, at));
}

/** Of a snapshot that this code cannot read. */
const UNREAD: ReportAnswer = { isAlive: true, isWatched: false, answers: [], isUnread: true };

/** Of an agent that is not there. */
const NOTHING = { tasks: [], ended: [] };

const codec = { input: wire, output: wire } as const;

export const agentObject = object({
  name: AGENT,
  handlers: {
    /** A command that is answered at once, or later by its token. */
    command: exclusive(codec, async (ctx: ObjectContext, given: unknown) => {
      const asked = given as Command;
      const reply = await command(ctx, asked);
      if (!asked.isAwaited || asked.token === undefined) return reply;
      if (reply !== PENDING) ctx.resolveAwakeable(asked.token, reply, wire);
      return null;
    }),

    /** A command that resolves with its answer, however late that is. */
    ask: shared({ ...codec, enableLazyState: true }, async (ctx: ObjectSharedContext, asked: unknown) => {
      const { id: token, promise } = ctx.awakeable(wireOf<Reply>());
      send(ctx, toAgent(ctx.key, 'command'), { ...(asked as Command), token, isAwaited: true });
      return promise;
    }),

    /** Reports of a body. Says whether it is the living one, and answers the requests of its tasks. */
    report: exclusive(codec, async (ctx: ObjectContext, told: unknown) => {
      const { incarnation, first, reports, usage, at } = told as ReportBatch;
      const turn = await turnOf(ctx, at);
      if (turn === undefined) return { isAlive: false, isWatched: false, answers: [] } satisfies ReportAnswer;
      if (!turn.isReadable) return UNREAD;
      turn.adoptChart();
      const isAlive = turn.reported(incarnation, first, reports, usage);
      await conclude(ctx, turn);
      const isWatched = turn.state.health.status !== 'not_running';
      return { isAlive, isWatched, answers: turn.requestAnswers } satisfies ReportAnswer;
    }),

    wake: exclusive(codec, async (ctx: ObjectContext, given: unknown) => {
      const { at } = given as { at: number };
      const turn = await turnOf(ctx, at);
      if (turn?.state.wakeAt !== at) return;
      if (!turn.isReadable) return send(ctx, toAgent(ctx.key, 'wake'), given, UNREAD_AGAIN_MS);
      turn.adoptChart();
      turn.state.wakeAt = undefined;
      turn.wake();
      await conclude(ctx, turn);
    }),

    /** Its node is gone. */
    lost: exclusive(codec, async (ctx: ObjectContext, given: unknown) => {
      const { node, incarnation, at, offer } = given as LostNode;
      const turn = await turnOf(ctx, at);
      if (turn === undefined) return giveBack(ctx, incarnation + 1);
      if (!turn.isReadable) return send(ctx, toAgent(ctx.key, 'lost'), given, UNREAD_AGAIN_MS);
      // One that was there goes on from its last event anyway.
      if (!turn.isSeatedAt(node, incarnation)) turn.adoptChart();
      turn.hostLost(node, incarnation, offer);
      await conclude(ctx, turn);
    }),

    /** It may restart. If it no longer wants to, it gives the place back, unless it has asked for another since. */
    permit: exclusive(codec, async (ctx: ObjectContext, given: unknown) => {
      const { placement, incarnation } = given as { placement: Placement; incarnation: number };
      const turn = await turnOf(ctx);
      if (turn === undefined) return giveBack(ctx, incarnation);
      if (!turn.isReadable) return send(ctx, toAgent(ctx.key, 'permit'), given, UNREAD_AGAIN_MS);
      // Under another chart it waits anew, for no time: it asks again.
      turn.adoptChart();
      if (turn.isWaitingFor(incarnation)) turn.permitGranted(placement);
      else turn.places.declineStale(incarnation);
      await conclude(ctx, turn);
    }),

    /** The state of a quota that it shares, or has shared. */
    quota: exclusive(codec, async (ctx: ObjectContext, given: unknown) => {
      const { quota, parked, at } = given as QuotaStanding;
      const turn = await turnOf(ctx, at);
      if (turn === undefined) return;
      if (!turn.isReadable) return send(ctx, toAgent(ctx.key, 'quota'), given, UNREAD_AGAIN_MS);
      turn.adoptChart();
      turn.quotaStands(quota, parked ?? undefined);
      await conclude(ctx, turn);
    }),

    /**
     * Its record and placement; `null` for an agent that is not there. A snapshot that this code cannot read is refused to
     * whoever takes a refusal for an answer; anybody else waits for code that can read it.
     */
    look: shared(codec, async (ctx: ObjectSharedContext, given: unknown): Promise<Look | Answer | null> => {
      const state = await stateOf(ctx);
      if (state === null) return null;
      if (state.chart === agentChartHash()) return lookOf(state);
      const shown = lookUnderThisChart(state, await momentOf(ctx, undefined));
      if (!('refusal' in shown)) return shown.value!;
      if ((given as LookQuestion | null)?.takesRefusal) return shown;
      throw new Error(shown.refusal.message);
    }),

    savedState: shared(codec, async (ctx: ObjectSharedContext) => {
      if ((await stateOf(ctx)) === null) return notFound(ctx.key);
      return { value: await ctx.get(SAVED, wireOf<SavedState>()) };
    }),

    task: shared(codec, async (ctx: ObjectSharedContext, given: unknown): Promise<Answer> => {
      const { taskId } = given as { taskId: string };
      const state = await stateOf(ctx);
      return answering(() => taskRecord(ctx.key, findTask(state ?? NOTHING, taskId), state?.spec.pool));
    }),

    legalForTask: shared(codec, async (ctx: ObjectSharedContext, given: unknown): Promise<Answer> => {
      const { taskId } = given as { taskId: string };
      const state = await stateOf(ctx);
      return answering(() => legalFor(findTask(state ?? NOTHING, taskId)));
    }),

    question: shared(codec, async (ctx: ObjectSharedContext, given: unknown): Promise<Answer> => {
      const { id } = given as { id: string };
      const state = await stateOf(ctx);
      return answering(() => findQuestion(state ?? {}, id).record);
    }),

    questions: shared(codec, async (ctx: ObjectSharedContext) => {
      const state = await stateOf(ctx);
      return (state?.questions ?? []).map(({ record }) => record);
    }),

    /** Its task with a key; with a `dedupeKey` only one that has not ended. */
    taskOf: shared(codec, async (ctx: ObjectSharedContext, given: unknown) => {
      const state = await stateOf(ctx);
      const task = state === null ? undefined : taskOfKey(state, given as Parameters<typeof taskOfKey>[1]);
      return task === undefined ? null : taskRecord(ctx.key, task);
    }),

    /** All, or those that are wished for. */
    tasks: shared(codec, async (ctx: ObjectSharedContext, wish: unknown) => {
      const state = await stateOf(ctx);
      if (state === null) return [];
      const open = state.tasks.filter(({ isAnswered }) => !isAnswered);
      const records = [...state.ended, ...open].map((task) => taskRecord(state.id, task, state.spec.pool));
      return wishedOf(records, wish ?? {});
    }),
  },
  options: fleetOptions,
});
