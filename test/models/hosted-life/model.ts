/**
 * An agent's life as its caller sees it, on any host: where it can rest, what can be asked there, what follows.
 *
 * Flat, and written by hand from the promises of the public API, never from the chart. It knows no host: what two
 * hosts may tell differently is named here and spelled out by the test.
 */
import type { AgentCommand, AgentStatus, ErrorCode, SystemEventType } from '../../../src/index.ts';
import type { Init } from '../../fixtures/agents/mortal.ts';
import { coveringTours, type Tours } from '../life/tours.ts';

export type Place =
  | 'registered'
  | 'starting'
  | 'running'
  | 'unresponsive'
  | 'stopping'
  | 'waiting'
  | 'stopped'
  | 'completed'
  | 'awaitingOperator'
  | 'gaveUp'
  | 'leftDown'
  | 'forgotten';

export const places: Record<
  Place,
  { readonly status: AgentStatus | undefined; readonly legal: readonly AgentCommand[] }
> = {
  registered: { status: 'registered', legal: ['forget', 'pause', 'start'] },
  starting: { status: 'starting', legal: ['execute', 'kill', 'pause', 'stop'] },
  running: { status: 'running', legal: ['execute', 'kill', 'pause', 'stop'] },
  unresponsive: { status: 'unresponsive', legal: ['execute', 'kill', 'pause', 'stop'] },
  stopping: { status: 'stopping', legal: ['kill', 'stop'] },
  waiting: { status: 'crashed', legal: ['forget', 'pause', 'restart', 'start', 'stop'] },
  stopped: { status: 'stopped', legal: ['forget', 'pause', 'restart', 'start'] },
  completed: { status: 'completed', legal: ['forget', 'pause', 'restart', 'start'] },
  awaitingOperator: { status: 'crashed', legal: ['forget', 'pause', 'restart', 'start'] },
  gaveUp: { status: 'crashed', legal: ['forget', 'pause', 'restart', 'start'] },
  leftDown: { status: 'crashed', legal: ['forget', 'pause', 'restart', 'start'] },
  forgotten: { status: undefined, legal: [] },
};

export type Move =
  | AgentCommand
  | 'start that throws'
  | 'start that hangs'
  | 'start deadline'
  | 'fail'
  | 'finish'
  | 'hold'
  | 'hold on'
  | 'release'
  | 'fault'
  | 'fault, and the restart throws'
  | 'ail'
  | 'heal'
  | 'stop deadline';

/** Why a body ended. `fault` is what the host makes of one outside any task. */
export type Reason = 'normal' | 'shutdown' | 'killed' | 'fault' | 'init threw' | 'stop timed out';

export interface Life {
  readonly place: Place;
  /** Where a start that is under way came from. */
  readonly from: Place;
  /** What its running task does when it is told to end. */
  readonly work: 'none' | 'obeys' | 'holds on';
  readonly incarnation: number;
  readonly restarts: number;
  /** Restarts that count against the policy. */
  readonly recent: number;
  readonly reason: Reason | undefined;
  /** What the incarnation that runs was told: why the last one ended, and the count it left. */
  readonly previousStop: Reason | undefined;
  readonly restored: number | undefined;
  readonly count: number;
  readonly saved: number | undefined;
  /** Tasks that the last end left undone. */
  readonly abandoned: number;
  /** What each start does, in order. */
  readonly inits: readonly Init[];
  /** What the last move must have told of its life, in order. */
  readonly told: readonly SystemEventType[];
  /** What the last move was refused with. */
  readonly refused: ErrorCode | undefined;
}

export interface Profile {
  readonly name: string;
  readonly policy: 'never' | 'manual' | 'immediate';
  readonly maxRestarts: number;
  /** Whether a restart is so far away that the agent rests until then. */
  readonly isRestartFar: boolean;
  readonly moves: readonly Move[];
}

const commands: readonly AgentCommand[] = ['start', 'restart', 'stop', 'kill', 'forget', 'execute'];

