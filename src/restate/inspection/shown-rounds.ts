/**
 * The rounds of a fleet, as an inspector is shown them: each look shows those that are open, and events how each ended.
 *
 * I1  A round that began and ended between two looks is shown all the same: its events say so.
 * I2  One that has ended is not shown as open again, whatever a look that began before says.
 * I3  None is shown as open for ever: one that is listed no more, and whose end is not told, ends as it was seen last.
 */
import { consensusMachine, type Outcome } from '../../machines/index.ts';
import type { ChartObserver } from '../../runtime/engine/chart.ts';
import type { SystemEvent } from '../../runtime/journal/system-event.ts';
import type { OpenRound } from '../../runtime/coordination/rounds/consensus.ts';
import { ShownCharts, type Standing } from './shown-charts.ts';

/** Rounds that have ended are remembered, so that a late look is known as such. */
const MAX_ENDED = 1_000;
/** Looks that do not list a round any more, until its end is no longer waited for: events come a little later. */
const MAX_UNLISTED = 20;

type Of<Type extends SystemEvent['type']> = Extract<SystemEvent, { type: Type }>;

interface Open {
  standing: Standing;
  /** Whether its value is in force. */
  isEnacted: boolean;
  unlisted: number;
}

export class ShownRounds {
  readonly #rounds: () => Promise<readonly OpenRound[]>;
  readonly #charts: ShownCharts;
  readonly #open = new Map<string, Open>();
  readonly #ended = new Set<string>();

  /** @param rounds gives those that are open */
  constructor(rounds: () => Promise<readonly OpenRound[]>, observe: ChartObserver) {
    this.#rounds = rounds;
    this.#charts = new ShownCharts(consensusMachine, observe);
  }

  async look(signal: AbortSignal): Promise<void> {
    const rounds = await this.#rounds();
    if (signal.aborted) return;
    const unlisted = new Set(this.#open.keys());
    for (const round of rounds) {
      unlisted.delete(round.roundId);
      if (!this.#ended.has(round.roundId)) this.#show(round.roundId, standingOf(round), 'round.seen');
    }
    for (const roundId of unlisted) this.#miss(roundId);
  }

  heard(event: SystemEvent): void {
    switch (event.type) {
      case 'round.opened':
        return this.#opened(event);
      case 'variable.changed':
        return this.#changed(event);
      case 'round.closed':
        return this.#closed(event);
    }
  }

  /** A fleet tells it with the votes: a look may have shown the round before. */
  #opened({ roundId, variable, value, deadlineAt, type }: Of<'round.opened'>): void {
    if (this.#open.has(roundId) || this.#ended.has(roundId)) return;
    this.#show(roundId, { path: 'voting', context: { roundId, variable, value, deadlineAt } }, type);
  }

  /** The reason of a change names the round that it comes from. */
  #changed({ why = '' }: Of<'variable.changed'>): void {
    for (const [roundId, open] of this.#open) open.isEnacted ||= why.includes(roundId);
  }

  #closed({ roundId, outcome, tally, decidedBy, cut, type }: Of<'round.closed'>): void {
    const open = this.#open.get(roundId);
    const context = { ...open?.standing.context, tally, decidedBy, cut };
    const overruled = open?.isEnacted === true ? OVERRULED[outcome] : undefined;
    this.#end(roundId, { path: overruled ?? ENDS[outcome], context }, type);
  }

  #show(roundId: string, standing: Standing, event: string): void {
    const open = this.#open.get(roundId) ?? { standing, isEnacted: false, unlisted: 0 };
    open.standing = standing;
    open.unlisted = 0;
    this.#open.set(roundId, open);
    this.#charts.showChanged(roundId, standing, event);
  }

  #miss(roundId: string): void {
    const open = this.#open.get(roundId)!;
    open.unlisted += 1;
    if (open.unlisted >= MAX_UNLISTED) this.#end(roundId, open.standing, 'round.seen');
  }

  #end(roundId: string, standing: Standing, event: string): void {
    this.#charts.end(roundId, standing, event);
    this.#open.delete(roundId);
    this.#ended.add(roundId);
    const [oldest] = this.#ended;
    if (this.#ended.size > MAX_ENDED && oldest !== undefined) this.#ended.delete(oldest);
  }
}

/** Who votes is left out: a large electorate is more than can be shown, and the tally says how many. */
function standingOf({ roundId, variable, value, phase, tally, openedAt, deadlineAt }: OpenRound): Standing {
  return { path: phase, context: { roundId, variable, value, tally, openedAt, deadlineAt } };
}

/** The final state of a round by its outcome. */
const ENDS: Readonly<Record<Outcome, string>> = {
  accepted: 'accepted',
  rejected: 'rejected',
  no_quorum: 'noQuorum',
  expired: 'expired',
};
/** The same where the leader put the value into force against the votes. */
const OVERRULED: Readonly<Partial<Record<Outcome, string>>> = {
  rejected: 'enactedOver',
  no_quorum: 'enactedWithoutQuorum',
};
