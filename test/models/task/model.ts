/**
 * The life of one task after the other, as whoever submits them sees it: where a task can stand, what may be asked of it
 * there, and what then follows, over the ends of its agent and of its program.
 *
 * Written by hand from the promises of docs/tasks.md, docs/people.md and docs/limits.md, never from the chart. It knows
 * no host and no store. Pure.
 */
import type { ErrorCode, TaskStatus } from '../../../src/index.ts';
import { ATTEMPTS, BACKOFF_MS, LIMIT_MS } from '../../fixtures/agents/toiler.ts';

/** What its definition says of a kind of task: done once, tried again, or begun again after the loss of its program. */
export type Kind = 'once' | 'often' | 'again';
export const kinds = ['once', 'often', 'again'] as const satisfies readonly Kind[];

/** Whom it is submitted to. */
export type Target = 'agent' | 'type' | 'pool';
export const targets = ['agent', 'type', 'pool'] as const satisfies readonly Target[];

export const moves = [
  'submit',
  'submit with a time',
  'submit for later',
  'submit again by its key',
  'complete',
  'fail',
  'park',
  'ask',
  'answer',
  'cancel',
  'retry',
  'forget',
  'time goes on',
  'pause',
  'resume',
  'crash',
  'stop',
  'start',
  'forget agent',
  'register agent',
  'open pool',
  'close',
  'kill -9',
  'kill -9, and time goes on',
] as const;
export type Move = (typeof moves)[number];

export type Place =
  | 'none'
  | 'queued'
  | 'delayed'
  | 'running'
  | 'asking'
  | 'parked'
  | 'done'
  | 'failed'
  | 'timed_out'
  | 'abandoned'
  | 'cancelled'
  | 'unknown';

export const statuses: Readonly<Record<Place, TaskStatus | undefined>> = {
  none: undefined,
  queued: 'waiting',
  delayed: 'waiting',
  running: 'running',
  asking: 'waiting_for_input',
  parked: 'parked',
  done: 'done',
  failed: 'failed',
  timed_out: 'timed_out',
  abandoned: 'abandoned',
  cancelled: 'cancelled',
  unknown: 'unknown',
};

const OPEN: ReadonlySet<Place> = new Set(['queued', 'delayed', 'running', 'asking', 'parked']);

/** All in ms, and none a sum of others: two are never due at once. */
export const TIME_MS = 3_900_000;
export const DELAY_MS = 83_220_000;
export const RESTART_MS = 25_200_000;
const DOWNTIME_MS = 7_200_000;

export interface Profile {
  /** Whether its store lasts, as far as the system knows. */
  readonly isDurable: boolean;
  readonly kind: Kind;
  readonly target: Target;
}

export interface Life {
  readonly now: number;
  readonly place: Place;
  /** Tasks that were submitted so far. */
  readonly submitted: number;
  /** As the record says; `before` of them came before it was asked for again. */
  readonly attempts: number;
  readonly before: number;
  /** How often its work was begun, in truth. */
  readonly begun: number;
  /** It was begun, and how that came out is not known to the store: each program that finds it so says so. */
  readonly isInFlight: boolean;
  /** It has asked a person, and whether that was answered. */
  readonly question: 'none' | 'open' | 'answered';
  /** Its body ended while it asked: it is the next when its agent is back. */
  readonly isKept: boolean;
  /** Whether it has a time, and what of it is left while it waits for a person. */
  readonly isTimed: boolean;
  readonly timesOutAt: number | undefined;
  readonly heldMs: number | undefined;
  /** When its first or next attempt is due; and, where it waits for the next, how the last one ended. */
  readonly dueAt: number | undefined;
  readonly hasFailed: 'no' | 'failed' | 'abandoned';
  /** Whether an agent has it, or has had it last; and whether it waits in the line of a pool. */
  readonly isPlaced: boolean;
  readonly isInLine: boolean;
  readonly agent: 'up' | 'restarting' | 'stopped' | 'forgotten';
  readonly restartAt: number | undefined;
  readonly isPaused: boolean;
  readonly parkedUntil: number | undefined;
  readonly isPoolOpen: boolean;
  /** Tasks that its agent has done, as its state says. */
  readonly done: number;
  /** What the last move must have told of the task, in order. */
  readonly told: readonly string[];
  /** What the last move was refused with. */
  readonly refused: ErrorCode | undefined;
}

