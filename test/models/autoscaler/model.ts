/**
 * The flat model of a pool that sizes itself: when it looks, what it makes of what it sees, and how long it then
 * leaves its size alone. Written by hand; times are ms from the beginning.
 */

export const MIN = 0;
export const MAX = 2;
export const INTERVAL_MS = 10_000;
export const UP_COOLDOWN_MS = 15_000;
export const DOWN_COOLDOWN_MS = 25_000;

/** What the next look will see. */
export type Sight = 'busy' | 'calm' | 'quiet' | 'strained' | 'broken' | 'silent' | 'outdated';
/**
 * `ready`: a member that was started runs. `gone`: one that was told to end has ended. `wait`: nothing happens until
 * a deadline. `task`: the first one waits, and what is seen of it may be `broken` or `silent`; with an `outdated` sight it comes to wait while the signal is read.
 */
export type Move =
  | `look ${Sight}`
  | `size ${number}`
  | 'ready'
  | 'gone'
  | 'wait'
  | 'task'
  | 'task broken'
  | 'task silent';

export interface Scaler {
  readonly now: number;
  readonly phase: 'watching' | 'cooling_down' | 'scaling';
  /** When its next deadline is. */
  readonly dueAt: number;
  readonly size: number;
  readonly starting: number;
  /** Members on their way out; those that take no time for it are none. */
  readonly ending: number;
  readonly isSlowToEnd: boolean;
  /** Tasks that wait. */
  readonly waiting: number;
  readonly upAt: number;
  readonly downAt: number;
  readonly decidedAt: number;
  readonly isBlocked: boolean;
  readonly isBlind: boolean;
}

export interface ScalerOutcome {
  readonly scaled: readonly string[];
  readonly alerts: readonly string[];
}

const first: Scaler = {
  now: 0,
  phase: 'watching',
  dueAt: INTERVAL_MS,
  size: 1,
  starting: 0,
  ending: 0,
  isSlowToEnd: false,
  waiting: 0,
  upAt: -Infinity,
  downAt: -Infinity,
  decidedAt: 0,
  isBlocked: false,
  isBlind: false,
};

/** Moves that have to do with each other; all of them together would take all day. */
export const themes: Readonly<Record<string, readonly Move[]>> = {
  'sizes and cooldowns': ['look busy', 'look calm', 'look quiet', 'size 0', 'size 2', 'ready', 'wait'],
  'what keeps it from growing': [
    'look busy',
    'look calm',
    'look strained',
    'look broken',
    'look silent',
    'ready',
  ],
  'a task that waits for the first member': [
    'look busy',
    'look quiet',
    'look outdated',
    'task',
    'ready',
    'size 0',
    'size 1',
  ],
  'a task that waits for the first member, and a signal that says nothing': [
    'look quiet',
    'look broken',
    'look silent',
    'task',
    'task broken',
    'task silent',
    'ready',
  ],
  'a task that comes while the last member leaves': [
    'look calm',
    'look quiet',
    'look outdated',
    'task',
    'ready',
    'gone',
    'wait',
  ],
};

export function firstOf(theme: string): Scaler {
  return { ...first, isSlowToEnd: themes[theme]!.includes('gone') };
}

export function isPossible(scaler: Scaler, move: Move): boolean {
  if (move === 'ready') return scaler.starting > 0;
  if (move === 'wait') return scaler.phase === 'scaling';
  if (move === 'gone') return scaler.ending > 0;
  const isDeserted = scaler.size === 0 && scaler.waiting === 0;
  if (move.startsWith('task')) return isDeserted;
  if (move === 'look outdated' && !isDeserted) return false;
  // One that leaves takes the place of one that might come: there is none to spare for two of them.
  if (move === 'look quiet' && scaler.ending > 0) return false;
  if (move.startsWith('size')) return true;
  return scaler.phase !== 'scaling';
}

/** All that decides what can follow: how long ago something was counts until the longest cooldown is over. */
export function keyOf({ now, dueAt, upAt, downAt, decidedAt, ...rest }: Scaler): string {
  const ago = (at: number) => Math.min(DOWN_COOLDOWN_MS, now - at);
  return JSON.stringify([rest, dueAt - now, ago(upAt), ago(downAt), isCooling({ upAt, downAt }, decidedAt)]);
}

type Draft = { -readonly [Field in keyof Scaler]: Scaler[Field] };
type Told = { -readonly [Field in keyof ScalerOutcome]: string[] };