export const profiles: readonly Profile[] = [
  {
    name: 'never restarted, with work under way',
    policy: 'never',
    maxRestarts: 0,
    isRestartFar: false,
    moves: [
      ...commands,
      'fail',
      'finish',
      'hold',
      'hold on',
      'release',
      'fault',
      'ail',
      'heal',
      'stop deadline',
      'start that throws',
    ],
  },
  {
    name: 'restarted by hand, with starts that hang',
    policy: 'manual',
    maxRestarts: 0,
    isRestartFar: false,
    moves: [...commands, 'finish', 'fault', 'start that throws', 'start that hangs', 'start deadline'],
  },
  {
    name: 'restarted at once',
    policy: 'immediate',
    maxRestarts: 2,
    isRestartFar: false,
    moves: [...commands, 'finish', 'fault', 'fault, and the restart throws', 'start that throws'],
  },
  {
    name: 'restarted much later',
    policy: 'immediate',
    maxRestarts: 1,
    isRestartFar: true,
    moves: [...commands, 'fault', 'start that throws'],
  },
];

export const firstLife: Life = {
  place: 'registered',
  from: 'registered',
  work: 'none',
  incarnation: 0,
  restarts: 0,
  recent: 0,
  reason: undefined,
  previousStop: undefined,
  restored: undefined,
  count: 0,
  saved: undefined,
  abandoned: 0,
  inits: [],
  told: [],
  refused: undefined,
};

/** Tours of one profile that make every move in every place; each with the life after all of it. */
export function lifePaths(
  profile: Profile,
): Tours<Move> & { readonly lives: readonly { readonly moves: readonly Move[]; readonly end: Life }[] } {
  const tours = coveringTours<Life, Move>({
    name: profile.name,
    moves: profile.moves,
    first: firstLife,
    isPossible,
    after: (life, move) => after(profile, life, move),
    keyOf: (life) => keyOf(profile, life),
  });
  const endOf = (moves: readonly Move[]) =>
    moves.reduce((life, move) => after(profile, life, move), firstLife);
  return { ...tours, lives: tours.tours.map((moves) => ({ moves, end: endOf(moves) })) };
}

function keyOf({ policy, isRestartFar }: Profile, { place, from, work, recent }: Life): string {
  const counts = policy === 'immediate' && !isRestartFar && place === 'running';
  return [place, place === 'starting' && from, work, counts && recent].filter(Boolean).join(' ');
}

const isUp = (life: Life) => life.place === 'running' || life.place === 'unresponsive';
const mayStart = ({ place }: Life) => places[place].legal.includes('start');

/** Whether a move can be made at all; a command always can, if only to be refused. */
export function isPossible(life: Life, move: Move): boolean {
  const { place, work } = life;
  const isFree = place === 'running' && work === 'none';
  switch (move) {
    case 'start that throws':
    case 'start that hangs':
      return mayStart(life);
    case 'start deadline':
      return place === 'starting';
    case 'stop deadline':
      return place === 'stopping';
    case 'fail':
    case 'finish':
    case 'fault':
      return place === 'running' && work !== 'holds on';
    case 'hold':
    case 'hold on':
    case 'fault, and the restart throws':
    case 'ail':
      return isFree;
    case 'release':
      return place === 'running' && work === 'obeys';
    case 'heal':
      return place === 'unresponsive';
    case 'execute':
      // What is accepted in a start that hangs is never begun.
      return place !== 'starting';
    default:
      return true;
  }
}

/** The life after a move that is possible. Pure. */
export function after(profile: Profile, before: Life, move: Move): Life {
  const life: Life = { ...before, told: [], refused: undefined };
  const { place } = life;
  if (isCommand(move) && !places[place].legal.includes(move)) {
    return { ...life, refused: refusalOf(place, move) };
  }
  switch (move) {
    case 'start':
    case 'restart':
      return started({ ...opened(life, 'works'), recent: 0 });
    case 'start that throws':
      return rolledBack(opened(life, 'throws'), 'AGENT_START_FAILED');
    case 'start that hangs':
      return { ...opened(life, 'hangs'), place: 'starting', from: place };
    case 'start deadline':
      return rolledBack(life, 'AGENT_START_TIMED_OUT');
    case 'execute':
      return { ...life, count: life.count + 1, saved: life.count + 1 };
    case 'fail':
      return { ...life, refused: 'TASK_FAILED' };
    case 'finish':
      return ended(
        { ...life, count: life.count + 1, saved: life.count + 1, told: ['agent.stopping'] },
        'completed',
        'normal',
        'agent.completed',
      );
    case 'hold':
      return { ...life, work: 'obeys' };
    case 'hold on':
      return { ...life, work: 'holds on' };
    case 'release':
      return { ...life, work: 'none' };
    case 'ail':
      return { ...life, place: 'unresponsive', told: ['agent.unresponsive'] };
    case 'heal':
      return { ...life, place: 'running', told: ['agent.recovered'] };
    case 'fault':
      return crashed(profile, life, 'fault', ['works']);
    case 'fault, and the restart throws':
      return crashed(profile, life, 'fault', ['throws', 'works']);
    case 'stop':
      return stop(life);
    case 'stop deadline':
      return ended(life, 'stopped', 'shutdown', 'agent.stopped');
    case 'kill':
      if (place === 'starting') return rolledBack(life, 'AGENT_START_FAILED');
      // Somebody had asked for its end already: nobody restarts it.
      if (place === 'stopping') return ended(life, 'leftDown', 'killed', 'agent.crashed');
      return crashed(profile, life, 'killed', ['works']);
    default:
      return { ...life, place: 'forgotten', saved: undefined, told: ['agent.forgotten'] };
  }
}