export function firstLife(now: number): Life {
  return {
    now,
    ...noTask,
    submitted: 0,
    agent: 'up',
    restartAt: undefined,
    isPaused: false,
    parkedUntil: undefined,
    isPoolOpen: true,
    done: 0,
    told: [],
    refused: undefined,
  };
}

const noTask = {
  place: 'none',
  attempts: 0,
  before: 0,
  begun: 0,
  isInFlight: false,
  question: 'none',
  isKept: false,
  isTimed: false,
  timesOutAt: undefined,
  heldMs: undefined,
  dueAt: undefined,
  hasFailed: 'no',
  isPlaced: false,
  isInLine: false,
} as const;

const isOpen = ({ place }: Life): boolean => OPEN.has(place);
export const serves = ({ agent, isPaused, parkedUntil }: Life): boolean =>
  agent === 'up' && !isPaused && parkedUntil === undefined;
/** Its work is under way. */
const isUnderWay = ({ place, isKept }: Life): boolean =>
  place === 'running' || (place === 'asking' && !isKept);

/** What may be asked of it. */
export function legalOf(life: Life): readonly string[] {
  if (isOpen(life)) return ['cancel'];
  if (life.place === 'none') return [];
  return life.place === 'done' ? ['forget'] : ['retry', 'forget'];
}

/** Whether a move can be made at all; what is asked of a task always can, if only to be refused. */
export function isPossible({ target }: Profile, life: Life, move: Move): boolean {
  const { place, agent, isPaused, question, isPoolOpen } = life;
  const isPool = target === 'pool';
  switch (move) {
    case 'submit':
    case 'submit with a time':
    case 'submit for later':
      return place === 'none';
    case 'submit again by its key':
      return place !== 'none' && agent !== 'forgotten';
    case 'complete':
    case 'fail':
    case 'park':
      return place === 'running' && isUnderWay(life);
    case 'ask':
      return place === 'running' && isUnderWay(life) && question === 'none';
    case 'answer':
      return question === 'open';
    case 'time goes on':
      return nextDeadline(life) !== undefined;
    case 'pause':
      return agent !== 'forgotten' && !isPaused;
    case 'resume':
      return agent !== 'forgotten' && isPaused;
    case 'crash':
      return agent === 'up';
    case 'stop':
      return !isPool && (agent === 'up' || agent === 'restarting');
    case 'start':
      return !isPool && (agent === 'stopped' || agent === 'restarting');
    case 'forget agent':
      return !isPool && agent === 'stopped';
    case 'register agent':
      return !isPool && agent === 'forgotten';
    case 'open pool':
      return isPool && !isPoolOpen;
    default:
      return true;
  }
}

