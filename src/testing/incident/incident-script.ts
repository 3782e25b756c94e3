/**
 * An agent's life, as its events tell of it, as a script: what was asked of it, and what its body did, each at its time.
 * Pure.
 */
import type { ErrorInfo, ExitReason } from '../../machines/index.ts';
import type { SystemEvent } from '../../runtime/journal/system-event.ts';
import { inWords } from '../../runtime/values/errors.ts';

/** One thing that is done, so many ms after the first. */
export type IncidentStep = { readonly atMs: number } & (
  | { readonly do: 'start' | 'stop' | 'kill' | 'ready' | 'finished' | 'falls silent' | 'answers again' }
  | { readonly do: 'exit'; readonly reason: ExitReason }
  | { readonly do: 'execute'; readonly id: string; readonly task: string; readonly input?: unknown }
  | { readonly do: 'completes'; readonly id: string; readonly output?: unknown }
  | { readonly do: 'fails'; readonly id: string; readonly error: ErrorInfo }
);

/** Ends that somebody else brings about: a clock, a command, a missed check. */
const BROUGHT_ABOUT = new Set([
  'killed',
  'unresponsive',
  'start_timed_out',
  'shutdown',
  'normal',
  'host_lost',
]);

/** @param events of one agent, from its first start on @param timeoutMs how long a health check is waited for */
export function scriptOf(events: readonly SystemEvent[], timeoutMs: number): readonly IncidentStep[] {
  const steps: IncidentStep[] = [];
  const from = events[0]?.at ?? 0;
  let isSilent = false;
  for (const event of events) {
    const atMs = event.at - from;
    switch (event.type) {
      case 'agent.starting':
        isSilent = false;
        if (event.life.startedFrom !== 'restart') steps.push({ atMs, do: 'start' });
        break;
      case 'agent.started':
        steps.push({ atMs, do: 'ready' });
        break;
      case 'agent.unresponsive':
        if (!isSilent) steps.push({ atMs: Math.max(0, atMs - timeoutMs), do: 'falls silent' });
        isSilent = true;
        break;
      case 'agent.recovered':
        isSilent = false;
        steps.push({ atMs, do: 'answers again' });
        break;
      case 'agent.stopping': {
        const end = events.find(
          (one) => one.sequence > event.sequence && 'reason' in one && one.type.startsWith('agent.'),
        );
        const reason = end && 'reason' in end ? end.reason : 'shutdown';
        if (reason === 'normal') steps.push({ atMs, do: 'finished' });
        else if (inWords(reason) !== inWords({ shutdown: 'max_runtime' })) steps.push({ atMs, do: 'stop' });
        break;
      }
      case 'agent.crashed':
      case 'agent.start_failed':
      case 'agent.stopped':
      case 'agent.completed':
        if (event.reason === 'killed') steps.push({ atMs, do: 'kill' });
        else if (isOfTheBody(event.reason)) steps.push({ atMs, do: 'exit', reason: event.reason });
        else if (event.reason === 'shutdown' || event.reason === 'normal')
          steps.push({ atMs, do: 'exit', reason: 'shutdown' });
        break;
      case 'task.accepted':
        steps.push({
          atMs,
          do: 'execute',
          id: event.taskId,
          task: event.task,
          ...(event.input === undefined ? {} : { input: event.input }),
        });
        break;
      case 'task.completed':
        steps.push({
          atMs,
          do: 'completes',
          id: event.taskId,
          ...(event.output === undefined ? {} : { output: event.output }),
        });
        break;
      case 'task.failed':
        steps.push({
          atMs,
          do: 'fails',
          id: event.taskId,
          error: { name: event.error.name, message: event.error.message },
        });
        break;
      default:
    }
  }
  // What led to an event may be told after it.
  return steps.toSorted((a, b) => a.atMs - b.atMs);
}

/** Whether the body ended so by itself. */
function isOfTheBody(reason: ExitReason): boolean {
  return typeof reason === 'string' ? !BROUGHT_ABOUT.has(reason) : !('shutdown' in reason);
}

/** A step as a line of a report. */
export function stepInWords(step: IncidentStep): string {
  const { atMs } = step;
  const at = `${String(atMs).padStart(9)} ms`;
  switch (step.do) {
    case 'exit':
      return `${at}  its body ends: ${inWords(step.reason)}`;
    case 'execute':
      return `${at}  execute ${step.task}(${step.input === undefined ? '' : inWords(step.input)}) as ${step.id}`;
    case 'completes':
    case 'fails':
      return `${at}  ${step.id} ${step.do}`;
    case 'ready':
    case 'finished':
    case 'falls silent':
    case 'answers again':
      return `${at}  its body: ${step.do}`;
    default:
      return `${at}  ${step.do}`;
  }
}
