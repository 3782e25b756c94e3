/** Hosts and agents as these tests make them, and what they ask of the system about processes. */
import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { agentSpec, type ParsedAgentSpec } from '../../src/machines/index.ts';
import type { BodyStart, Host } from '../../src/runtime/hosting/host.ts';
import { openWitnessed, type Witness } from '../../src/testing/host-laws/witness.ts';
import { eventually } from '../kit/eventually.ts';
import { temporaryDirectory } from '../journal/stores/temporary-directory.ts';
import { childrenOf } from './programs.ts';

export const faultyAgent = new URL('../fixtures/agents/faulty.ts', import.meta.url);
export const MEBIBYTE = 1_048_576;

/** Of a host whose children are scripted: what it allows them, for tests that ask for nothing special. */
export const childHostTerms = {
  kind: 'process',
  killTimeoutMs: 100,
  killGraceMs: 100,
  leaveTimeoutMs: 100,
  watchEveryMs: Infinity,
  describeTimeoutMs: 60_000,
  describerIdleMs: Infinity,
  refusal: () => undefined,
} as const;

export type SpecResources = Parameters<typeof agentSpec.parse>[0] extends never
  ? never
  : NonNullable<(typeof agentSpec)['_zod']['input']['resources']>;

export function specOf(resources: SpecResources = {}, module: object = faultyAgent): ParsedAgentSpec {
  return agentSpec.parse({ module, resources });
}

/** A body of the faulty agent; `resources` as a spec would give them. */
export function openFaulty(
  host: Host,
  { resources = {}, ...start }: Partial<Omit<BodyStart, 'resources'>> & { resources?: SpecResources } = {},
): Witness {
  return openWitnessed(host, {
    module: faultyAgent,
    initArgs: undefined,
    resources: specOf(resources).resources,
    ...start,
  });
}

export async function readyFaulty(
  host: Host,
  start: Parameters<typeof openFaulty>[1] = {},
): Promise<Witness> {
  const witness = openFaulty(host, start);
  await witness.until('ready');
  return witness;
}

export async function outputOf(witness: Witness, task: string, input?: unknown): Promise<unknown> {
  const answer = await witness.task(task, input, `${task}-${witness.reports.length}`);
  if (answer.type === 'task.failed') throw new Error(`${task} failed: ${answer.error.message}`);
  return answer.output;
}

export async function pidOf(witness: Witness): Promise<number> {
  return (await outputOf(witness, 'pid')) as number;
}

/** Whether a process is there and not merely waiting to be reaped. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat[stat.lastIndexOf(')') + 2] !== 'Z';
  } catch {
    return false;
  }
}

/** Resolves when a process is gone; a test that waits for one that stays runs into its own time limit. */
export async function gone(pid: number): Promise<void> {
  await eventually(
    () => isAlive(pid),
    (alive) => !alive,
  );
}

/** `sleep`, under a name that reads as if more followed it in `/proc`. */
export function oddSleep(): string {
  const name = join(temporaryDirectory(), 'a\n) S 1 2');
  symlinkSync('/bin/sleep', name);
  return name;
}

/** Resolves when a process has become that program. */
export async function isOdd(pid: number): Promise<void> {
  await eventually(
    () => readFileSync(`/proc/${pid}/comm`, 'latin1'),
    (name) => name.startsWith('a\n'),
  );
}

/** Ids of the living children of this process that run agents. */
export function livingChildren(): number[] {
  return childrenOf(process.pid).filter((pid) => isAlive(pid) && isAgentProcess(pid));
}

export function isAgentProcess(pid: number): boolean {
  const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  // One that is just becoming another program has none.
  return command === '' || command.includes('process-entry');
}