/** The life after a move that is possible. */
export function after(profile: Profile, before: Life, move: Move): Life {
  const life: Life = { ...before, told: [], refused: undefined };
  const { now } = life;
  switch (move) {
    case 'submit':
      return submitted(profile, life, {});
    case 'submit with a time':
      return submitted(profile, life, { isTimed: true, timesOutAt: now + TIME_MS });
    case 'submit for later':
      return submitted(profile, life, {
        isTimed: true,
        dueAt: now + DELAY_MS,
        timesOutAt: now + DELAY_MS + TIME_MS,
      });
    case 'complete':
      return ended({ ...life, done: life.done + 1 }, 'done');
    case 'fail':
      return attemptFailed(profile, life, 'failed');
    case 'park':
      return parked(life);
    case 'ask':
      return asks(life);
    case 'answer':
      return answered(life);
    case 'cancel':
      return asked(life, move) ?? ended(life, 'cancelled');
    case 'forget':
      return asked(life, move) ?? { ...tells(life, 'task.forgotten'), ...noTask };
    case 'retry':
      return asked(life, move) ?? again(profile, life);
    case 'time goes on':
      return pass(life, nextDeadline(life)!.at);
    case 'pause':
      return { ...life, isPaused: true };
    case 'resume':
      return begin({ ...life, isPaused: false });
    case 'crash':
      return down(profile, { ...life, agent: 'restarting', restartAt: now + RESTART_MS }, 'crash');
    case 'stop':
      return down(profile, { ...life, agent: 'stopped', restartAt: undefined }, 'stop');
    case 'start':
      return begin({ ...life, agent: 'up', restartAt: undefined });
    case 'forget agent':
      return givenUp({ ...life, agent: 'forgotten', isPaused: false, parkedUntil: undefined });
    case 'register agent':
      return { ...life, agent: 'up', isPaused: false, parkedUntil: undefined, done: 0 };
    case 'open pool':
      // Its member runs again, unless it is about to.
      return begin({
        ...life,
        isPoolOpen: true,
        agent: life.agent === 'stopped' ? 'up' : life.agent,
      });
    case 'close':
      return closed(profile, life);
    case 'kill -9':
      return killed(profile, life, 0);
    case 'kill -9, and time goes on':
      return killed(profile, life, DOWNTIME_MS);
    default:
      return life;
  }
}

function tells(life: Life, event: string): Life {
  return { ...life, told: [...life.told, event] };
}

function submitted(profile: Profile, life: Life, terms: Partial<Life>): Life {
  const { target } = profile;
  const { agent, isPoolOpen } = life;
  if (agent === 'forgotten') return { ...life, refused: 'AGENT_NOT_FOUND' };
  // Of a type the one that runs, or comes back by itself, is chosen when it is submitted.
  if (target === 'type' && agent === 'stopped') return { ...life, refused: 'AGENT_NOT_RUNNING' };
  if (target === 'pool' && !isPoolOpen) return { ...life, refused: 'POOL_UNKNOWN' };
  const isPlaced = target !== 'pool' || (serves(life) && terms.dueAt === undefined);
  const task = { ...noTask, ...terms, submitted: life.submitted + 1, isPlaced, isInLine: !isPlaced };
  const place = terms.dueAt === undefined ? 'queued' : 'delayed';
  return begin(tells({ ...life, ...task, place }, 'task.accepted'));
}

/** What is next begins, where its agent serves. */
function begin(life: Life): Life {
  const { place, isKept, question, heldMs, now } = life;
  const isNext = place === 'queued' || place === 'parked' || (isKept && place === 'asking');
  if (!isNext || !serves(life)) return life;
  // In a pool's line it waits for the pool.
  if (life.isInLine && !life.isPoolOpen) return life;
  const taken = life.isInLine ? tells(life, 'task.accepted') : life;
  const isAsking = question === 'open';
  return tells(
    {
      ...taken,
      place: isAsking ? 'asking' : 'running',
      isPlaced: true,
      isInLine: false,
      isKept: false,
      isInFlight: true,
      attempts: life.attempts + 1,
      begun: life.begun + 1,
      dueAt: undefined,
      hasFailed: 'no',
      ...(heldMs === undefined || isAsking ? {} : { timesOutAt: now + heldMs, heldMs: undefined }),
    },
    'task.started',
  );
}

function ended(life: Life, place: Place): Life {
  const event =
    place === 'done' ? 'task.completed' : place === 'cancelled' ? 'task.abandoned' : `task.${place}`;
  return tells(
    {
      ...life,
      place,
      isInFlight: false,
      isInLine: false,
      question: 'none',
      isKept: false,
      timesOutAt: undefined,
      heldMs: undefined,
      dueAt: undefined,
      hasFailed: 'no',
    },
    event,
  );
}

