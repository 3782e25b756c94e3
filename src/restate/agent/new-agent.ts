/** An agent as it is kept before anything has happened to it. Its chart has not begun. */
import type { KeptSpec } from '../../runtime/agent/agent-terms.ts';
import { notRunning } from '../../runtime/agent/liveness.ts';
import type { AgentManifest } from '../../runtime/definition/manifest.ts';
import { lineOf } from '../tasks/task-entries.ts';
import type { Moment } from './agent-acts.ts';
import type { AgentState } from './agent-state.ts';
import { agentChartHash } from './chart-version.ts';

export interface NewAgent {
  readonly id: string;
  readonly spec: KeptSpec;
  readonly manifest: AgentManifest;
  /** Who asked for it. */
  readonly by?: string | undefined;
}

export function newAgentState({ id, spec, manifest }: NewAgent, moment: Moment): AgentState {
  return {
    format: 1,
    chart: agentChartHash(),
    id,
    registeredAt: moment.now,
    line: lineOf(moment.now, moment.chance),
    spec,
    revision: 0,
    manifest,
    life: undefined as never,
    next: undefined,
    known: undefined,
    seat: undefined,
    placement: undefined,
    deadlines: [],
    wakeAt: undefined,
    armed: 0,
    tasks: [],
    ended: [],
    mode: 'held',
    isBusy: false,
    counts: { done: 0, failed: 0, timedOut: 0, abandoned: 0, lastMs: 0, totalMs: 0, maxMs: 0 },
    abandoned: [],
    acceptedTasks: 0,
    heardOfPool: 0,
    passed: 0,
    isHeldBack: false,
    isResting: false,
    quota: undefined,
    sharedQuota: undefined,
    sharedLimit: undefined,
    children: [],
    starting: [],
    ending: [],
    holding: [],
    isMoving: false,
    health: notRunning,
    usage: undefined,
    alerts: [],
    lastExit: undefined,
    dropped: 0,
    isUnlisted: false,
    untold: [],
  };
}
