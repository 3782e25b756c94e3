/**
 * What happened to the fleet, for timelines: marks, and rounds with their votes.
 *
 * It takes in events from the dashboard's opening on. Earlier events are read from the store once, at the first request.
 *
 * I1  Tasks that did not fail and ordinary starts cost nothing: only the end of a life leaves a mark.
 * I2  What is kept is bounded, the newest stays.
 * I3  Marks keep their order, and each has a number that grows by one, those of before the dashboard included.
 */
import { describeExit } from '../machines/index.ts';
import type { SystemEvent, SystemEventType } from '../index.ts';
import { type Noted, notedFrom, oneLine } from './agent-row.ts';
import { newestSequence } from './event-tail.ts';
import type { WatchedEvents } from './watched-system.ts';
import type { Mark, ShownRound, ShownVote } from './protocol.ts';

/** The events that it takes in. */
export const CHRONICLE_TYPES = [
  'agent.crashed',
  'agent.stopped',
  'agent.completed',
  'agent.start_failed',
  'agent.gave_up',
  'agent.restart_scheduled',
  'agent.unresponsive',
  'agent.recovered',
  'agent.forgotten',
  'agent.updated',
  'leader.elected',
  'alert.raised',
  'alert.cleared',
  'variable.changed',
  'round.opened',
  'round.voted',
  'round.closed',
  'pool.scaled',
  'coordination.lost',
  'coordination.restored',
  'store.degraded',
  'store.recovered',
  'task.failed',
] as const satisfies readonly SystemEventType[];

const MAX_MARKS = 20_000;
const MAX_ROUNDS = 100;
const MAX_VOTES = 200;
const MAX_NOTED = 20_000;
/** How many events from before the dashboard are read. */
const MAX_EARLIER_EVENTS = 50_000;
/** Events that are read in one go, before the event loop gets a turn. */
const SLICE = 1_000;

type Unnumbered = Omit<Mark, 'order'>;
type RoundOpened = Extract<SystemEvent, { type: 'round.opened' }>;

interface KeptRound {
  readonly opened: RoundOpened | undefined;
  readonly variable: string;
  readonly votes: ShownVote[];
  closed: Extract<SystemEvent, { type: 'round.closed' }> | undefined;
}

export class Chronicle {
  readonly #marks: Mark[] = [];
  /** The order of the mark that is first among those that are kept. */
  #first = 1;
  readonly #rounds = new Map<string, KeptRound>();
  /** Agents with a fault, the most recent last. */
  readonly #noted = new Map<string, Noted>();
  #firstSequence: number | undefined;
  /** The newest event that is known to be there. */
  #newest = 0;
  #earlier: Promise<void> | undefined;