const hasAttemptLeft = ({ kind }: Profile, { attempts, before }: Life): boolean =>
  kind === 'often' && attempts - before < ATTEMPTS;

/** Another attempt is waited for, where there is one that would come in time. */
function attemptFailed(profile: Profile, life: Life, how: 'failed' | 'abandoned'): Life {
  if (!hasAttemptLeft(profile, life)) return ended(life, how);
  const { now, heldMs, timesOutAt = heldMs === undefined ? Infinity : now + heldMs } = life;
  if (now + BACKOFF_MS > timesOutAt) return ended(life, how);
  return tells(
    {
      ...life,
      place: 'delayed',
      isInFlight: false,
      dueAt: now + BACKOFF_MS,
      hasFailed: how,
      heldMs: undefined,
      ...(heldMs === undefined ? {} : { timesOutAt }),
    },
    'task.retry_scheduled',
  );
}

function parked(life: Life): Life {
  const parkedUntil = life.now + LIMIT_MS;
  return tells(
    { ...life, place: 'parked', isInFlight: false, attempts: life.attempts - 1, parkedUntil },
    'task.parked',
  );
}

function asks(life: Life): Life {
  const { timesOutAt, now } = life;
  const held = timesOutAt === undefined ? {} : { timesOutAt: undefined, heldMs: timesOutAt - now };
  return { ...life, place: 'asking', question: 'open', ...held };
}

function answered(life: Life): Life {
  const { now, heldMs, place, isKept } = life;
  const next: Life = { ...life, question: 'answered' };
  if (isKept) return { ...next, place: 'queued' };
  if (place !== 'asking') return next;
  const runs = heldMs === undefined ? {} : { timesOutAt: now + heldMs, heldMs: undefined };
  return { ...next, place: 'running', ...runs };
}

/** What it is refused with, if it is. */
function asked(life: Life, command: 'cancel' | 'retry' | 'forget'): Life | undefined {
  if (life.place === 'none') return { ...life, refused: 'TASK_UNKNOWN' };
  if (!legalOf(life).includes(command)) return { ...life, refused: 'AGENT_ILLEGAL_COMMAND' };
  return undefined;
}

function again(profile: Profile, life: Life): Life {
  const { agent, isTimed, now, attempts, isPoolOpen } = life;
  if (agent === 'forgotten') return { ...life, refused: 'AGENT_NOT_FOUND' };
  if (profile.target === 'pool' && !isPoolOpen) return { ...life, refused: 'POOL_UNKNOWN' };
  // In a pool it waits in its line, unless a member is free.
  const isPlaced = profile.target !== 'pool' || serves(life);
  const anew = { place: 'queued', before: attempts, isPlaced, isInLine: !isPlaced } as const;
  return begin(tells({ ...life, ...anew, timesOutAt: isTimed ? now + TIME_MS : undefined }, 'task.accepted'));
}

/** Its agent is down. */
function down(profile: Profile, life: Life, how: 'crash' | 'stop'): Life {
  if (!isUnderWay(life)) return life;
  // One that has asked is begun again by the next body: the answer is there, or is waited for.
  if (life.question !== 'none' && how === 'crash') {
    return { ...life, place: life.question === 'open' ? 'asking' : 'queued', isKept: true };
  }
  return attemptFailed(profile, life, 'abandoned');
}

/** Nobody does it any more. */
function givenUp(life: Life): Life {
  if (!isOpen(life)) return life;
  return ended(life, life.hasFailed === 'no' ? 'abandoned' : life.hasFailed);
}

/** A clean close, and the next program. */
function closed(profile: Profile, life: Life): Life {
  const { kind, target, isDurable } = profile;
  const next: Life = {
    ...life,
    agent: life.agent === 'forgotten' ? 'forgotten' : 'stopped',
    restartAt: undefined,
    isPoolOpen: target !== 'pool',
  };
  if (!isOpen(life)) return next;
  const isLeft =
    isDurable &&
    (!isUnderWay(life) || life.question !== 'none' || kind === 'again' || hasAttemptLeft(profile, life));
  return isLeft ? resumed(profile, next) : givenUp(next);
}

