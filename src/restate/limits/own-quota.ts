/**
 * A limit that one agent ran into and does not share: the shipped chart of a quota, kept with the agent.
 *
 * The rules of runtime/limits/quotas.ts for a quota of one member. A snapshot of another version's chart is taken up where
 * its limit is known.
 */
import { type Parked, type QuotaEffect, quotaMachine } from '../../machines/index.ts';
import type { Limit, QuotaRecord } from '../../runtime/limits/quotas.ts';
import type { AgentState, OwnQuota } from '../agent/agent-state.ts';
import { type ArmedDeadline, ChartAtWork, isOfThisChart } from '../engine/kept-chart.ts';
import { takenUpQuota } from './taken-up-quota.ts';

export interface QuotaOwner {
  readonly state: AgentState;
  readonly now: number;
  /** In [0, 1). */
  readonly chance: number;
  nextOrder(): number;
  /** Tells tasks that ran into the limit what they wait for; called before `quotaParked`. */
  limitKnown(parked: Parked): void;
  quotaParked(parked: Parked): void;
  quotaReleased(): void;
}

export class QuotaOfOne {
  readonly #owner: QuotaOwner;
  #atWork: ChartAtWork<typeof quotaMachine> | undefined;

  constructor(owner: QuotaOwner) {
    this.#owner = owner;
  }

  get #kept(): OwnQuota | undefined {
    const kept = this.#owner.state.quota;
    if (kept !== undefined && !isOfThisChart(kept, quotaMachine)) {
      Object.assign(
        kept,
        takenUpQuota(undefined, kept.limit, () => this.#owner.nextOrder()),
      );
    }
    return kept;
  }

  get deadlines(): readonly ArmedDeadline[] {
    return this.#kept?.deadlines ?? [];
  }

  take(deadline: ArmedDeadline): void {
    this.#step((chart) => chart.take(deadline));
  }

  /** The agent runs again: parks it, or releases it. @param known what it waited for in its last life */
  join(known: Parked | undefined): void {
    const kept = this.#kept;
    const parked = kept?.life.context.parked;
    if (kept === undefined || kept.life.value === 'open' || parked === undefined) {
      if (known) this.#owner.quotaReleased();
      return;
    }
    kept.waitsFor = parked;
    if (known?.until !== parked.until) this.#owner.quotaParked(parked);
  }

  /** The agent's body has ended: it no longer waits. */
  part(): void {
    const kept = this.#kept;
    if (kept?.waitsFor === undefined) return;
    kept.waitsFor = undefined;
    this.#tellIfEmpty(kept);
  }

  limited({ until, named, why }: Limit): void {
    const { now: at, chance } = this.#owner;
    const limit = { type: 'quota.limited' as const, at, why, chance };
    this.#step((chart) =>
      chart.send(until === undefined ? limit : { ...limit, until, ...(named ? { named } : {}) }),
    );
  }

  /** Lifts the limit. @returns whether the agent was parked */
  lift(): boolean {
    if (this.#kept?.life.value !== 'parked') return false;
    this.#step((chart) => chart.send({ type: 'quota.lifted' }));
    return true;
  }

  /** A task is done. */
  passed(): void {
    const kept = this.#kept;
    if (kept === undefined || (kept.life.value === 'open' && kept.life.context.guesses === 0)) return;
    this.#step((chart) => chart.send({ type: 'quota.passed' }));
  }

  #step(take: (chart: ChartAtWork<typeof quotaMachine>) => void): void {
    take(this.#chart);
    const kept = this.#owner.state.quota!;
    kept.limit = limitOf(kept);
  }

  get #chart(): ChartAtWork<typeof quotaMachine> {
    if (this.#atWork !== undefined) return this.#atWork;
    const { state, now } = this.#owner;
    const isNew = this.#kept === undefined;
    const kept = (state.quota ??= { life: undefined as never, deadlines: [], waitsFor: undefined });
    this.#atWork = new ChartAtWork(quotaMachine, kept, {
      now,
      nextOrder: () => this.#owner.nextOrder(),
      perform: (effect) => this.#perform(kept, effect as QuotaEffect),
    });
    if (isNew) this.#atWork.begin({ quota: undefined });
    return this.#atWork;
  }

  #perform(kept: OwnQuota, effect: QuotaEffect): void {
    if (effect.type === 'releaseMembers') {
      if (kept.waitsFor !== undefined) {
        kept.waitsFor = undefined;
        this.#owner.quotaReleased();
      }
      return this.#tellIfEmpty(kept);
    }
    const { parked } = effect.params;
    this.#owner.limitKnown(parked);
    if (kept.waitsFor?.at === parked.at && kept.waitsFor.until === parked.until) return;
    kept.waitsFor = parked;
    this.#owner.quotaParked(parked);
  }

  #tellIfEmpty({ life }: OwnQuota): void {
    if (life.value === 'releasing') this.#step((chart) => chart.send({ type: 'quota.emptied' }));
  }
}

/** An agent's own quota; `undefined` if it never ran into a limit. */
export function quotaRecordOf({ id, quota }: AgentState): QuotaRecord | undefined {
  if (quota === undefined) return undefined;
  const status = quota.life.value;
  const parked = limitOf(quota);
  return {
    name: id,
    isShared: false,
    status,
    ...(parked === undefined ? {} : { parked }),
    waiting: quota.waitsFor === undefined ? [] : [id],
  };
}

/** The limit, while it is reached. */
function limitOf({ life }: OwnQuota): Parked | undefined {
  return life.value === 'open' ? undefined : life.context.parked;
}