  /** Takes in an event. */
  note(event: SystemEvent): void {
    this.#firstSequence ??= event.sequence;
    this.#newest = Math.max(this.#newest, event.sequence);
    const mark = markOf(event);
    if (mark) this.add(mark);
    if (event.type.startsWith('round.')) this.#noteRound(event);
    noteAgent(this.#noted, event);
  }

  /** What went wrong last with an agent, and how often it was restarted lately. */
  noted(agentId: string): Noted | undefined {
    return this.#noted.get(agentId);
  }

  /** Order of the newest mark. */
  get last(): number {
    return this.#first + this.#marks.length - 1;
  }

  /** Whether all marks beyond `order` are kept. */
  reaches(order: number): boolean {
    return order >= this.#first - 1 && order <= this.last;
  }

  /** Marks beyond `order` as far as they are kept, oldest first, at the most `limit`. */
  after(order: number, limit: number): readonly Mark[] {
    const from = Math.max(0, order - this.#first + 1);
    return this.#marks.slice(from, from + limit);
  }

  /** All marks that fit, oldest first. */
  marks(fits: (mark: Mark) => boolean): readonly Mark[] {
    return this.#marks.filter(fits);
  }

  /** Rounds that were closed, newest first. */
  *closedRounds(redacted: (variable: string, value: unknown) => unknown): Generator<ShownRound> {
    for (const [roundId, round] of [...this.#rounds].toReversed()) {
      const { opened, closed, variable, votes } = round;
      if (closed === undefined) continue;
      const { outcome, tally, decidedBy, cut, at } = closed;
      yield {
        roundId,
        variable,
        value: redacted(variable, opened?.value),
        by: opened?.by ?? '',
        ...(opened?.why === undefined ? {} : { why: opened.why }),
        terms: opened?.terms ?? null,
        openedAt: opened?.at ?? at,
        ...(opened === undefined ? {} : { deadlineAt: opened.deadlineAt }),
        phase: 'closed',
        electorate: opened?.electorate.length ?? tally?.voters.total ?? 0,
        tally,
        votes,
        stillOut: [],
        closedAt: at,
        outcome,
        decidedBy,
        ...(cut === undefined ? {} : { cut }),
      };
    }
  }

  /** The newest votes of a round, and how it was opened. */
  round(roundId: string): { readonly opened: RoundOpened | undefined; readonly votes: readonly ShownVote[] } {
    return this.#rounds.get(roundId) ?? { opened: undefined, votes: [] };
  }

  /** Sequence of the newest event. @throws AgentSystemError `STORE_FAILED` */
  async newest(events: WatchedEvents): Promise<number> {
    const newest = await newestSequence(events, this.#newest);
    this.#newest = Math.max(this.#newest, newest);
    return this.#newest;
  }

  /** Reads what the store had before the dashboard was there: once, and in slices. */
  readEarlier(events: WatchedEvents, most = MAX_EARLIER_EVENTS): Promise<void> {
    this.#earlier ??= this.#readEarlier(events, most);
    return this.#earlier;
  }

  async #readEarlier(events: WatchedEvents, most: number): Promise<void> {
    const end = this.#firstSequence ?? (await this.newest(events)) + 1;
    const marks: Unnumbered[] = [];
    const rounds = new Map<string, KeptRound>();
    const noted = new Map<string, Noted>();
    let looked = 0;
    for await (const event of events.read({ after: Math.max(0, end - most - 1) })) {
      if (event.sequence >= end) break;
      const mark = markOf(event);
      if (mark) marks.push(mark);
      if (event.type.startsWith('round.')) noteRound(rounds, event);
      noteAgent(noted, event);
      looked += 1;
      if (looked % SLICE === 0) await new Promise(setImmediate);
    }
    const room = Math.max(0, MAX_MARKS - this.#marks.length);
    const kept = room === 0 ? [] : marks.slice(-room);
    this.#first -= kept.length;
    this.#marks.unshift(...kept.map((mark, place) => ({ order: this.#first + place, ...mark })));
    for (const [id, one] of noted) this.#noted.set(id, { ...one, ...this.#noted.get(id) });
    const later = [...this.#rounds];
    this.#rounds.clear();
    for (const [id, round] of [...rounds, ...later]) this.#rounds.set(id, round);
    bound(this.#rounds);
  }

  /** Adds a mark: of an event, or of what is no event of the system. */
  add(mark: Unnumbered): void {
    this.#marks.push({ order: this.last + 1, ...mark });
    if (this.#marks.length < MAX_MARKS * 1.1) return;
    const excess = this.#marks.length - MAX_MARKS;
    this.#marks.splice(0, excess);
    this.#first += excess;
  }

  #noteRound(event: SystemEvent): void {
    noteRound(this.#rounds, event);
    if (event.type === 'round.opened') bound(this.#rounds);
  }
}

function noteAgent(noted: Map<string, Noted>, event: SystemEvent): void {
  if (event.type === 'agent.forgotten') return void noted.delete(event.agentId);
  const more = notedFrom(event);
  if (more === undefined || event.agentId === undefined) return;
  const known = noted.get(event.agentId);
  noted.delete(event.agentId);
  noted.set(event.agentId, { ...known, ...more });
  if (noted.size <= MAX_NOTED) return;
  for (const oldest of noted.keys()) return void noted.delete(oldest);
}

function noteRound(rounds: Map<string, KeptRound>, event: SystemEvent): void {
  if (event.type === 'round.opened') {
    rounds.set(event.roundId, { opened: event, variable: event.variable, votes: [], closed: undefined });
  } else if (event.type === 'round.voted') {
    const votes = rounds.get(event.roundId)?.votes;
    if (votes === undefined) return;
    const { at, agentId, vote, refused } = event;
    votes.push({ at, agentId, vote, ...(refused === undefined ? {} : { refused }) });
    if (votes.length > MAX_VOTES * 2) votes.splice(0, votes.length - MAX_VOTES);
  } else if (event.type === 'round.closed') {
    const round = rounds.get(event.roundId) ?? {
      opened: undefined,
      variable: event.variable,
      votes: [],
      closed: undefined,
    };
    round.closed = event;
    rounds.delete(event.roundId);
    rounds.set(event.roundId, round);
  }
}

/** Of the closed ones the newest stay; an open one is never dropped. */
function bound(rounds: Map<string, KeptRound>): void {
  let excess = rounds.size - MAX_ROUNDS;
  for (const [id, { closed }] of rounds) {
    if (excess <= 0) return;
    if (closed === undefined) continue;
    rounds.delete(id);
    excess -= 1;
  }
}

/** An event as a mark; `undefined` for an event that timelines do not show. */
function markOf(event: SystemEvent): Unnumbered | undefined {
  const { at, type } = event;
  switch (type) {
    case 'agent.crashed':
    case 'agent.stopped':
    case 'agent.completed':
    case 'agent.start_failed': {
      const { agentId, incarnation, life, reason } = event;
      const text = oneLine(describeExit(reason));
      const { startedAt } = life;
      const began = startedAt === undefined ? {} : { startedAt };
      return { at, type, agentId, incarnation, text, ...began, ...askedBy(event) };
    }
    case 'agent.gave_up':
      return { at, type, ...of(event), text: oneLine(describeExit(event.reason)) };
    case 'agent.restart_scheduled':
      return {
        at,
        type,
        ...of(event),
        restartAt: event.restartAt,
        attempt: event.life.history.recent.length,
      };
    case 'agent.unresponsive':
    case 'agent.recovered':
      return { at, type, ...of(event) };
    case 'agent.forgotten':
      return { at, type, ...of(event), ...askedBy(event) };
    case 'agent.updated': {
      const text = oneLine(event.changes.map(({ field }) => field).join(', '));
      return { at, type, ...of(event), text, ...askedBy(event) };
    }
    case 'leader.elected':
      return { at, type, ...of(event), text: `term ${event.term}` };
    case 'alert.raised': {
      const { alert, message, agentId, pool } = event;
      return { at, type, alert, text: oneLine(message), ...subjectOf(agentId, pool) };
    }
    case 'alert.cleared':
      return { at, type, alert: event.alert, ...subjectOf(event.agentId, event.pool) };
    case 'variable.changed': {
      const { name, version, by, why } = event;
      return {
        at,
        type,
        variable: name,
        by,
        text: oneLine(`v${version}${why === undefined ? '' : `: ${why}`}`),
      };
    }
    case 'round.opened':
      return { at, type, roundId: event.roundId, variable: event.variable, by: event.by };
    case 'round.closed':
      return { at, type, roundId: event.roundId, variable: event.variable, text: event.outcome };
    case 'pool.scaled': {
      const text = oneLine(`${event.from} → ${event.to}: ${event.why}`);
      return { at, type, pool: event.pool, text, ...askedBy(event) };
    }
    case 'coordination.lost':
      return { at, type, text: oneLine(event.why) };
    case 'store.degraded':
      return { at, type, text: oneLine(event.error.message) };
    case 'store.recovered':
    case 'coordination.restored':
      return { at, type };
    default:
      return undefined;
  }
}

function of({ agentId, incarnation }: { readonly agentId: string; readonly incarnation: number }) {
  return { agentId, incarnation };
}

function askedBy(event: object): { readonly by?: string } {
  return 'by' in event ? { by: event.by as string } : {};
}

function subjectOf(agentId: string | undefined, pool: string | undefined) {
  return { ...(agentId === undefined ? {} : { agentId }), ...(pool === undefined ? {} : { pool }) };
}
