/**
 * The members of one pool of a fleet, as its virtual object keeps them: their ids, states and tasks.
 *
 * The rules of runtime/pools/members.ts, over reports of the members. The chart says how many there are to be.
 *
 * I1  A member that runs is told to stop only when it has nothing that the pool gave it, but by a close.
 * I2  A member changes its place together with the event, or the effect, that has the chart count it there.
 * I3  A member that is gone is forgotten: no record, no saved state.
 */
import { describeExit, type ExitReason, type PoolEvent } from '../../machines/index.ts';
import type { MemberPlace } from '../../runtime/pools/member.ts';
import type { PoolCloseReport } from '../../runtime/pools/close-report.ts';
import type { Refusal } from '../engine/call-answer.ts';

/** A member's report of its status, sent whenever that may have changed. */
export interface MemberNews {
  readonly id: string;
  /** Dotted path of its chart's state. */
  readonly path: string;
  readonly incarnation: number;
  /** It goes on on another node once it has ended where it is. */
  readonly isMoving?: true | undefined;
  /** Whether a task that it is given now begins: it is neither paused nor parked. */
  readonly takesWork: boolean;
  /** Numbers of the pool's tasks that it has, and of the newest that it was given. */
  readonly holds: readonly number[];
  readonly heard: number;
  readonly reason?: ExitReason | undefined;
  /** Tasks that it has done. */
  readonly done: number;
  /** Ids of the tasks that its last end left undone. */
  readonly abandoned: readonly string[];
}

export interface PoolMember {
  readonly id: string;
  place: MemberPlace;
  /** Its last report, if there was one. */
  news?: MemberNews | undefined;
  /** Numbers of the tasks that it was given, and that it still has, as far as is known. */
  given: number[];
  /** It is told to end, or to be forgotten, and that is under way. */
  isDismissed?: true | undefined;
  /** It had a body when the close began, or waited for its restart. */
  isAwaited?: true | undefined;
  /** Its incarnation that had ended when the close began. */
  endedBefore?: number | undefined;
}

/** Ids of the members that a close had to end, by how they ended: in order, or not. */
export interface MemberEnds {
  readonly stopped: string[];
  readonly abandoned: string[];
}

/** How a pool counts an agent. */
type Standing = 'serving' | 'starting' | 'ending' | 'returning' | 'ended';

function standingOf({ path, isMoving }: MemberNews): Standing {
  if (path.startsWith('alive.starting')) return 'starting';
  if (path.startsWith('alive.serving')) return 'serving';
  if (path.startsWith('alive')) return 'ending';
  const isDown = path.startsWith('crashed') && path !== 'crashed.gaveUp' && path !== 'crashed.leftDown';
  return isDown || isMoving ? 'returning' : 'ended';
}

export interface MembersOwner {
  readonly members: PoolMember[];
  /** Kept from turn to turn: each member may end in another. */
  readonly ends: MemberEnds;
  readonly now: number;
  readonly chance: number;
  /** When the close that is under way is over, epoch ms. */
  readonly closeAt: number | undefined;
  newId(): string;
  send(event: PoolEvent): void;
  /** Registers and starts one; how that ended is told by `broughtUp`. */
  bringUp(id: string): void;
  /** Ends one, and has it forgotten; told by `gone`. */
  dismiss(id: string, timeoutMs: number | undefined): void;
  kill(id: string): void;
  failed(failure: Refusal | undefined, why: string): void;
}

export class PoolMembers {
  readonly #owner: MembersOwner;

  constructor(owner: MembersOwner) {
    this.#owner = owner;
  }

  start(count: number): void {
    for (let started = 0; started < count; started++) {
      const id = this.#owner.newId();
      this.#owner.members.push({ id, place: 'starting', given: [] });
      this.#owner.bringUp(id);
    }
  }

  /** How the start of one ended. */
  broughtUp(id: string, failure: Refusal | undefined): void {
    const member = this.#find(id);
    if (member?.place !== 'starting') {
      if (member?.place === 'leaving') this.#dismiss(member);
      return;
    }
    if (failure === undefined) {
      member.place = 'live';
      return this.#owner.send({ type: 'member.started' });
    }
    this.#owner.failed(failure, failure.message);
    member.place = 'leaving';
    const isExhausted = failure.code === 'RESOURCES_EXHAUSTED';
    this.#owner.send({ type: 'member.start_failed', ...this.#moment(), isExhausted, why: failure.message });
    this.#dismiss(member);
  }

