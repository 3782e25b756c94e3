/**
 * Limits that somebody else keeps, and who waits for their reset: one quota for each group that shares one, and one for
 * each agent that shares none.
 *
 * Owns who works under which quota. When it is open, parked or being released is its chart's (machines/quota.ts).
 *
 * I1  Members that share a quota park together; one that starts meanwhile is parked, too.
 * I2  After a reset those that have work go on first, and of them those that have waited longest.
 * I3  A reset that was named as a time is one of the wall clock: nobody goes on before it, and at the most
 *     `LOOK_EVERY_MS` after it where that clock was set ahead. One that was said or guessed as a wait is a duration.
 * I4  An agent that never ran into a limit, and shares none, costs nothing here. A quota ends with the last agent that
 *     has worked under it; one that is shared, and parked, is kept until it is reset, for agents that are made meanwhile.
 */
import { type Parked, type QuotaEffect, quotaMachine } from '../../machines/index.ts';
import type { WatchedChart } from '../engine/chart-watch.ts';
import { type Chart, type ChartClock, type ChartEffect, createChart } from '../engine/chart.ts';
import type { SteadyClock } from '../time/clock.ts';
import { answered } from '../time/loop-turn.ts';
import { WallTimer } from '../time/wall-timer.ts';
import { type ActOptions, actSchema } from '../values/act.ts';
import { AgentSystemError, inWords } from '../values/errors.ts';
import { parseInput } from '../values/malformed.ts';

/** An agent that works under a quota. */
export interface QuotaMember {
  readonly id: string;
  /** Tasks that wait or run. */
  readonly load: number;
  /** The group that it parks with. */
  readonly quota: string | undefined;
  quotaParked(parked: Parked): void;
  quotaReleased(): void;
}

/** What a task ran into. */
export interface Limit {
  /** When it is reset, epoch ms; left out if that is unknown. */
  readonly until?: number | undefined;
  /** `until` is a time that was named: one of the wall clock, and no duration. */
  readonly named?: true | undefined;
  readonly why: string;
}

/** A limit, and when it was noted, epoch ms: by the same look at the clock as a reset that was said as a wait. */
export interface NotedLimit extends Limit {
  readonly at: number;
}

/** How a quota stands. Times are epoch ms. */
export interface QuotaRecord {
  /** Of a group that shares it, its name; else the id of its agent. */
  readonly name: string;
  /** Whether agents share it by `quota` of their specs or definitions. */
  readonly isShared: boolean;
  /** `releasing`: it was reset, and its members go on one after the other. */
  readonly status: 'open' | 'parked' | 'releasing';
  /** Until when its agents wait, and why. */
  readonly parked?: Parked;
  /** Ids of those that wait. */
  readonly waiting: readonly string[];
}

export interface QuotasOptions {
  readonly clock: SteadyClock;
  readonly random: () => number;
  readonly chart: WatchedChart;
  readonly assertOpen: () => void;
  /** One was lifted: resolves once that is durable. */
  readonly lifted: (name: string, by: string | undefined) => Promise<void>;
}

export class Quotas {
  readonly #options: QuotasOptions;
  readonly #shared = new Map<string, Quota>();
  readonly #own = new Map<string, Quota>();

  constructor(options: QuotasOptions) {
    this.#options = options;
  }

  /** A body runs: what it works under, if anything. It is parked, or told that it is not any more, as that stands. */
  join(member: QuotaMember, parked: Parked | undefined): Quota | undefined {
    const quota = member.quota === undefined ? this.#own.get(member.id) : this.#of(member);
    if (quota) quota.join(member, parked);
    else if (parked) member.quotaReleased();
    return quota;
  }

  /** A task of a member ran into its limit. `told` hears what is waited for, before any member does. */
  limited(member: QuotaMember, limit: NotedLimit, told: (parked: Parked) => void): Quota {
    const quota = this.#of(member);
    quota.limited(member, limit, told);
    return quota;
  }

