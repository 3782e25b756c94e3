/**
 * The agents that are sent on tours: each with its numbers, and with the moves that matter for it.
 *
 * A profile varies one thing and leaves the rest at ease, so that its states stay few: all of them are visited,
 * and in each every one of its moves is made.
 */
import { exits, type Move, type Profile } from './life-state.ts';

const commands: readonly Move[] = ['start', 'restart', 'stop', 'stop now', 'kill'];
const registry: readonly Move[] = ['register', 'forget'];
const endings = Object.keys(exits) as Move[];
const stopBriefly: readonly Move[] = ['stop briefly'];
const time: readonly Move[] = ['almost due', 'due', 'ghosts'];
const reports: readonly Move[] = ['ready', 'finished', 'saved', 'save failed'];
const work: readonly Move[] = [
  'execute',
  'execute briefly',
  'cancel',
  'task completed',
  'task failed',
  'unknown task completed',
];
const checks: readonly Move[] = [
  'check health',
  'health answered',
  'health failed',
  'old health answered',
  'old health failed',
];
const coordination: readonly Move[] = ['coordination lost', 'coordination restored'];
const permits: readonly Move[] = ['permit taken', 'permit freed'];

const base: Omit<Profile, 'name' | 'moves'> = {
  restart: { policy: 'delayed', delayMs: 1_000, maxDelayMs: 1_500, maxRestarts: 2, withinMs: 1_000_000 },
  startTimeoutMs: 30_000,
  shutdownMs: 5_000,
  maxRuntimeMs: Infinity,
  health: { intervalMs: Infinity, timeoutMs: 2_000, failuresBeforeKill: 2 },
  tasks: { concurrency: 1, queueLimit: 1 },
  chance: 0.25,
};
const withPolicy = (restart: Partial<Profile['restart']>) => ({ restart: { ...base.restart, ...restart } });

export const profiles: readonly Profile[] = [
  {
    ...base,
    name: 'restarted after a growing delay',
    moves: [...commands, ...reports, ...endings, ...time, 'check health', 'rest'],
  },
  {
    ...base,
    ...withPolicy({ policy: 'immediate', delayMs: 500, maxRestarts: 1 }),
    name: 'restarted at once, when the fleet has a permit',
    moves: [
      ...commands,
      ...registry,
      ...permits,
      ...time,
      'update',
      'ready',
      'saved',
      'exit error',
      'exit killed',
      'program dies',
    ],
  },
  {
    ...base,
    ...withPolicy({ policy: 'manual' }),
    name: 'restarted by an operator',
    moves: [
      ...commands,
      ...registry,
      ...coordination,
      ...time,
      'update',
      'ready',
      'finished',
      'saved',
      'exit error',
      'program dies',
      'bug',
    ],
  },
  {
    ...base,
    ...withPolicy({ policy: 'never' }),
    name: 'never restarted',
    moves: [...commands, ...registry, ...stopBriefly, ...reports, ...endings, ...time, 'program dies', 'bug'],
  },
  {
    ...base,
    ...withPolicy({ maxRestarts: 1, policy: 'delayed' }),
    name: 'given up',
    moves: [...commands, 'due', 'ready', 'saved', 'exit error', 'program dies'],
  },
  {
    ...base,
    ...withPolicy({ policy: 'never' }),
    name: 'at work',
    moves: [
      'start',
      'stop',
      ...stopBriefly,
      'stop now',
      'kill',
      'update',
      ...reports,
      ...work,
      ...time,
      'exit error',
      'exit killed',
    ],
  },
  {
    ...base,
    ...withPolicy({ policy: 'never' }),
    tasks: { concurrency: 2, queueLimit: 1 },
    name: 'at work on two tasks at once',
    moves: [
      'start',
      'stop',
      'kill',
      'ready',
      'finished',
      'saved',
      'execute',
      'cancel',
      'task completed',
      'task failed',
      'due',
      'exit error',
      'program dies',
    ],
  },
  {
    ...base,
    ...withPolicy({ policy: 'never' }),
    health: { intervalMs: 10_000, timeoutMs: 2_000, failuresBeforeKill: 3 },
    tasks: { concurrency: 1, queueLimit: 0 },
    name: 'checked for its health',
    moves: [
      'start',
      'stop',
      'stop now',
      'kill',
      'ready',
      'finished',
      'saved',
      'execute',
      'task completed',
      ...checks,
      ...coordination,
      ...time,
      'update',
      'exit error',
      'exit killed',
    ],
  },
  {
    ...base,
    ...withPolicy({ policy: 'immediate', delayMs: 0 }),
    health: { intervalMs: 10_000, timeoutMs: 10_000, failuresBeforeKill: 1 },
    name: 'killed at its first missed check',
    moves: [
      'start',
      'stop',
      'kill',
      'ready',
      'saved',
      ...checks,
      ...time,
      'exit error',
      'exit killed',
      'program dies',
    ],
  },
  {
    ...base,
    ...withPolicy({ policy: 'immediate' }),
    maxRuntimeMs: 20_000,
    name: 'ended after its time',
    moves: [
      ...commands,
      ...stopBriefly,
      ...reports,
      ...time,
      'exit error',
      'exit shutdown',
      'execute',
      'task completed',
    ],
  },
  {
    ...base,
    ...withPolicy({ policy: 'immediate' }),
    shutdownMs: 0,
    maxRuntimeMs: 20_000,
    name: 'ended without grace',
    moves: [...commands, ...reports, ...endings, ...time, 'execute', 'task completed'],
  },
  {
    ...base,
    ...withPolicy({ policy: 'delayed', delayMs: Infinity, maxDelayMs: Infinity, withinMs: Infinity }),
    startTimeoutMs: Infinity,
    shutdownMs: Infinity,
    health: { intervalMs: Infinity, timeoutMs: Infinity, failuresBeforeKill: 2 },
    name: 'given all the time there is',
    moves: [...commands, ...reports, ...endings, ...checks, 'execute', 'task completed', 'ghosts'],
  },
];
