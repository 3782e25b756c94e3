/**
 * The flat model of an agent's life: for every place and every move, what must follow.
 *
 * `places` and `rules` are tables written by hand from the design. A move that a place has no rule for changes
 * nothing: a command is refused, anything else is ignored. The verbs that the rules are made of are `Turn`'s.
 */
import type { AgentCommand, AgentStatus, ErrorCode } from '../../../src/index.ts';
import {
  BRIEF_STOP_MS,
  commands,
  exits,
  type Life,
  type Move,
  type Outcome,
  type Place,
  type Profile,
  registeredLife,
  type View,
} from './life-state.ts';
import { Turn } from './life-turn.ts';

/** Where it can be paused, or resumed. */
const HOLDABLE: readonly Place[] = [
  'registered',
  'initializing',
  'running',
  'unresponsive',
  'completed',
  'stopped',
  'waiting',
  'queued',
  'awaitingOperator',
  'gaveUp',
  'leftDown',
];

interface PlaceFacts {
  readonly status: AgentStatus;
  /** The chart's state, as records show it. */
  readonly state: string;
  /** Besides `pause` and `resume`. */
  readonly legal: readonly AgentCommand[];
}

export const places: Readonly<Record<Exclude<Place, 'forgotten'>, PlaceFacts>> = {
  registered: { status: 'registered', state: 'registered', legal: ['start', 'forget'] },
  initializing: {
    status: 'starting',
    state: 'alive.starting.initializing',
    legal: ['stop', 'kill', 'execute'],
  },
  cancelling: { status: 'starting', state: 'alive.starting.cancelling', legal: ['stop', 'kill'] },
  running: { status: 'running', state: 'alive.serving.running', legal: ['stop', 'kill', 'execute'] },
  unresponsive: {
    status: 'unresponsive',
    state: 'alive.serving.unresponsive',
    legal: ['stop', 'kill', 'execute'],
  },
  draining: { status: 'stopping', state: 'alive.stopping.draining', legal: ['stop', 'kill'] },
  aborting: { status: 'stopping', state: 'alive.stopping.aborting', legal: ['stop', 'kill'] },
  saving: { status: 'stopping', state: 'alive.stopping.saving', legal: ['stop', 'kill'] },
  terminating: { status: 'stopping', state: 'alive.stopping.terminating', legal: ['stop', 'kill'] },
  killing: { status: 'stopping', state: 'alive.killing', legal: ['stop', 'kill'] },
  completed: { status: 'completed', state: 'completed', legal: ['start', 'restart', 'forget'] },
  stopped: { status: 'stopped', state: 'stopped', legal: ['start', 'restart', 'forget'] },
  waiting: { status: 'crashed', state: 'crashed.waiting', legal: ['start', 'restart', 'forget', 'stop'] },
  queued: { status: 'crashed', state: 'crashed.queued', legal: ['start', 'restart', 'forget', 'stop'] },
  awaitingOperator: {
    status: 'crashed',
    state: 'crashed.awaitingOperator',
    legal: ['start', 'restart', 'forget'],
  },
  gaveUp: { status: 'crashed', state: 'crashed.gaveUp', legal: ['start', 'restart', 'forget'] },
  leftDown: { status: 'crashed', state: 'crashed.leftDown', legal: ['start', 'restart', 'forget'] },
};

type Rules = Partial<Record<Move, (turn: Turn) => void>>;

const starts = (origin: Exclude<Parameters<Turn['startByCaller']>[0], 'restart'>): Rules => ({
  pause: (turn) => turn.pauseAt(origin),
  resume: (turn) => turn.resumeAt(origin),
  start: (turn) => turn.startByCaller(origin),
  restart: (turn) => turn.startByCaller(origin),
  forget: (turn) => turn.forget(),
});

