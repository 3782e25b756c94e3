/**
 * What happened to an agent in production, as a test: the log of its store becomes a script for a scripted host and the
 * simulated clock, made as short as still brings the same about.
 *
 * The real runtime lives the life again; the agent's own code is not run. What the log does not tell (inputs of tasks
 * that are not kept, how long a stop was given) is as its spec says, or left out.
 */
import { pino } from 'pino';
import { z } from 'zod';
import { chanceOfDelay } from '../../machines/backoff.ts';
import type { ExitReason, RestartPolicy } from '../../machines/index.ts';
import { defineAgent } from '../../runtime/definition/define-agent.ts';
import { type Store, storeShape } from '../../runtime/journal/store.ts';
import type { StoredSpec, SystemEvent } from '../../runtime/journal/system-event.ts';
import { createAgentSystem } from '../../runtime/system.ts';
import { AgentSystemError, inWords } from '../../runtime/values/errors.ts';
import { parseInput } from '../../runtime/values/malformed.ts';
import { type ScriptedBody, scriptedHost } from '../scripted-host.ts';
import { shortest } from '../shortest.ts';
import { settled, simulatedClock } from '../simulated-clock.ts';
import { type IncidentStep, scriptOf, stepInWords } from './incident-script.ts';

/** What happened, as an event tells it: its kind, and why. */
export interface IncidentOutcome {
  readonly type: SystemEvent['type'];
  readonly reason?: ExitReason;
}

/** The agent that it happened to: all that its life goes by. */
export interface IncidentAgent {
  readonly id: string;
  /** Its spec, but for its module and what only its code knows. */
  readonly spec: Readonly<Record<string, unknown>>;
  /** Names of its tasks. */
  readonly tasks: readonly string[];
  /** The chance in each delay of a restart, one after the other. */
  readonly chances: readonly number[];
}

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

/** It came about again. */
export class IncidentHappened extends Error {
  override readonly name = 'IncidentHappened';
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

/**
 * Lives a script again, as `fromIncident` gives it.
 *
 * @throws IncidentHappened where it ends as it did
 */
export async function replayIncident(
  agent: IncidentAgent,
  outcome: IncidentOutcome,
  script: readonly IncidentStep[],
): Promise<void> {
  if (await comesAbout(agent, outcome, script))
    throw new IncidentHappened(`agent ${agent.id}: ${inLine(outcome)}, again`);
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
  return (spec['health'] as { readonly timeoutMs?: number } | undefined)?.timeoutMs ?? 5_000;
}

/** For the caller's answer; here there is no caller. */
function ignore(asked: Promise<unknown>): void {
  asked.catch(() => undefined);
}

async function comesAbout(
  agent: IncidentAgent,
  outcome: IncidentOutcome,
  script: readonly IncidentStep[],
): Promise<boolean> {
  const clock = simulatedClock();
  const { id } = agent;
  let isSilent = false;
  let body: ScriptedBody | undefined;
  const checks: number[] = [];
  const host = scriptedHost({
    onOpen: (opened) => {
      body = opened;
      isSilent = false;
      checks.length = 0;
    },
  });
  const chances = [...agent.chances];
  const system = await createAgentSystem({
    clock,
    random: () => chances.shift() ?? 0,
    logger: pino({ level: 'silent' }),
    hosts: { 'in-process': obliging(host, () => isSilent, checks) },
  });
  const seen = { happened: false };
  system.events.subscribe((event) => {
    const reason = 'reason' in event ? withoutStack(event.reason) : undefined;
    seen.happened ||= event.type === outcome.type && inWords(reason) === inWords(outcome.reason);
  });
  const tasks = Object.fromEntries(agent.tasks.map((name) => [name, { run: () => undefined }]));
  const module = defineAgent({ type: 'incident', init: () => ({}), tasks });
  const ids = new Map<string, string>();
  try {
    await system.agents.register({ ...agent.spec, id, module });
    const startedAt = clock.elapsed();
    for (const step of script) {
      await clock.advance(Math.max(0, startedAt + step.atMs - clock.elapsed()));
      switch (step.do) {
        case 'start':
        case 'stop':
        case 'kill':
          ignore(system.agents[step.do](id));
          break;
        case 'ready':
          if (body?.isLive) body.ready();
          break;
        case 'finished':
          if (body?.isLive) body.report({ type: 'finished' });
          break;
        case 'exit':
          if (body?.isLive) body.exit(step.reason);
          break;
        case 'falls silent':
          isSilent = true;
          break;
        case 'answers again':
          isSilent = false;
          for (const checkId of checks.splice(0)) body?.report({ type: 'health.answered', checkId });
          break;
        case 'execute':
          ignore(
            system.tasks
              .submit(id, { type: step.task, input: step.input ?? null })
              .then((task) => ids.set(step.id, task.id)),
          );
          break;
        case 'completes':
        case 'fails': {
          const taskId = ids.get(step.id);
          if (taskId === undefined || !body?.isLive) break;
          body.report(
            step.do === 'completes'
              ? { type: 'task.completed', taskId, output: step.output ?? null }
              : { type: 'task.failed', taskId, code: 'TASK_FAILED', error: step.error },
          );
        }
      }
      await settled();
    }
    // What the last step has begun comes about by a deadline at the latest.
    for (let n = 0; n < 8 && !seen.happened && (await clock.runNext()); n++);
  } finally {
    const closing = system.close({ timeoutMs: 0 });
    await clock.advance(60_000);
    await closing;
  }
  return seen.happened;
}

/** What every body does by itself: it saves when it is asked, ends when it is killed, and says that it is well. */
function obliging(
  host: ReturnType<typeof scriptedHost>,
  isSilent: () => boolean,
  checks: number[],
): typeof host {
  return {
    ...host,
    get live() {
      return host.live;
    },
    open(start, listener) {
      const opened = host.open(start, listener);
      const body = host.bodiesOf(start.agentId).at(-1)!;
      return {
        post(request) {
          if (request.type === 'state.save')
            body.report({ type: 'state.saved', state: { json: '{}', stateVersion: 1 } });
          else if (request.type === 'health.check') {
            if (isSilent()) checks.push(request.checkId);
            else body.report({ type: 'health.answered', checkId: request.checkId });
          } else opened.post(request);
        },
        kill() {
          if (body.isLive) body.exit('killed');
        },
      };
    },
  };
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

function withoutStack(reason: ExitReason): ExitReason {
  if (typeof reason !== 'object' || !('error' in reason)) return reason;
  const { name, message } = reason.error;
  return { error: { name, message } };
}

function refused(problem: string): AgentSystemError {
  return new AgentSystemError('AGENT_SPEC_INVALID', `fromIncident: ${problem}`);
}

function inLine({ type, reason }: IncidentOutcome): string {
  return reason === undefined
    ? type
    : `${type} (${typeof reason === 'string' ? reason : JSON.stringify(reason)})`;
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
