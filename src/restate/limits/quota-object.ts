/**
 * A limit that several agents of the fleet share: the shipped chart of a quota, one virtual object for each name.
 *
 * The rules of runtime/limits/quotas.ts, over data. Agents themselves report their membership.
 *
 * I1  Members park together; one that joins meanwhile is told so before it begins anything.
 * I2  After a reset agents with work go on first, and among them those that have waited longest.
 * I3  At most one wake is waited for; one that comes late does nothing.
 * I4  A snapshot of another version's chart is taken up where its members wait (taken-up-quota.ts).
 */
import { object, type ObjectContext, type ObjectSharedContext } from '@restatedev/restate-sdk';
import { exclusive, shared } from '../engine/handlers.ts';
import { type Parked, type QuotaEffect, quotaMachine } from '../../machines/index.ts';
import type { QuotaRecord } from '../../runtime/limits/quotas.ts';
import type { QuotaMessage, QuotaStanding } from '../agent/agent-acts.ts';
import { unknownQuota } from '../../runtime/limits/quotas.ts';
import { saidBy } from '../../runtime/values/act.ts';
import { type Answer, refusalOf } from '../engine/call-answer.ts';
import { send, tellEvents, toAgent, toQuota } from '../engine/calls.ts';
import { ChartAtWork, earliestOf, isOfThisChart, type KeptChart, takeAllDue } from '../engine/kept-chart.ts';
import { QUOTA, REGISTRY } from '../engine/names.ts';
import { fleetOptions } from '../engine/service-options.ts';
import { wire, wireOf } from '../engine/wire.ts';
import { takenUpQuota } from './taken-up-quota.ts';

interface QuotaState extends KeptChart<typeof quotaMachine> {
  armed: number;
  wakeAt: number | undefined;
  /** Task counts of members, as last reported, in the order in which the members joined. */
  members: Record<string, number>;
  /** Waiting members, longest wait first, and what each waits for. */
  waiting: readonly (readonly [agentId: string, parked: Parked])[];
  /** The entry that the list of quotas has of it: every version of the code understands it. */
  listed?: string;
}

/** The object that lists quotas. */
export const QUOTAS = { service: REGISTRY, key: 'quotas' } as const;

const STATE = 'quota';

/** One step of a quota's object. */
class QuotaTurn {
  readonly state: QuotaState;
  readonly now: number;
  readonly #ctx: ObjectContext;
  readonly #chart: ChartAtWork<typeof quotaMachine>;

