/**
 * The limits of others that an agent works under: one of its own, or one that it shares with other agents.
 *
 * Of its own it decides by the chart (own-quota.ts); one that is shared is an object of the engine, which is told and tells.
 */
import type { Parked } from '../../machines/index.ts';
import { MAX_WHY, type ParkRequest } from '../../runtime/definition/parking.ts';
import type { EventBody } from '../../runtime/journal/system-event.ts';
import { type QuotaRecord, unknownQuota } from '../../runtime/limits/quotas.ts';
import { saidBy } from '../../runtime/values/act.ts';
import { cut } from '../../runtime/values/cut-text.ts';
import type { Act, QuotaMessage } from '../agent/agent-acts.ts';
import type { ArmedDeadline } from '../engine/kept-chart.ts';
import { QuotaOfOne, type QuotaOwner, quotaRecordOf } from './own-quota.ts';

export interface AgentQuotaOwner extends QuotaOwner {
  readonly acts: Act[];
  /** Tasks that wait for their turn, or run. */
  readonly load: number;
  emit(event: EventBody): void;
  nothingHoldsItBack(): void;
}

export class AgentQuota {
  readonly #owner: AgentQuotaOwner;
  readonly #own: QuotaOfOne;

  constructor(owner: AgentQuotaOwner) {
    this.#owner = owner;
    this.#own = new QuotaOfOne(owner);
  }

  get deadlines(): readonly ArmedDeadline[] {
    return this.#own.deadlines;
  }

  take(deadline: ArmedDeadline): void {
    this.#own.take(deadline);
  }

  /** The agent's body runs. @returns whether tasks have to wait: a shared quota has yet to say how it stands */
  join(): boolean {
    const { state } = this.#owner;
    const { parked: known } = state.life.context;
    const quota = state.spec.quota ?? state.manifest.quota;
    state.sharedQuota = quota;
    if (quota === undefined) {
      this.#own.join(known);
      return this.#isHeldBack;
    }
    this.#owner.acts.push({ do: 'joinQuota', quota, load: this.#owner.load, known });
    return true;
  }

  /** Its body has ended: it waits for no limit any more. */
  leave(): void {
    const { state } = this.#owner;
    const quota = state.sharedQuota;
    if (quota === undefined) return this.#own.part();
    state.sharedQuota = undefined;
    state.sharedLimit = undefined;
    this.#owner.acts.push({ do: 'tellQuota', quota, load: 0, message: { type: 'part' } });
  }

  /** A shared quota says whether the agent is parked. One that it has left meanwhile says nothing to it. */
  stands(quota: string, parked: Parked | undefined): void {
    const { state } = this.#owner;
    if (quota !== state.sharedQuota) return;
    const known = state.sharedLimit;
    state.sharedLimit = parked;
    if (parked !== undefined) {
      this.#owner.limitKnown(parked);
      if (known?.at !== parked.at || known.until !== parked.until) this.#owner.quotaParked(parked);
    } else if (state.life.context.parked !== undefined) this.#owner.quotaReleased();
    // It was held back only until the quota had answered.
    else if (state.isHeldBack && !this.#isHeldBack) this.#owner.nothingHoldsItBack();
  }

  limitReached({ until, afterMs, why }: ParkRequest): void {
    const reset =
      afterMs === undefined
        ? { until, named: true as const }
        : { until: this.#owner.now + Math.ceil(afterMs) };
    const limit = { ...reset, why: cut(why, MAX_WHY) };
    if (!this.#tell({ type: 'limited', at: this.#owner.now, ...limit })) this.#own.limited(limit);
  }

  taskPassed(): void {
    if (!this.#tell({ type: 'passed' })) this.#own.passed();
  }

  /** @throws AgentSystemError `QUOTA_UNKNOWN` when the agent never ran into a limit of its own */
  lift(by: string | undefined): QuotaRecord {
    const { state } = this.#owner;
    if (state.quota === undefined) throw unknownQuota(state.id);
    if (this.#own.lift()) this.#owner.emit({ type: 'quota.lifted', quota: state.id, ...saidBy(by) });
    return quotaRecordOf(state)!;
  }

  get #isHeldBack(): boolean {
    const { life, quota, sharedLimit } = this.#owner.state;
    const { paused, parked } = life.context;
    const waits = quota?.waitsFor ?? sharedLimit;
    return paused !== undefined || parked !== undefined || waits !== undefined;
  }

  /** Sends the message to the shared quota. @returns whether the agent shares one */
  #tell(message: QuotaMessage): boolean {
    const quota = this.#owner.state.sharedQuota;
    if (quota === undefined) return false;
    this.#owner.acts.push({ do: 'tellQuota', quota, load: this.#owner.load, message });
    return true;
  }
}