  /** A program before this one was waiting: for as long as is left of it. */
  restore(member: QuotaMember, { at, until, why, guessed, named }: Parked): Quota | undefined {
    const now = this.#options.clock.now();
    // The wall clock may have been set since: a duration is never longer than it was.
    const leftMs = named ? until - now : Math.min(until - now, until - at);
    if (leftMs <= 0) return undefined;
    const quota = this.#of(member);
    quota.restore(member, { at: now, until: now + leftMs, why, named }, guessed);
    return quota;
  }

  /**
   * Takes a limit as reset before its time, because a person knows better: those who wait go on as after a reset, one
   * first, then twice as many with every second. Of one that nobody waits for nothing changes. Resolves with how it
   * stands once that is durable.
   *
   * @param name of a group, or the id of an agent that shares no quota
   * @param options.by who says so, as the event `quota.lifted` says it
   * @throws AgentSystemError `QUOTA_UNKNOWN`, `REQUEST_INVALID` for invalid options, `STORE_FAILED`, `SYSTEM_CLOSED`
   */
  lift(name: string, options: ActOptions = {}): Promise<QuotaRecord> {
    return answered(this.#options.clock, async () => {
      const { assertOpen, lifted } = this.#options;
      assertOpen();
      const { by } = parseInput(actSchema, options, { what: 'quotas.lift', code: 'REQUEST_INVALID' });
      const quota = this.#shared.get(name) ?? this.#own.get(name);
      if (quota === undefined) throw unknownQuota(name);
      if (!quota.isParked) return quota.record();
      const told = lifted(name, by);
      quota.lift();
      await told;
      return quota.record();
    });
  }

  /** Those that agents share, or have run into: each until the last of its agents has left it. */
  list(): readonly QuotaRecord[] {
    return [...this.#shared.values(), ...this.#own.values()].map((quota) => quota.record());
  }

  close(): void {
    for (const quota of [...this.#shared.values(), ...this.#own.values()]) quota.close();
  }

  #of({ id, quota: name }: QuotaMember): Quota {
    const [quotas, key] = name === undefined ? [this.#own, id] : [this.#shared, name];
    let quota = quotas.get(key);
    if (quota === undefined) {
      quota = new Quota(key, name !== undefined, { ...this.#options, ended: () => quotas.delete(key) });
      quotas.set(key, quota);
    }
    return quota;
  }
}

export function unknownQuota(name: string): AgentSystemError {
  return new AgentSystemError('QUOTA_UNKNOWN', `no quota ${inWords(name)} is known`);
}

interface QuotaOptions extends QuotasOptions {
  readonly ended: () => void;
}

export class Quota {
  readonly #name: string;
  readonly #isShared: boolean;
  readonly #options: QuotaOptions;
  readonly #chart: Chart<typeof quotaMachine>;
  /** Those that run, in the order in which they joined. */
  readonly #members = new Set<QuotaMember>();
  /** Those that have worked under it, and may again. */
  readonly #known = new Set<QuotaMember>();
  /** What they were told to wait for. */
  readonly #waiting = new Map<QuotaMember, Parked>();
  #told: ((parked: Parked) => void)[] = [];

  constructor(name: string, isShared: boolean, options: QuotaOptions) {
    this.#name = name;
    this.#isShared = isShared;
    this.#options = options;
    const perform = (effect: ChartEffect) => this.#perform(effect as QuotaEffect);
    this.#chart = createChart(
      quotaMachine,
      { quota: isShared ? name : undefined },
      { ...options.chart, clock: this.#chartClock(options.clock), perform },
      options.chart.driver,
    );
  }

  /** Whether a member waits for its turn. */
  holds(member: QuotaMember): boolean {
    return this.#waiting.has(member);
  }

  /** @param known what it waited for in its life before */
  join(member: QuotaMember, known: Parked | undefined): void {
    this.#add(member);
    const { parked } = this.#chart.context;
    if (this.#chart.path === 'open' || parked === undefined) {
      if (known) member.quotaReleased();
      return;
    }
    this.#waiting.set(member, parked);
    if (known?.until !== parked.until || known.quota !== parked.quota) member.quotaParked(parked);
  }

  /** Its body has ended: it waits for nothing any more. */
  part(member: QuotaMember): void {
    this.#members.delete(member);
    if (this.#waiting.delete(member)) this.#tellIfEmpty();
  }

  /** It will not work under it again. */
  forget(member: QuotaMember): void {
    this.part(member);
    this.#known.delete(member);
    if (this.#known.size === 0 && !(this.#isShared && this.isParked)) this.#end();
  }

  limited(member: QuotaMember, limit: NotedLimit, told: (parked: Parked) => void): void {
    this.#add(member);
    this.#told.push(told);
    this.#limit(limit);
  }

  restore(member: QuotaMember, limit: NotedLimit, guessed: true | undefined): void {
    this.#known.add(member);
    this.#limit(limit, guessed);
  }

  get isParked(): boolean {
    return this.#chart.path === 'parked';
  }

  lift(): void {
    this.#chart.send({ type: 'quota.lifted' });
  }

  /** A task of one of its members is done. */
  passed(): void {
    if (this.#chart.path === 'open' && this.#chart.context.guesses === 0) return;
    this.#chart.send({ type: 'quota.passed' });
  }

  record(): QuotaRecord {
    const { parked } = this.#chart.context;
    const status = this.#chart.path as QuotaRecord['status'];
    return Object.freeze({
      name: this.#name,
      isShared: this.#isShared,
      status,
      ...(status === 'open' || parked === undefined ? {} : { parked: Object.freeze(parked) }),
      waiting: [...this.#waiting.keys()].map(({ id }) => id),
    });
  }

  close(): void {
    this.#chart.stop();
  }

  /** A reset that was named is waited for by the wall clock; all else that the chart waits for is a duration. */
  #chartClock(clock: SteadyClock): ChartClock {
    return {
      setTimeout: (run, delayMs) => {
        const { parked } = this.#chart.context;
        const isNamed = this.isParked && parked?.named;
        return isNamed ? new WallTimer(clock, parked.until, run) : clock.setTimeout(run, delayMs);
      },
      clearTimeout: (handle) => (handle instanceof WallTimer ? handle.clear() : clock.clearTimeout(handle)),
    };
  }

  #limit({ at, until, why, named }: NotedLimit, guessed?: true): void {
    this.#chart.send({
      type: 'quota.limited',
      at,
      why,
      chance: this.#options.random(),
      ...(until === undefined ? {} : { until }),
      ...(guessed ? { guessed } : {}),
      ...(named ? { named } : {}),
    });
  }

  #perform(effect: QuotaEffect): void {
    switch (effect.type) {
      case 'parkMembers':
        return this.#park(effect.params.parked);
      case 'releaseMembers':
        return this.#release(effect.params.count);
    }
  }

  #park(parked: Parked): void {
    const told = this.#told;
    this.#told = [];
    for (const tell of told) tell(parked);
    for (const member of this.#members) {
      if (this.#waiting.get(member) === parked) continue;
      this.#waiting.set(member, parked);
      member.quotaParked(parked);
    }
  }

  #release(count: number): void {
    const byWork = [...this.#waiting.keys()].toSorted(
      (one, other) => Number(other.load > 0) - Number(one.load > 0),
    );
    for (const member of byWork.slice(0, count)) {
      this.#waiting.delete(member);
      member.quotaReleased();
    }
    if (this.#known.size === 0) this.#end();
    else this.#tellIfEmpty();
  }

  #add(member: QuotaMember): void {
    this.#known.add(member);
    this.#members.add(member);
  }

  #end(): void {
    this.close();
    this.#options.ended();
  }

  #tellIfEmpty(): void {
    if (this.#waiting.size === 0 && this.#chart.path === 'releasing')
      this.#chart.send({ type: 'quota.emptied' });
  }
}