  constructor(ctx: ObjectContext, state: QuotaState | null, now: number) {
    this.#ctx = ctx;
    this.now = now;
    const isNew = state === null;
    this.state = state ?? {
      life: undefined as never,
      deadlines: [],
      armed: 0,
      wakeAt: undefined,
      members: {},
      waiting: [],
    };
    this.#chart = new ChartAtWork(quotaMachine, this.state, {
      now,
      nextOrder: () => (this.state.armed += 1),
      perform: (effect) => this.#perform(effect as QuotaEffect),
    });
    if (isNew) this.#chart.begin({ quota: ctx.key });
    else if (!isOfThisChart(this.state, quotaMachine)) this.#takeUp();
  }

  #takeUp(): void {
    const { parked } = JSON.parse(this.state.listed ?? '{}') as Partial<QuotaRecord>;
    Object.assign(
      this.state,
      takenUpQuota(this.#ctx.key, parked, () => (this.state.armed += 1)),
    );
  }

  join(agentId: string, load: number): Parked | undefined {
    this.state.members[agentId] = load;
    const { parked } = this.state.life.context;
    if (this.state.life.value === 'open' || parked === undefined) return undefined;
    this.state.waiting = [...this.#others(agentId), [agentId, parked]];
    return parked;
  }

  told(agentId: string, load: number, message: QuotaMessage): void {
    if (message.type === 'part') {
      delete this.state.members[agentId];
      this.state.waiting = this.#others(agentId);
      return this.#tellIfEmpty();
    }
    this.state.members[agentId] = load;
    const { value, context } = this.state.life;
    if (message.type === 'passed') {
      if (value !== 'open' || context.guesses > 0) this.#chart.send({ type: 'quota.passed' });
      return;
    }
    const { at: reachedAt = Infinity, why, until, named } = message;
    const parkedAt = value === 'parked' ? context.parked!.at : -Infinity;
    // One that was reset while its message was on its way is known to be over, and no guess. What was reached after its
    // reset is not over with it.
    const isKnown = until !== undefined && reachedAt < until && parkedAt < until;
    const at = isKnown ? Math.min(this.now, until - 1) : this.now;
    const limit = { type: 'quota.limited' as const, at, why, chance: this.#ctx.rand.random() };
    this.#chart.send(until === undefined ? limit : { ...limit, until, ...(named ? { named } : {}) });
  }

  /** Lifts the limit. @returns whether its members were parked */
  lift(): boolean {
    if (this.state.life.value !== 'parked') return false;
    this.#chart.send({ type: 'quota.lifted' });
    return true;
  }

  wake(): void {
    takeAllDue(
      () => this.state.deadlines,
      this.now,
      (due) => this.#chart.take(due),
    );
  }

  keep(): void {
    const { state } = this;
    const record = recordOf(this.#ctx.key, state);
    const shown = JSON.stringify(record);
    if (shown !== state.listed) {
      state.listed = shown;
      send(this.#ctx, { ...QUOTAS, method: 'put' }, { id: this.#ctx.key, look: record });
    }
    const dueAt = earliestOf(state.deadlines)?.dueAt;
    if (dueAt !== undefined && (state.wakeAt === undefined || state.wakeAt > dueAt)) {
      state.wakeAt = dueAt;
      send(this.#ctx, toQuota(this.#ctx.key, 'wake'), { at: dueAt }, Math.max(0, dueAt - this.now));
    }
    this.#ctx.set(STATE, state, wireOf<QuotaState>());
  }

  #perform(effect: QuotaEffect): void {
    if (effect.type === 'releaseMembers') return this.#release(effect.params.count);
    const { parked } = effect.params;
    const known = new Map(this.state.waiting);
    for (const agentId of Object.keys(this.state.members)) {
      if (known.get(agentId)?.until === parked.until) continue;
      this.state.waiting = [...this.#others(agentId), [agentId, parked]];
      this.#tell(agentId, parked);
    }
  }

  #release(count: number): void {
    const hasWork = (agentId: string): number => Number((this.state.members[agentId] ?? 0) > 0);
    const byWork = this.state.waiting.toSorted(([one], [other]) => hasWork(other) - hasWork(one));
    const released = byWork.slice(0, count).map(([agentId]) => agentId);
    this.state.waiting = this.state.waiting.filter(([agentId]) => !released.includes(agentId));
    for (const agentId of released) this.#tell(agentId, null);
    this.#tellIfEmpty();
  }

  #tellIfEmpty(): void {
    const isReleasing = this.state.life.value === 'releasing';
    if (isReleasing && this.state.waiting.length === 0) this.#chart.send({ type: 'quota.emptied' });
  }

  #others(agentId: string): QuotaState['waiting'] {
    return this.state.waiting.filter(([other]) => other !== agentId);
  }

  #tell(agentId: string, parked: Parked | null): void {
    const standing: QuotaStanding = { quota: this.#ctx.key, parked, at: this.now };
    send(this.#ctx, toAgent(agentId, 'quota'), standing);
  }
}

function recordOf(name: string, { life, waiting }: QuotaState): QuotaRecord {
  const status = life.value;
  const { parked } = life.context;
  return {
    name,
    isShared: true,
    status,
    ...(status === 'open' || parked === undefined ? {} : { parked }),
    waiting: waiting.map(([agentId]) => agentId),
  };
}

function stateOf(ctx: Pick<ObjectContext, 'get'>): Promise<QuotaState | null> {
  return ctx.get(STATE, wireOf<QuotaState>());
}

async function turnOf(ctx: ObjectContext, at?: number): Promise<QuotaTurn> {
  return new QuotaTurn(ctx, await stateOf(ctx), at ?? (await ctx.date.now()));
}

const codec = { input: wire, output: wire } as const;

export const quotaObject = object({
  name: QUOTA,
  handlers: {
    /** An agent that works under the quota runs. @returns what it waits for, if anything */
    join: exclusive(codec, async (ctx: ObjectContext, given: unknown): Promise<Parked | null> => {
      const { agentId, load } = given as { agentId: string; load: number };
      const turn = await turnOf(ctx);
      const parked = turn.join(agentId, load);
      turn.keep();
      return parked ?? null;
    }),

    told: exclusive(codec, async (ctx: ObjectContext, given: unknown) => {
      const { agentId, load, message } = given as { agentId: string; load: number; message: QuotaMessage };
      const turn = await turnOf(ctx);
      turn.told(agentId, load, message);
      turn.keep();
    }),

    /** How it stands once it is lifted. */
    lift: exclusive(codec, async (ctx: ObjectContext, given: unknown): Promise<Answer<QuotaRecord>> => {
      const { by, at } = given as { by?: string; at: number };
      const state = await stateOf(ctx);
      if (state === null) return { refusal: refusalOf(unknownQuota(ctx.key)) };
      const turn = new QuotaTurn(ctx, state, at);
      if (turn.lift()) {
        tellEvents(ctx, { events: [{ type: 'quota.lifted', quota: ctx.key, ...saidBy(by), at }] });
        turn.keep();
      }
      return { value: recordOf(ctx.key, turn.state) };
    }),

    /** Identity of the chart that its snapshot is of. */
    chart: shared(codec, async (ctx: ObjectSharedContext) => (await stateOf(ctx))?.chart ?? null),

    wake: exclusive(codec, async (ctx: ObjectContext, given: unknown) => {
      const { at } = given as { at: number };
      const turn = await turnOf(ctx, at);
      if (turn.state.wakeAt !== at) return;
      turn.state.wakeAt = undefined;
      turn.wake();
      turn.keep();
    }),
  },
  options: fleetOptions,
});
