/**
 * Replays an incident: the real runtime lives a script again, on a scripted host and the simulated clock, and says
 * whether it ends as it did. The agent's own code is not run.
 */
import { pino } from 'pino';
import type { ExitReason } from '../../machines/index.ts';
import { defineAgent } from '../../runtime/definition/define-agent.ts';
import type { SystemEvent } from '../../runtime/journal/system-event.ts';
import { createAgentSystem } from '../../runtime/system.ts';
import { inWords } from '../../runtime/values/errors.ts';
import { type ScriptedBody, scriptedHost } from '../scripted-host.ts';
import { settled, simulatedClock } from '../simulated-clock.ts';
import type { IncidentStep } from './incident-script.ts';

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

/** It came about again. */
export class IncidentHappened extends Error {
  override readonly name = 'IncidentHappened';
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

/** For the caller's answer; here there is no caller. */
function ignore(asked: Promise<unknown>): void {
  asked.catch(() => undefined);
}

/** Whether the script brings the outcome about. */
export async function comesAbout(
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

/** A reason without the places in code that an error came from: they differ from run to run. */
export function withoutStack(reason: ExitReason): ExitReason {
  if (typeof reason !== 'object' || !('error' in reason)) return reason;
  const { name, message } = reason.error;
  return { error: { name, message } };
}

/** An outcome as one line of a report. */
export function inLine({ type, reason }: IncidentOutcome): string {
  return reason === undefined
    ? type
    : `${type} (${typeof reason === 'string' ? reason : JSON.stringify(reason)})`;
}