const bodyEnds: Rules = {
  'exit normal': (turn) => turn.end(exits['exit normal']),
  'exit shutdown': (turn) => turn.end(exits['exit shutdown']),
  'exit of its own': (turn) => turn.end(exits['exit of its own']),
  'exit killed': (turn) => turn.end(exits['exit killed']),
  'exit error': (turn) => turn.end(exits['exit error']),
};
const startFails: Rules = {
  'exit normal': (turn) => turn.failStart(exits['exit normal']),
  'exit shutdown': (turn) => turn.failStart(exits['exit shutdown']),
  'exit of its own': (turn) => turn.failStart(exits['exit of its own']),
  'exit killed': (turn) => turn.failStart(exits['exit killed']),
  'exit error': (turn) => turn.failStart(exits['exit error']),
};
/** The three ways to ask for a stop, by the grace they give. */
const stops = (rule: (turn: Turn, timeoutMs: number) => void): Rules => ({
  stop: (turn) => rule(turn, turn.profile.shutdownMs),
  'stop briefly': (turn) => rule(turn, BRIEF_STOP_MS),
  'stop now': (turn) => rule(turn, 0),
});
/** What is so wherever a body lives. */
const alive: Rules = {
  saved: (turn) => turn.keepState(),
  bug: (turn) => turn.breakDown(),
};
const working: Rules = {
  'task completed': (turn) => turn.settleTask('completed'),
  'task failed': (turn) => turn.settleTask('failed'),
  'task parked': (turn) => turn.parkTask(true),
  'task parked, who knows how long': (turn) => turn.parkTask(false),
  cancel: (turn) => turn.cancelTask(),
};
const accepting: Rules = {
  execute: (turn) => turn.accept(Infinity),
  'execute briefly': (turn) => turn.accept('briefly'),
  cancel: (turn) => turn.cancelTask(),
};
const serving: Rules = {
  ...alive,
  ...working,
  ...accepting,
  ...bodyEnds,
  pause: (turn) => turn.pause(),
  resume: (turn) => turn.resume(),
  ...stops((turn, timeoutMs) => turn.stop(timeoutMs)),
  kill: (turn) => turn.kill({ reason: 'killed', forGood: false }),
  finished: (turn) => turn.finish(),
  'check health': (turn) => turn.checkHealth(),
  'health answered': (turn) => turn.answerCheck(),
  'health failed': (turn) => turn.failCheck(),
  'old health answered': (turn) => turn.answerOldCheck(),
};
const stopping: Rules = {
  ...alive,
  ...bodyEnds,
  ...stops((turn, timeoutMs) => turn.stopAgain(timeoutMs)),
  kill: (turn) => turn.kill({ reason: 'killed', forGood: true }),
};

const rules: Readonly<Record<Place, Rules>> = {
  registered: {
    start: (turn) => turn.startByCaller('registered'),
    forget: (turn) => turn.forget(),
    pause: (turn) => turn.pauseAt('registered'),
    resume: (turn) => turn.resumeAt('registered'),
  },
  initializing: {
    ...alive,
    ...accepting,
    ...startFails,
    ready: (turn) => turn.becomeReady(),
    pause: (turn) => turn.pauseAt('starting'),
    resume: (turn) => turn.resumeAt('starting'),
    ...stops((turn, timeoutMs) => turn.stopStarting(timeoutMs)),
    kill: (turn) => turn.cancelStart('killed'),
  },
  cancelling: {
    ...alive,
    ...startFails,
    cancel: (turn) => turn.cancelTask(),
    ...stops((turn) => turn.kill({ reason: 'shutdown', forGood: true })),
    kill: (turn) => turn.awaitEnd(),
  },
  running: serving,
  unresponsive: serving,
  draining: { ...stopping, ...working, finished: (turn) => turn.finishWhileDraining() },
  aborting: { ...stopping, ...working },
  saving: {
    ...stopping,
    saved: (turn) => turn.saved(),
    'save failed': (turn) => turn.saveFailed(),
  },
  terminating: { ...stopping, ...working },
  killing: {
    ...alive,
    ...working,
    ...bodyEnds,
    ...stops((turn) => turn.stopForGood()),
    kill: (turn) => turn.awaitEnd(),
  },
  completed: starts('completed'),
  stopped: starts('stopped'),
  waiting: { ...starts('waiting'), ...stops((turn) => turn.cancelRestart()) },
  queued: {
    ...starts('waiting'),
    ...stops((turn) => turn.cancelRestart()),
    'permit freed': (turn) => turn.restartWithPermit(),
  },
  awaitingOperator: starts('awaitingOperator'),
  gaveUp: starts('gaveUp'),
  leftDown: starts('leftDown'),
  forgotten: { register: (turn) => turn.register() },
};

/** What is so in every place, when the place itself has no rule for it. */
const everywhere: Rules = {
  'check health': (turn) => turn.checkHealth(),
  update: (turn) => turn.update(),
  ghosts: (turn) => turn.hearGhosts(),
  'almost due': (turn) => turn.goAlmostDue(),
  due: (turn) => turn.goDue(),
  rest: (turn) => turn.rest(),
  'permit taken': (turn) => turn.takePermit(true),
  'permit freed': (turn) => turn.takePermit(false),
  'coordination lost': (turn) => turn.coordinate(false),
  'coordination restored': (turn) => turn.coordinate(true),
  'program dies': (turn) => turn.dieAndResume(),
};

/** The life of an agent that was registered at `now`. */
export function firstLife(now: number): Life {
  return {
    ...registeredLife(),
    now,
    stopTimeoutMs: 0,
    limit: undefined,
    guesses: 0,
    isResting: false,
    isCoordinated: true,
    deadlines: new Map(),
    tasks: [],
    acceptedTasks: 0,
    begunTasks: 0,
    checkAskedAt: undefined,
    saves: 0,
    alert: undefined,
    isPermitTaken: false,
    isPermitReclaimed: false,
    commands: 0,
    starts: [],
    ends: [],
    checks: [],
  };
}