/** One more start, whatever comes of it. */
function opened(life: Life, init: Init): Life {
  return {
    ...life,
    incarnation: life.incarnation + 1,
    abandoned: 0,
    inits: [...life.inits, init],
    told: [...life.told, 'agent.starting'],
  };
}

function started(life: Life): Life {
  const { reason, saved } = life;
  return {
    ...life,
    place: 'running',
    previousStop: reason,
    restored: saved,
    count: saved ?? 0,
    // It is looked at once it runs, and what a task leaves is kept.
    saved: saved ?? 0,
    told: [...life.told, 'agent.started'],
  };
}

function rolledBack(life: Life, refused: ErrorCode): Life {
  const place = life.place === 'starting' ? life.from : life.place;
  const again: SystemEventType[] = place === 'waiting' ? ['agent.restart_scheduled'] : [];
  return { ...life, place, refused, told: [...life.told, 'agent.start_failed', ...again] };
}

function ended(life: Life, place: Place, reason: Reason, event: SystemEventType): Life {
  return {
    ...life,
    place,
    reason,
    work: 'none',
    abandoned: life.work === 'none' ? 0 : 1,
    told: [...life.told, event],
  };
}

function stop(life: Life): Life {
  const { place, work } = life;
  // A second stop only waits for the first.
  if (place === 'stopping') return life;
  if (place === 'waiting') {
    return { ...life, place: 'stopped', reason: 'shutdown', told: ['agent.stopped'] };
  }
  const told: SystemEventType[] = ['agent.stopping'];
  if (isUp(life) && work === 'obeys') return { ...life, place: 'stopping', told };
  const reason = work === 'holds on' ? 'stop timed out' : 'shutdown';
  const refused = place === 'starting' ? 'AGENT_START_FAILED' : undefined;
  return { ...ended({ ...life, told }, 'stopped', reason, 'agent.stopped'), refused };
}

/** A crash, and what its policy makes of it; `inits` is what the next restarts would do. */
function crashed(profile: Profile, life: Life, reason: Reason, inits: readonly Init[]): Life {
  const down = ended(life, 'leftDown', reason, 'agent.crashed');
  if (profile.policy === 'never') return down;
  if (profile.policy === 'manual') return { ...down, place: 'awaitingOperator' };
  if (down.recent >= profile.maxRestarts) {
    return { ...down, place: 'gaveUp', told: [...down.told, 'agent.gave_up'] };
  }
  const waiting: Life = {
    ...down,
    place: 'waiting',
    recent: down.recent + 1,
    told: [...down.told, 'agent.restart_scheduled'],
  };
  if (profile.isRestartFar) return waiting;
  const [init = 'works', ...later] = inits;
  const restarted = opened({ ...waiting, restarts: waiting.restarts + 1 }, init);
  if (init === 'works') return started(restarted);
  const failed: Life = { ...restarted, told: [...restarted.told, 'agent.start_failed'] };
  return crashed(profile, failed, 'init threw', later);
}

export function isCommand(move: Move): move is AgentCommand {
  return (commands as readonly Move[]).includes(move);
}

function refusalOf(place: Place, command: AgentCommand): ErrorCode {
  if (place === 'forgotten') return 'AGENT_NOT_FOUND';
  if (command === 'forget') return 'AGENT_ILLEGAL_COMMAND';
  if (command !== 'start' && command !== 'restart') return 'AGENT_NOT_RUNNING';
  const isAlreadyUp = place === 'starting' || place === 'running' || place === 'unresponsive';
  return isAlreadyUp ? 'AGENT_ALREADY_RUNNING' : 'AGENT_ILLEGAL_COMMAND';
}