function killed(profile: Profile, life: Life, downtimeMs: number): Life {
  const until = life.now + downtimeMs;
  const next = resumed(profile, { ...life, isPoolOpen: profile.target !== 'pool' });
  // What had run runs again, at once; what was due meanwhile is due now.
  const isBack = life.agent === 'up' ? { agent: 'restarting' as const, restartAt: until } : {};
  return pass({ ...next, ...isBack }, until);
}

/** The next program knows it again. */
function resumed(profile: Profile, before: Life): Life {
  const { kind, target } = profile;
  if (!isOpen(before)) return before;
  // Whichever member of its pool is free goes on with it.
  const life: Life = { ...before, isInLine: target === 'pool' };
  if (life.place === 'asking') return { ...life, isKept: true };
  if (!life.isInFlight) return life;
  const { timesOutAt, now, question } = life;
  const isRepeated = kind === 'again' || hasAttemptLeft(profile, life) || question === 'answered';
  if (!isRepeated) return ended(before, 'unknown');
  const held =
    question === 'none' || timesOutAt === undefined
      ? {}
      : { timesOutAt: undefined, heldMs: timesOutAt - now };
  return tells({ ...life, ...held, place: 'queued' }, 'task.unknown');
}

interface Deadline {
  readonly name: 'times out' | 'is due' | 'restarts' | 'limit is over';
  readonly at: number;
}

function deadlines(life: Life): Deadline[] {
  const { timesOutAt, dueAt, restartAt, parkedUntil, place } = life;
  const armed: (Deadline | undefined)[] = [
    timesOutAt === undefined || !isOpen(life) ? undefined : { name: 'times out', at: timesOutAt },
    dueAt === undefined || place !== 'delayed' ? undefined : { name: 'is due', at: dueAt },
    restartAt === undefined ? undefined : { name: 'restarts', at: restartAt },
    parkedUntil === undefined ? undefined : { name: 'limit is over', at: parkedUntil },
  ];
  return armed.filter((one) => one !== undefined).toSorted((one, other) => one.at - other.at);
}

const nextDeadline = (life: Life): Deadline | undefined => deadlines(life)[0];

function pass(life: Life, until: number): Life {
  for (let next = nextDeadline(life); next !== undefined && next.at <= until; next = nextDeadline(life)) {
    life = { ...life, now: Math.max(life.now, next.at) };
    switch (next.name) {
      case 'times out':
        life = ended(life, 'timed_out');
        break;
      case 'is due':
        life = begin({ ...life, place: 'queued' });
        break;
      case 'restarts':
        life = begin({ ...life, agent: 'up', restartAt: undefined });
        break;
      case 'limit is over':
        life = begin({ ...life, parkedUntil: undefined });
    }
  }
  return { ...life, now: Math.max(life.now, until) };
}

/** All that decides what can follow. */
export function keyOf({ kind, target }: Profile, life: Life): string {
  // Which is due first decides, too; where an agent is started by hand there is no way to have it so again.
  const due = deadlines(life).map(({ name }) => name);
  const { place, attempts, before, question, isKept, agent, isPaused, isPoolOpen, isTimed, heldMs } = life;
  const isSubject = isOpen(life);
  return [
    place,
    isSubject && kind === 'often' && `attempt ${Math.min(attempts - before, ATTEMPTS)}`,
    isSubject && question,
    isSubject && isKept && 'kept',
    isSubject && life.isInLine && 'in line',
    isSubject && life.isInFlight && place === 'queued' && 'in flight',
    life.hasFailed !== 'no' && life.hasFailed,
    place !== 'none' && isTimed && 'timed',
    heldMs !== undefined && 'held',
    agent,
    isPaused && 'paused',
    !isPoolOpen && 'no pool',
    ...(target === 'pool' ? due : due.toSorted()),
  ]
    .filter(Boolean)
    .join(' | ');
}