/** What follows a move: the life after it, and all that must be seen of it. Pure. */
export function play(profile: Profile, before: Life, move: Move): { life: Life; outcome: Outcome } {
  const turn = new Turn(profile, before, viewOf);
  const isCommand = (commands as readonly string[]).includes(move);
  if (isCommand && move !== 'cancel') turn.countCommand();
  const isAllowed = (move !== 'pause' && move !== 'resume') || legalOf(before).includes(move);
  const rule = isAllowed ? (rules[before.place][move] ?? everywhere[move]) : undefined;
  if (rule !== undefined) rule(turn);
  else if (isCommand && move !== 'cancel') turn.refuse(refusalOf(before.place, move));
  return turn.over();
}

/** The commands that are legal. */
export function legalOf({ place, paused }: Life): readonly AgentCommand[] {
  if (place === 'forgotten') return [];
  const { legal } = places[place];
  return HOLDABLE.includes(place) ? [...legal, paused ? 'resume' : 'pause'] : legal;
}

/** Whether a move can be made at all: a body that is not there tells nothing. */
export function isPossible(life: Life, move: Move): boolean {
  const hasBody = bodyOf(life);
  const first = Math.min(...life.deadlines.values());
  const isHoldingPermit = life.startedFrom === 'restart' && statusOf(life) === 'starting';
  switch (move) {
    case 'cancel':
      return life.tasks.some(({ isAnswered }) => !isAnswered);
    case 'task completed':
    case 'task failed':
    case 'task parked':
    case 'task parked, who knows how long':
      return hasBody && life.tasks.some(({ isRunning }) => isRunning);
    case 'health answered':
    case 'health failed':
      return hasBody && life.checkAskedAt !== undefined;
    case 'ghosts':
      return life.hasGhost;
    case 'almost due':
      return life.deadlines.size > 0 && first - 1 >= life.now;
    case 'due':
      return life.deadlines.size > 0;
    case 'rest':
      return (life.place === 'running' || life.place === 'unresponsive') && life.deadlines.size === 0;
    case 'permit taken':
      return !life.isPermitTaken && !isHoldingPermit && first > life.now && life.place !== 'forgotten';
    case 'permit freed':
      return life.isPermitTaken;
    case 'program dies':
      // A parked task goes on in the next program, and this model has none that do: test/agent/parked.test.ts tells of them.
      return (
        life.place !== 'forgotten' && !life.tasks.some(({ isParked, isAnswered }) => isParked && !isAnswered)
      );
    case 'coordination lost':
    case 'coordination restored':
      return true;
    default:
      return isCommandOf(move) || hasBody;
  }
}

/** What the public API must show; `undefined` when it knows no such agent. */
export function viewOf(life: Life): View | undefined {
  if (life.place === 'forgotten') return undefined;
  const { status, state } = places[life.place];
  const hasBody = bodyOf(life);
  const { incarnation, restarts, reason, startedAt, endedAt, restartAt, health, abandoned, tasks, counts } =
    life;
  const running = tasks.filter(({ isRunning }) => isRunning).length;
  const atWork = `${life.isCoordinated ? 'coordinated' : 'fallback'}.${tasks.length > 0 ? 'busy' : 'idle'}`;
  const inRunning = life.paused ? (running > 0 ? 'pausing' : 'paused') : life.parked ? 'parked' : atWork;
  return {
    status,
    state: life.place === 'running' ? `${state}.${inRunning}` : state,
    incarnation,
    restarts,
    reason: hasBody ? undefined : reason,
    restartAt: life.place === 'waiting' || life.place === 'queued' ? restartAt : undefined,
    startedAt,
    endedAt: hasBody ? undefined : endedAt,
    health,
    paused: life.paused,
    parked: status === 'running' || status === 'unresponsive' ? life.parked : undefined,
    abandoned,
    metrics: { ...counts, running, waiting: tasks.length - running },
  };
}

/** Whether a body lives in this place. */
export function bodyOf({ place }: Life): boolean {
  return place !== 'forgotten' && places[place].state.startsWith('alive.');
}

function statusOf({ place }: Life): AgentStatus | undefined {
  return place === 'forgotten' ? undefined : places[place].status;
}

function isCommandOf(move: Move): boolean {
  return (commands as readonly string[]).includes(move);
}

function refusalOf(place: Place, move: Move): ErrorCode {
  if (move === 'register') return 'AGENT_EXISTS';
  if (place === 'forgotten') return 'AGENT_NOT_FOUND';
  const { status } = places[place];
  if (move === 'forget' || move === 'pause' || move === 'resume') return 'AGENT_ILLEGAL_COMMAND';
  if (move === 'start' || move === 'restart') {
    const isUp = status === 'starting' || status === 'running' || status === 'unresponsive';
    return isUp ? 'AGENT_ALREADY_RUNNING' : 'AGENT_ILLEGAL_COMMAND';
  }
  // What is left is to stop, kill or execute, where there is nothing that runs.
  return 'AGENT_NOT_RUNNING';
}