  /** Takes a member's report. */
  told(news: MemberNews): void {
    const member = this.#find(news.id);
    if (member === undefined) return;
    member.news = news;
    member.given = member.given.filter((number) => number > news.heard || news.holds.includes(number));
    this.#look(member);
  }

  /** It has ended, and is forgotten. */
  gone(id: string, isInOrder: boolean): void {
    const at = this.#owner.members.findIndex((member) => member.id === id);
    const [member] = at === -1 ? [] : this.#owner.members.splice(at, 1);
    if (member === undefined) return;
    const { stopped, abandoned } = this.#owner.ends;
    const { endedBefore, news } = member;
    // What its last body has left undone is not the doing of the close.
    const hadEnded = endedBefore !== undefined && news?.incarnation === endedBefore;
    if (member.isAwaited) (isInOrder || hadEnded ? stopped : abandoned).push(id);
    this.#owner.send({ type: 'member.gone' });
  }

  /** So many running members leave, those with the least to do first, once their tasks are done. */
  drain(count: number): void {
    const bySpare = this.live().toSorted((one, other) => one.given.length - other.given.length);
    for (const member of bySpare.slice(0, count)) {
      member.place = 'draining';
      this.#look(member);
    }
  }

  /** So many of those that do not run leave. */
  dismiss(from: 'down' | 'starting', count: number): void {
    for (const member of this.#in(from).slice(0, count)) {
      member.place = 'leaving';
      // A starting member is handled once its start is over.
      if (from === 'down') this.#dismiss(member);
    }
  }

  /** So many draining members stay after all. */
  keep(count: number): void {
    for (const member of this.#in('draining').slice(0, count)) member.place = 'live';
  }

  /** All end, busy ones too. */
  end(): void {
    for (const member of this.#owner.members) {
      const wasStarting = member.place === 'starting';
      const { news } = member;
      const standing = news === undefined ? 'ended' : standingOf(news);
      if (standing !== 'ended') member.isAwaited = true;
      if (standing === 'returning') member.endedBefore = news?.incarnation;
      member.place = 'leaving';
      if (!wasStarting) this.#dismiss(member);
    }
  }

  kill(): void {
    for (const { id } of this.#in('leaving')) this.#owner.kill(id);
  }

  live(): PoolMember[] {
    return this.#in('live');
  }

  report(tasksAbandoned: number): PoolCloseReport {
    const { stopped, abandoned } = this.#owner.ends;
    const left = this.#in('leaving').map(({ id }) => id);
    return { stopped, abandoned: [...abandoned, ...left], tasksAbandoned };
  }

  #look(member: PoolMember): void {
    const { news } = member;
    if (news === undefined) return;
    const standing = standingOf(news);
    switch (member.place) {
      case 'live':
        if (standing === 'serving' || standing === 'ending') return;
        if (standing === 'ended') return this.#lost(member, news, 'live');
        member.place = 'down';
        return this.#owner.send({ type: 'member.fell' });
      case 'down':
        if (standing === 'ended') return this.#lost(member, news, 'down');
        if (standing !== 'serving') return;
        member.place = 'live';
        return this.#owner.send({ type: 'member.recovered' });
      case 'draining':
        if (standing === 'serving' && member.given.length > 0) return;
        member.place = 'leaving';
        this.#owner.send({ type: 'member.leaving' });
        return this.#dismiss(member);
      default:
    }
  }

  #lost(member: PoolMember, { reason = 'shutdown', path, done }: MemberNews, from: 'live' | 'down'): void {
    const didItsWork = (path === 'stopped' || path === 'completed') && done > 0;
    const isFailure = reason !== 'shutdown' && !didItsWork;
    const why = `member ${member.id} is lost (${describeExit(reason)})`;
    if (isFailure) this.#owner.failed(undefined, why);
    member.place = 'leaving';
    this.#owner.send({ type: 'member.lost', from, ...this.#moment(), isFailure, why });
    this.#dismiss(member);
  }

  #dismiss(member: PoolMember): void {
    if (member.isDismissed) return;
    member.isDismissed = true;
    const { closeAt, now } = this.#owner;
    this.#owner.dismiss(member.id, closeAt === undefined ? undefined : Math.max(0, closeAt - now));
  }

  #in(place: MemberPlace): PoolMember[] {
    return this.#owner.members.filter((member) => member.place === place);
  }

  #find(id: string): PoolMember | undefined {
    return this.#owner.members.find((member) => member.id === id);
  }

  #moment() {
    const { now: at, chance } = this.#owner;
    return { at, tick: at, chance };
  }
}