/** Pure. */
export function play(
  before: Scaler,
  move: Move,
): { readonly scaler: Scaler; readonly outcome: ScalerOutcome } {
  const scaler: Draft = { ...before };
  const told: Told = { scaled: [], alerts: [] };
  const [deed, what] = move.split(' ') as [string, string];
  if (deed === 'look') {
    scaler.now = scaler.dueAt;
    if (what === 'outdated') {
      scaler.waiting = 1;
      look(scaler, told, 'calm');
      look(scaler, told, 'own');
    } else look(scaler, told, what as Sight);
  } else if (deed === 'size') setSize(scaler, told, Number(what));
  else if (deed === 'ready') {
    scaler.starting -= 1;
    scaler.waiting = 0;
    settle(scaler);
  } else if (deed === 'gone') {
    scaler.ending -= 1;
    settle(scaler);
  } else if (deed === 'wait') {
    scaler.now = scaler.dueAt;
    rest(scaler);
  } else {
    scaler.waiting = 1;
    look(scaler, told, (what as Sight | undefined) ?? 'own');
  }
  return { scaler, outcome: told };
}

function look(scaler: Draft, told: Told, sight: Sight | 'own'): void {
  if (sight === 'silent') scaler.now += INTERVAL_MS;
  if (sight === 'silent' || sight === 'broken') {
    if (!scaler.isBlind) told.alerts.push('raised scaling_signal_failed');
    scaler.isBlind = true;
    if (sight === 'broken') scaler.decidedAt = scaler.now;
    if (scaler.size > 0 || scaler.waiting === 0) return rest(scaler);
    // It needs no figures to know that somebody has to do the task.
    scaler.decidedAt = scaler.now;
    return scaleTo(scaler, told, 1);
  }
  if (scaler.isBlind) told.alerts.push('cleared scaling_signal_failed');
  scaler.isBlind = false;
  scaler.decidedAt = scaler.now;
  const to = scaler.starting > 0 ? scaler.size : sizeAfter(scaler, sight);
  const isBlocked = to === 'blocked';
  if (isBlocked !== scaler.isBlocked) told.alerts.push(`${isBlocked ? 'raised' : 'cleared'} scaling_blocked`);
  scaler.isBlocked = isBlocked;
  if (to === 'blocked' || to === scaler.size) return rest(scaler);
  scaleTo(scaler, told, to);
}

function scaleTo(scaler: Draft, told: Told, to: number): void {
  told.scaled.push(`${scaler.size} to ${to}`);
  const isUp = to > scaler.size;
  scaler.size = to;
  scaler[isUp ? 'upAt' : 'downAt'] = scaler.now;
  if (isUp) scaler.starting += 1;
  else if (scaler.isSlowToEnd) scaler.ending += 1;
  scaler.phase = 'scaling';
  scaler.dueAt = scaler.now + INTERVAL_MS;
  settle(scaler);
}

function sizeAfter({ size, now, upAt, downAt }: Scaler, sight: Sight | 'own'): number | 'blocked' {
  // With no member at all, a task that waits is not left waiting.
  const hasGrown = size > 0 && now - upAt < UP_COOLDOWN_MS;
  const hasChanged = now - Math.max(upAt, downAt) < DOWN_COOLDOWN_MS;
  if (sight === 'strained') return size === MAX ? size : 'blocked';
  if (sight === 'busy' || sight === 'own') return size === MAX || hasGrown ? size : size + 1;
  if (sight === 'quiet') return size === MIN || hasChanged ? size : size - 1;
  return size;
}

function setSize(scaler: Draft, told: Told, size: number): void {
  if (size === scaler.size) return;
  told.scaled.push(`${scaler.size} to ${size}`);
  const missing = size - scaler.size;
  scaler.starting = Math.max(0, scaler.starting + missing);
  if (missing > 0) scaler.upAt = scaler.now;
  else scaler.downAt = scaler.now;
  scaler.size = size;
  if (scaler.phase === 'scaling') settle(scaler);
  else if (scaler.phase === 'watching') {
    scaler.phase = 'cooling_down';
    scaler.dueAt = scaler.now + INTERVAL_MS;
  }
  if (size === 0 && scaler.waiting > 0) look(scaler, told, 'own');
}

function settle(scaler: Draft): void {
  if (scaler.phase === 'scaling' && scaler.starting + scaler.ending === 0) rest(scaler);
}

function rest(scaler: Draft): void {
  scaler.phase = isCooling(scaler, scaler.decidedAt) ? 'cooling_down' : 'watching';
  scaler.dueAt = scaler.now + INTERVAL_MS;
}

function isCooling({ upAt, downAt }: Pick<Scaler, 'upAt' | 'downAt'>, now: number): boolean {
  return now - Math.max(upAt, downAt) < Math.max(UP_COOLDOWN_MS, DOWN_COOLDOWN_MS);
}
