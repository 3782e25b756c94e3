/**
 * Makes a test of what happened to an agent in production: turns the log of its store into a script, and shortens the
 * script for as long as it still brings the same about.
 *
 * What the log does not tell (inputs of tasks that are not kept, how long a stop was given) is as the agent's spec says,
 * or left out.
 */
import { z } from 'zod';
import { healthPolicy } from '../../machines/agent-spec.ts';
import { chanceOfDelay } from '../../machines/backoff.ts';
import type { RestartPolicy } from '../../machines/index.ts';
import { type Store, storeShape } from '../../runtime/journal/store.ts';
import type { StoredSpec, SystemEvent } from '../../runtime/journal/system-event.ts';
import { AgentSystemError, inWords } from '../../runtime/values/errors.ts';
import { parseInput } from '../../runtime/values/malformed.ts';
import { shortest } from '../shortest.ts';
import { type IncidentStep, scriptOf, stepInWords } from './incident-script.ts';
import {
  comesAbout,
  type IncidentAgent,
  type IncidentOutcome,
  inLine,
  withoutStack,
} from './replay-incident.ts';

/** Which incident is made a test. */
export interface FromIncidentOptions {
  /** The agent that it happened to. */
  readonly agentId: string;
  /**
   * Sequence of the event that is to be brought about again; default the agent's last crash, or give-up. The loss of the
   * whole program (`host_lost`) is none: it is passed over, and refused where it is asked for.
   */
  readonly until?: number;
}

export interface Incident {
  readonly agent: IncidentAgent;
  readonly outcome: IncidentOutcome;
  /** Sequence of the event that told of it. */
  readonly sequence: number;
  /** The shortest script that brings it about. */
  readonly script: readonly IncidentStep[];
  /** Steps of the life that it was made of. */
  readonly steps: number;
  /** A test that fails for as long as it comes about, to paste into a file. */
  readonly test: string;
  toString(): string;
}

const optionsSchema = z.strictObject({ agentId: z.string().min(1), until: z.int().min(1).optional() });
const INCIDENTS: readonly SystemEvent['type'][] = ['agent.crashed', 'agent.gave_up', 'agent.start_failed'];

/**
 * Makes a test of what happened to an agent: the shortest script with the same end.
 *
 * @param source the path of an SQLite store that no program has open (a backup, say), or a `Store`
 * @throws AgentSystemError `AGENT_NOT_FOUND` for an agent that the log does not know, `AGENT_SPEC_INVALID` for invalid
 * options and for a log from which it does not come about again, `STORE_FAILED`
 */
export async function fromIncident(source: string | Store, options: FromIncidentOptions): Promise<Incident> {
  const { agentId, until } = parseInput(optionsSchema, options, { what: 'fromIncident' });
  const events = await eventsOf(source, agentId);
  const registered = events.findLast((event) => event.type === 'agent.registered');
  if (registered === undefined) {
    const message = `fromIncident: the log has no registration of agent ${agentId}: it is not known, or retention has dropped it`;
    throw new AgentSystemError('AGENT_NOT_FOUND', message, { agentId });
  }
  const target =
    until === undefined
      ? events.findLast((event) => INCIDENTS.includes(event.type) && !isLossOfProgram(event))
      : events.find(({ sequence }) => sequence === until);
  if (target === undefined || target.sequence < registered.sequence) {
    const what = until === undefined ? 'no crash but by the loss of its program' : `no event ${until}`;
    throw refused(`the log of agent ${agentId} has ${what} since its registration`);
  }
  if (isLossOfProgram(target)) {
    throw refused(
      `event ${target.sequence} of agent ${agentId} tells of the loss of its program, which nothing that the agent did brought about`,
    );
  }
  const life = lifeOf(events, registered.sequence, target.sequence);
  const outcome: IncidentOutcome = {
    type: target.type,
    ...('reason' in target ? { reason: withoutStack(target.reason) } : {}),
  };
  const agent = agentOf(registered, life);
  const script = scriptOf(life, healthTimeoutOf(agent));
  const happens = async (steps: readonly IncidentStep[]) =>
    (await comesAbout(agent, outcome, steps)) ? steps : undefined;
  if ((await happens(script)) === undefined) {
    throw refused(
      `what the log tells of agent ${agentId} does not bring about ${outcome.type} (${inWords(outcome.reason)}) again`,
    );
  }
  const best = await shortest(script, happens);
  const test = testOf(agent, outcome, best, target.sequence);
  return {
    agent,
    outcome,
    sequence: target.sequence,
    script: best,
    steps: script.length,
    test,
    toString: () =>
      [
        `agent ${agentId}: ${inLine(outcome)}, event ${target.sequence}, by ${best.length} of ${script.length} steps:`,
      ]
        .concat(
          best.map((step) => `  ${stepInWords(step)}`),
          '',
          test,
        )
        .join('\n'),
  };
}

