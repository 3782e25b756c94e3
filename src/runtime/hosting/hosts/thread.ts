/**
 * Agents in threads of their own: a fault ends its thread, and most blocked loops can be ended.
 *
 * It cannot keep everything off the program: memory limits are soft, `abort()` and native faults are the whole
 * program's, and some loops are never ended (`stuck`). Use a process for code that is not trusted so far.
 */
import type { ParsedAgentSpec } from '../../../machines/index.ts';
import { type Clock, steadyClock, systemClock } from '../../time/clock.ts';
import type { Host } from '../host.ts';
import { type ChildHostTerms, childHost } from './child-host.ts';
import { priorityRefusal } from './priority.ts';
import { type RuntimeName, runtimeName } from './runtime-name.ts';
import { ThreadChild } from './thread-child.ts';

export interface ThreadHostOptions {
  readonly clock?: Clock;
  /** How long a terminated thread may take to be gone; then its agent is told of as stuck. Default 2,000. */
  readonly killTimeoutMs?: number;
  /** How long a thread may take to leave after its agent's end; then it is terminated. Default 2,000. */
  readonly leaveTimeoutMs?: number;
  /** How often memory is measured; default 50. */
  readonly watchEveryMs?: number;
  /** How long a module may take to load when it is described; default 30,000. */
  readonly describeTimeoutMs?: number;
  /** How long the thread that describes modules is kept when nobody asks; default 3,000. */
  readonly describerIdleMs?: number;
  /** What runs the threads; default this program's own. */
  readonly runtime?: RuntimeName;
}

export function threadHost(options: ThreadHostOptions = {}): Host {
  const clock = steadyClock(options.clock ?? systemClock());
  const runtime = options.runtime ?? runtimeName(process.versions);
  const terms: ChildHostTerms = {
    clock,
    kind: 'thread',
    killTimeoutMs: options.killTimeoutMs ?? 2_000,
    killGraceMs: 0,
    leaveTimeoutMs: options.leaveTimeoutMs ?? 2_000,
    watchEveryMs: options.watchEveryMs ?? 50,
    describeTimeoutMs: options.describeTimeoutMs ?? 30_000,
    describerIdleMs: options.describerIdleMs ?? 3_000,
    refusal: (spec) => refusal(spec, runtime),
    start: ({ name, resources, isDescriber }, listener) =>
      new ThreadChild({ clock, name, resources, isHeard: !isDescriber }, listener),
  };
  return childHost(terms);
}

function refusal({ resources }: ParsedAgentSpec, runtime: RuntimeName): string | undefined {
  if (resources.sandbox !== undefined) {
    return 'resources.sandbox: a thread has the permissions of its program; use isolation "process"';
  }
  if (resources.maxMemoryBytes !== undefined && runtime === 'Deno') {
    return 'resources.maxMemoryBytes: Deno does not tell what a thread holds; use isolation "process"';
  }
  if (resources.group !== undefined) {
    return 'resources.group: a thread is one agent\'s own; use isolation "process"';
  }
  if (resources.cpuPriority !== 'normal' && process.platform !== 'linux') {
    return `resources.cpuPriority: a thread has a priority of its own on Linux only, this is ${process.platform}; use isolation "process"`;
  }
  if (resources.env !== undefined && resources.env !== 'all') {
    return 'resources.env: a thread has the environment of its program; use isolation "process"';
  }
  return priorityRefusal(resources.cpuPriority);
}
