/**
 * A schedule of a fleet: one virtual object for each name, and one delayed call for its next time.
 *
 * The rules of runtime/fleet/schedules.ts, over data. Its tasks are ordinary submitted tasks.
 *
 * I1  There is one task for one due time: its idempotency key is made of both, and the agent that gets it is chosen once.
 * I2  Of the times that passed while nobody answered for the fleet, the latest is made up for, or none (`missed`).
 * I3  A target that is not there refuses nothing: it is looked for until it is there, or the next time has come.
 * I4  While the last time was refused, or its target is looked for, the alert `schedule_refused` is raised.
 * I5  At most one wake is waited for; one that was replaced does nothing.
 */
import { object, type ObjectContext } from '@restatedev/restate-sdk';
import { exclusive } from '../engine/handlers.ts';
import type { ErrorInfo } from '../../machines/index.ts';
import {
  isSameSchedule,
  latestUpTo,
  LOOK_FOR_TARGET_MS,
  nextAfter,
  NOT_THERE,
  refusedInWords,
  type ScheduleRecord,
  scheduleRecord,
  type ScheduleSet,
} from '../../runtime/fleet/schedule-rules.ts';
import type { EventBody } from '../../runtime/journal/system-event.ts';
import type { Alert } from '../../runtime/observability/alerts.ts';
import { saidBy } from '../../runtime/values/act.ts';
import { AgentSystemError, errorInfoOf, inWords } from '../../runtime/values/errors.ts';
import type { BriefLook } from '../agent/look-filter.ts';
import { type AnyOf, candidatesOf, leastLoadedOf } from '../agent/least-loaded.ts';
import { type Answer, answering, refusalOf, valueOf } from '../engine/call-answer.ts';
import { call, send, tellEvents, toAgent } from '../engine/calls.ts';
import { type Command, type Look, REGISTRY, SCHEDULE, SHARDS } from '../engine/names.ts';
import { fleetOptions } from '../engine/service-options.ts';
import { wire, wireOf } from '../engine/wire.ts';
import type { TaskRecord } from '../../runtime/fleet/task-record.ts';

/** Where schedules are listed. */
export const SCHEDULES = { service: REGISTRY, key: 'schedules' } as const;

/** What is listed of a schedule. */
export interface ScheduleLook {
  readonly record: ScheduleRecord;
  readonly alerts: readonly Alert[];
}

/** A schedule as it is asked for, and was read. */
export type AskedSchedule = Omit<ScheduleSet, 'type' | 'sequence' | 'at' | 'lastDueAt' | 'by'>;

interface ScheduleState {
  readonly set: Omit<ScheduleSet, 'type' | 'sequence'>;
  /** Times up to here are done, epoch ms. */
  upTo: number;
  nextAt?: number | undefined;
  lastDueAt?: number | undefined;
  lastTaskId?: string | undefined;
  lastError?: ErrorInfo | undefined;
  alert?: Alert | undefined;
  /** Number of the wake that it waits for. */
  wake: number;
}

const STATE = 'schedule';
/** A wake that comes later than this says that nobody answered for the fleet at that time, ms. */
const LATE_MS = 10_000;

class ScheduleTurn {
  readonly state: ScheduleState;
  readonly #ctx: ObjectContext;
  readonly #now: number;
  readonly #events: (EventBody & { readonly at: number })[] = [];

  constructor(ctx: ObjectContext, state: ScheduleState, now: number) {
    this.#ctx = ctx;
    this.state = state;
    this.#now = now;
  }

  emit(event: EventBody): void {
    this.#events.push({ ...event, at: this.#now });
  }

  arm(): void {
    this.state.nextAt = nextAfter(this.state.set as ScheduleSet, this.state.upTo);
    if (this.state.nextAt === undefined) this.state.wake += 1;
    else this.#wakeIn(this.state.nextAt - this.#now);
  }