/** The whole program has ended: no fault of the agent. */
function isLossOfProgram(event: SystemEvent): boolean {
  return event.type === 'agent.crashed' && event.reason === 'host_lost';
}

/** From the last loss of its program on: what was before is told by the state that it left. */
function lifeOf(events: readonly SystemEvent[], from: number, to: number): readonly SystemEvent[] {
  const life = events.filter(({ sequence }) => sequence > from && sequence <= to);
  const lost = life.findLastIndex((event, place) => isLossOfProgram(event) && place < life.length - 1);
  return life.slice(lost + 1);
}

function agentOf(
  { agentId, spec, manifest }: Extract<SystemEvent, { type: 'agent.registered' }>,
  life: readonly SystemEvent[],
): IncidentAgent {
  const { restart, health, tasks, shutdownMs, startTimeoutMs, resources } = spec as StoredSpec &
    Record<string, never>;
  const { maxRuntimeMs } = (resources ?? {}) as { readonly maxRuntimeMs?: number };
  const kept = {
    restart,
    health,
    tasks,
    shutdownMs,
    startTimeoutMs,
    ...(Number.isFinite(maxRuntimeMs) ? { resources: { maxRuntimeMs } } : {}),
  };
  const chances = life.flatMap((event) =>
    event.type === 'agent.restart_scheduled' ? [chanceOf(event, restart as never)] : [],
  );
  return {
    id: agentId,
    spec: Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== undefined)),
    tasks: Object.keys(manifest.tasks),
    chances,
  };
}

/** The random number that gave a delay. */
function chanceOf(
  { delayMs, life }: Extract<SystemEvent, { type: 'agent.restart_scheduled' }>,
  policy: RestartPolicy,
): number {
  if (policy.policy !== 'delayed') return 0;
  return chanceOfDelay(policy, Math.max(0, life.history.attempt - 1), delayMs);
}

function healthTimeoutOf({ spec }: IncidentAgent): number {
  const { timeoutMs } = (spec['health'] ?? {}) as { readonly timeoutMs?: number };
  return healthPolicy.shape.timeoutMs.parse(timeoutMs);
}

async function eventsOf(source: string | Store, agentId: string): Promise<readonly SystemEvent[]> {
  const store =
    typeof source === 'string'
      ? await opened(source)
      : parseInput(storeShape, source, { what: 'fromIncident' });
  try {
    await store.recover();
    const events: SystemEvent[] = [];
    for (let after = 0; ; ) {
      const page = await store.read({ agentId, after, limit: 1_000 });
      events.push(...page);
      const last = page.at(-1);
      if (last === undefined) return events;
      after = last.sequence;
    }
  } finally {
    if (typeof source === 'string') await store.close();
  }
}

async function opened(path: string): Promise<Store> {
  const { sqliteStore } = await import('../../sqlite.ts');
  return sqliteStore(path, { create: false });
}

function refused(problem: string): AgentSystemError {
  return new AgentSystemError('AGENT_SPEC_INVALID', `fromIncident: ${problem}`);
}

function testOf(
  agent: IncidentAgent,
  outcome: IncidentOutcome,
  script: readonly IncidentStep[],
  sequence: number,
): string {
  return [
    `import { it } from 'vitest';`,
    `import { replayIncident } from 'mabeam/testing';`,
    '',
    `it(${JSON.stringify(`agent ${agent.id}: ${inLine(outcome)} does not come about again (event ${sequence})`)}, () =>`,
    `  replayIncident(`,
    `    ${JSON.stringify(agent)},`,
    `    ${JSON.stringify(outcome)},`,
    `    [`,
    ...script.map((step) => `      ${JSON.stringify(step)},`),
    `    ],`,
    `  ));`,
    '',
  ].join('\n');
}
