/**
 * Agents in processes of their own: limits that hold, and faults that stay where they are.
 *
 * One child an agent, or one a group: members of a group share its limits, its faults and its end, and cost
 * kilobytes each.
 */
import { spawnSync } from 'node:child_process';
import type { ParsedAgentSpec } from '../../../machines/index.ts';
import { type Clock, steadyClock, systemClock } from '../../time/clock.ts';
import type { Host } from '../host.ts';
import { childHost } from './child-host.ts';
import { endedSessions } from './ended-sessions.ts';
import { commandPath } from './environment.ts';
import { GroupGuard } from './group-guard.ts';
import { canRefuseNetwork } from './node-flags.ts';
import { priorityRefusal } from './priority.ts';
import { ProcessChild } from './process-child.ts';
import { processMeter } from './process-meter.ts';
import { type RuntimeName, runtimeName } from './runtime-name.ts';

export interface ProcessHostOptions {
  readonly clock?: Clock;
  /** How long a killed process may take to be gone; then its agents are told of as stuck. Default 2,000. */
  readonly killTimeoutMs?: number;
  /** How long one member of a group may take to obey a kill; then the whole group is killed. Default 1,000. */
  readonly killGraceMs?: number;
  /** How long a process may take to leave after its last agent's end; then it is killed. Default 2,000. */
  readonly leaveTimeoutMs?: number;
  /** How often memory is measured; default 250. */
  readonly watchEveryMs?: number;
  /** How long a module may take to load when it is described; default 30,000. */
  readonly describeTimeoutMs?: number;
  /** How long the process that describes modules is kept when nobody asks; default 3,000. */
  readonly describerIdleMs?: number;
  /** The `setpriv` of util-linux; default the one on the path, where there is one that can. */
  readonly setpriv?: string | false;
  /** Where Linux tells of processes; default `/proc`, where it is there. */
  readonly procFolder?: string | false;
  /** Added to the environment of the children, whatever a spec's `resources.env` says. `NODE_COMPILE_CACHE`, a folder, halves the time they start in; it is filled by each that has started, also if it is killed later. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What runs the children; default this program's own. */
  readonly runtime?: RuntimeName;
  /** Flags of Node for the children; default those of this program, less what is its own. */
  readonly execArgv?: readonly string[];
}

/** A Node process with nothing in it holds about half of this. */
const LEAST_MEMORY_BYTES = 64 * 1_048_576;

export function processHost(options: ProcessHostOptions = {}): Host {
  const clock = steadyClock(options.clock ?? systemClock());
  const watchEveryMs = options.watchEveryMs ?? 250;
  const guard = new GroupGuard();
  const sessions = options.procFolder === false ? undefined : endedSessions(clock, options.procFolder);
  const meter = options.procFolder === false ? undefined : processMeter(options.procFolder);
  let setpriv: string | undefined | false = options.setpriv;
  const findSetpriv = (): string | undefined => {
    setpriv ??= canTie('setpriv') ? commandPath('setpriv') : false;
    return setpriv === false ? undefined : setpriv;
  };
  const runtime = options.runtime ?? runtimeName(process.versions);
  let isUntied = false;
  const untied = (problem: string): void => {
    if (isUntied) return;
    isUntied = true;
    process.emitWarning(
      `agents run without setpriv (${problem}): after a kill -9 of this program a busy one may live on for some moments`,
      { type: 'MabeamWarning', code: 'MABEAM_WITHOUT_SETPRIV' },
    );
  };
  return childHost({
    clock,
    kind: 'process',
    closed: () => guard.close(),
    killTimeoutMs: options.killTimeoutMs ?? 2_000,
    killGraceMs: options.killGraceMs ?? 1_000,
    leaveTimeoutMs: options.leaveTimeoutMs ?? 2_000,
    watchEveryMs,
    describeTimeoutMs: options.describeTimeoutMs ?? 30_000,
    describerIdleMs: options.describerIdleMs ?? 3_000,
    refusal: (spec) => refusal(spec, runtime, () => findSetpriv() !== undefined && meter !== undefined),
    start: ({ name, module, resources }, listener) =>
      new ProcessChild(
        {
          clock,
          name,
          module,
          resources,
          setpriv: isUntied ? undefined : findSetpriv(),
          untied,
          guard,
          sessions,
          meter,
          watchEveryMs,
          env: options.env ?? {},
          execArgv: options.execArgv,
        },
        listener,
      ),
  });
}

function refusal(
  { resources }: ParsedAgentSpec,
  runtime: RuntimeName,
  isWatchedFromOutside: () => boolean,
): string | undefined {
  const { maxMemoryBytes = Infinity, sandbox, cpuPriority } = resources;
  if (maxMemoryBytes < LEAST_MEMORY_BYTES) {
    return `resources.maxMemoryBytes: a process needs ${LEAST_MEMORY_BYTES} bytes at least, got ${maxMemoryBytes}`;
  }
  if (sandbox !== undefined && runtime !== 'Node') {
    return `resources.sandbox: it is the permission model of Node, and ${runtime} does not keep it`;
  }
  if (sandbox?.net === false && !canRefuseNetwork()) {
    return `resources.sandbox.net: Node ${process.version} cannot refuse its code the network`;
  }
  if (sandbox !== undefined && !sandbox.worker && !isWatchedFromOutside()) {
    return 'resources.sandbox.worker: without setpriv and /proc a thread of the process has to watch it, expected true, got false';
  }
  return priorityRefusal(cpuPriority);
}

/** Whether the command is there, and has the kernel kill what it starts with its parent. */
function canTie(command: string): boolean {
  if (process.platform !== 'linux') return false;
  return spawnSync(command, ['--pdeathsig', 'KILL', 'true'], { stdio: 'ignore' }).status === 0;
}
