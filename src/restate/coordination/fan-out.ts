/**
 * A question to all bodies of a node at once: asked in memory, answered with one message.
 *
 * I1  It always answers, at its deadline at the latest: a body that has not answered by then is not in the answer.
 */
import type { Answer } from '../../machines/index.ts';
import type { Proposal } from '../../runtime/definition/contexts.ts';
import type { OutOfDate } from '../../runtime/coordination/variables/topic.ts';
import type { ErrorInfo } from '../../machines/index.ts';
import type { VariableState } from '../../runtime/hosting/host.ts';
import type { SteadyClock } from '../../runtime/time/clock.ts';
import { within } from '../../runtime/time/deadline.ts';
import type { Resident } from '../nodes/resident.ts';

/** The answer of one incarnation. */
export interface Voice {
  readonly agentId: string;
  readonly incarnation: number;
}

export interface SpreadRequest {
  readonly variable: VariableState;
  readonly timeoutMs: number;
}

export interface SpreadAnswer {
  readonly acknowledged: readonly Voice[];
  readonly outOfDate: readonly Voice[];
}

export interface VoteRequest {
  readonly proposal: Proposal;
  /** Those who may vote. */
  readonly electorate: readonly Voice[];
  readonly timeoutMs: number;
}

export interface CastBallot extends Voice {
  readonly answer: Answer;
  readonly error?: ErrorInfo | undefined;
}

/**
 * Tells every body that declared the variable, and waits until those that are `sync` have acknowledged it, or have
 * ended. A body may have this version already: it began with it, or this is told for the second time.
 */
export async function spreadVariable(
  residents: readonly Resident[],
  given: unknown,
  clock: SteadyClock,
): Promise<SpreadAnswer> {
  const { variable, timeoutMs } = given as SpreadRequest;
  const listeners = residents.filter(({ variables }) => variables.includes(variable.name));
  const acknowledged = new Set(
    listeners.filter((resident) => resident.acknowledged(variable.name) >= variable.version),
  );
  const { promise, resolve } = Promise.withResolvers<void>();
  const awaited = new Set(listeners.filter((resident) => isSync(resident) && !acknowledged.has(resident)));
  const settle = (resident: Resident): void => {
    if (awaited.delete(resident) && awaited.size === 0) resolve();
  };
  const letGo = listeners.flatMap((resident) => [
    resident.whenEnded(() => settle(resident)),
    resident.ask({ type: 'variable.changed', variable }, (report) => {
      if (report.type !== 'variable.acknowledged' || report.name !== variable.name) return;
      if (report.version < variable.version) return;
      acknowledged.add(resident);
      settle(resident);
    }),
  ]);
  if (awaited.size > 0) await within(clock, timeoutMs, promise, () => undefined);
  // Bodies that answer at once have answered by the next turn of the event loop.
  else await new Promise((next) => setImmediate(next));
  for (const end of letGo) end();
  const voices = (wanted: boolean): Voice[] =>
    listeners
      .filter((resident) => resident.isServing && acknowledged.has(resident) === wanted)
      .map(({ agentId, incarnation }) => ({ agentId, incarnation }));
  return { acknowledged: voices(true), outOfDate: voices(false) };
}

/** Agents that declared a variable and have not acknowledged this version of it. */
export function behind(residents: readonly Resident[], given: unknown): readonly OutOfDate[] {
  const { name, version } = given as { name: string; version: number };
  return residents
    .filter((resident) => resident.variables.includes(name) && resident.acknowledged(name) < version)
    .map((resident) => ({
      agentId: resident.agentId,
      incarnation: resident.incarnation,
      version: resident.acknowledged(name),
    }));
}

export interface VoteAnswer {
  readonly ballots: readonly CastBallot[];
  /** Voters of the electorate that are not, or no longer, on this node. */
  readonly left: readonly Voice[];
}

/** Asks the voters that are here, and waits until all have answered, or ended. */
export async function askVotes(
  residents: readonly Resident[],
  given: unknown,
  clock: SteadyClock,
): Promise<VoteAnswer> {
  const { proposal, electorate, timeoutMs } = given as VoteRequest;
  const wanted = new Map(electorate.map(({ agentId, incarnation }) => [agentId, incarnation]));
  const voters = residents.filter(({ agentId, incarnation }) => wanted.get(agentId) === incarnation);
  const ballots = new Map<Resident, CastBallot>();
  const { promise, resolve } = Promise.withResolvers<void>();
  // A body that ends has answered already, or never will.
  const open = new Set(voters.filter(({ isServing }) => isServing));
  const settle = (resident: Resident): void => {
    open.delete(resident);
    if (open.size === 0) resolve();
  };
  const letGo = voters.map((resident) =>
    resident.ask({ type: 'vote.asked', proposal }, (report) => {
      if (report.type !== 'vote.cast' || report.roundId !== proposal.roundId || ballots.has(resident)) return;
      const { agentId, incarnation } = resident;
      const { vote, error } = report;
      ballots.set(resident, { agentId, incarnation, answer: error === undefined ? vote : 'failed', error });
      settle(resident);
    }),
  );
  const letEnd = voters.map((resident) => resident.whenEnded(() => settle(resident)));
  if (open.size > 0) await within(clock, timeoutMs, promise, () => undefined);
  for (const end of [...letGo, ...letEnd]) end();
  const here = new Set(voters.filter(({ isServing }) => isServing).map(({ agentId }) => agentId));
  return { ballots: [...ballots.values()], left: electorate.filter(({ agentId }) => !here.has(agentId)) };
}

function isSync({ spec }: Resident): boolean {
  return spec?.coordination.communicationPattern === 'sync';
}