  async wake(): Promise<void> {
    const { set, nextAt } = this.state;
    if (nextAt === undefined) return;
    if (this.#now < nextAt) return this.#wakeIn(nextAt - this.#now);
    const dueAt = latestUpTo(set as ScheduleSet, nextAt, this.#now);
    const isMissed = this.state.lastError === undefined && this.#now - dueAt > LATE_MS;
    if (set.missed === 'skip' && isMissed) {
      this.state.upTo = this.#now;
      return this.arm();
    }
    await this.#fire(dueAt);
  }

  async keep(): Promise<void> {
    const { state } = this;
    this.#ctx.set(STATE, state, wireOf<ScheduleState>());
    await listed(this.#ctx, {
      record: scheduleRecord(state),
      alerts: state.alert === undefined ? [] : [state.alert],
    });
    tellEvents(this.#ctx, { events: this.#events });
  }

  async #fire(dueAt: number): Promise<void> {
    const { name } = this.state.set;
    const told = await this.#submit(dueAt);
    if ('submitted' in told) this.clearAlert();
    else {
      this.#raise(refusedInWords(name, told.error));
      if (NOT_THERE.has(told.error.code)) {
        this.state.lastError = told.error;
        return this.#wakeIn(LOOK_FOR_TARGET_MS);
      }
    }
    this.emit({ type: 'schedule.fired', name, dueAt, ...told });
    this.state.upTo = dueAt;
    this.state.lastDueAt = dueAt;
    this.state.lastTaskId = 'submitted' in told ? told.submitted : undefined;
    this.state.lastError = 'error' in told ? told.error : undefined;
    this.arm();
  }

  async #submit(dueAt: number): Promise<{ readonly submitted: string } | { readonly error: ErrorInfo }> {
    const { name, target, task } = this.state.set;
    const {
      retry: policy,
      whenDown = 'wait',
      ...asked
    } = task as typeof task & {
      readonly retry?: never;
      readonly whenDown?: 'wait';
    };
    try {
      const id = typeof target === 'string' ? target : await leastLoaded(this.#ctx, target);
      const idempotencyKey = `schedule ${name} ${dueAt}`;
      const work = { ...asked, whenDown, policy, submitted: true, idempotencyKey };
      const command: Command = { type: 'submit', work, at: this.#now };
      const answer = await call<Answer<TaskRecord>>(this.#ctx, toAgent(id, 'command'), command);
      return { submitted: valueOf(answer).id };
    } catch (thrown) {
      // Anything else is the engine's, which has this done again.
      if (!(thrown instanceof AgentSystemError)) throw thrown;
      return { error: errorInfoOf(thrown) };
    }
  }

  #raise(message: string): void {
    if (this.state.alert !== undefined) return;
    const alert = { alert: 'schedule_refused', schedule: this.state.set.name, message } as const;
    this.state.alert = { ...alert, raisedAt: this.#now };
    this.emit({ type: 'alert.raised', ...alert });
  }

  clearAlert(): void {
    if (this.state.alert === undefined) return;
    this.state.alert = undefined;
    this.emit({ type: 'alert.cleared', alert: 'schedule_refused', schedule: this.state.set.name });
  }

  #wakeIn(delayMs: number): void {
    this.state.wake += 1;
    const { wake } = this.state;
    send(this.#ctx, { service: SCHEDULE, key: this.#ctx.key, method: 'wake' }, { wake }, delayMs);
  }
}

/** @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_NOT_RUNNING` */
async function leastLoaded(ctx: ObjectContext, of: AnyOf): Promise<string> {
  const known: BriefLook[] = [];
  for (let shard = 0; shard < SHARDS; shard++) {
    const target = { service: REGISTRY, key: String(shard), method: 'brief' };
    known.push(...(await call<readonly BriefLook[]>(ctx, target, of)));
  }
  const found: Look['record'][] = [];
  const candidates = candidatesOf(known, of, () => ctx.rand.random());
  for (const id of candidates) {
    const look = await call<Look | null>(ctx, toAgent(id, 'look'), null);
    if (look !== null) found.push(look.record);
  }
  return leastLoadedOf(found) ?? candidates[0]!;
}

function listed(ctx: ObjectContext, look: ScheduleLook | null): Promise<void> {
  return call(ctx, { ...SCHEDULES, method: 'put' }, { id: ctx.key, look });
}

const codec = { input: wire, output: wire } as const;

export const scheduleObject = object({
  name: SCHEDULE,
  handlers: {
    /** Setting the same again changes nothing; another one of that name replaces it. */
    set: exclusive(codec, async (ctx: ObjectContext, given: unknown): Promise<ScheduleRecord> => {
      const { asked, at, by } = given as { asked: AskedSchedule; at: number; by?: string };
      const before = await ctx.get(STATE, wireOf<ScheduleState>());
      if (before !== null && isSameSchedule(before.set as ScheduleSet, asked)) return scheduleRecord(before);
      const lastDueAt = before?.lastDueAt;
      const said = {
        ...asked,
        ...(lastDueAt === undefined ? {} : { lastDueAt }),
        ...saidBy(by),
      };
      const wake = before?.wake ?? 0;
      const state: ScheduleState = { set: { ...said, at }, upTo: at, lastDueAt, alert: before?.alert, wake };
      const turn = new ScheduleTurn(ctx, state, at);
      turn.emit({ type: 'schedule.set', ...said });
      turn.clearAlert();
      turn.arm();
      await turn.keep();
      return scheduleRecord(turn.state);
    }),

    remove: exclusive(codec, async (ctx: ObjectContext, given: unknown): Promise<Answer> => {
      const { at, by } = given as { at: number; by?: string };
      const state = await ctx.get(STATE, wireOf<ScheduleState>());
      if (state === null) {
        const message = `there is no schedule ${inWords(ctx.key)}`;
        return { refusal: refusalOf(new AgentSystemError('TASK_UNKNOWN', message)) };
      }
      const turn = new ScheduleTurn(ctx, state, at);
      turn.clearAlert();
      turn.emit({ type: 'schedule.removed', name: ctx.key, ...saidBy(by) });
      await turn.keep();
      await listed(ctx, null);
      ctx.clear(STATE);
      return answering(() => undefined);
    }),

    wake: exclusive(codec, async (ctx: ObjectContext, given: unknown) => {
      const { wake } = given as { wake: number };
      const state = await ctx.get(STATE, wireOf<ScheduleState>());
      if (state?.wake !== wake) return;
      const turn = new ScheduleTurn(ctx, state, await ctx.date.now());
      await turn.wake();
      await turn.keep();
    }),
  },
  options: fleetOptions,
});
