/** An event of a system as one line for people. Pure. */
import { describeExit } from '../machines/index.ts';
import type { SpecChange, SystemEvent } from '../index.ts';
import type { Paint, Style } from './console.ts';
import { plainText } from './console.ts';
import { bytes, counted, duration, latency, moment } from './figures.ts';

/** An event of a store, or as the API sends it: with long lists cut, and redacted. */
export type AnyEvent =
  | SystemEvent
  | { readonly sequence: number; readonly at: number; readonly type: string };

const LOOKS: Partial<Record<SystemEvent['type'], Style>> = {
  'agent.crashed': 'red',
  'agent.gave_up': ['red', 'bold'],
  'agent.start_failed': 'red',
  'agent.unresponsive': 'yellow',
  'agent.parked': 'yellow',
  'agent.paused': 'yellow',
  'agent.started': 'green',
  'agent.recovered': 'green',
  'agent.completed': 'blue',
  'task.failed': 'yellow',
  'task.timed_out': 'yellow',
  'task.abandoned': 'yellow',
  'task.unknown': 'yellow',
  'alert.raised': ['red', 'bold'],
  'alert.cleared': 'green',
  'store.degraded': ['red', 'bold'],
  'store.recovered': 'green',
  'coordination.lost': 'yellow',
};

/** @param paint styles parts of the line */
export function eventLine(event: AnyEvent, paint: Paint): string {
  const { at, type } = event;
  const known = event as SystemEvent;
  const agentId = 'agentId' in event ? event.agentId : undefined;
  const look = LOOKS[known.type];
  const parts = [
    paint('dim', moment(at)),
    look === undefined ? type : paint(look, type),
    ...(agentId === undefined ? [] : [plainText(agentId)]),
    plainText(detailOf(known)),
    ...byOf(known),
  ];
  return parts.filter((part) => part !== '').join('  ');
}

/** Who asked for it, where the detail does not say so. */
function byOf(event: SystemEvent): string[] {
  if (event.type === 'variable.changed' || event.type === 'round.opened') return [];
  return 'by' in event && event.by !== undefined ? [`by ${plainText(event.by)}`] : [];
}

/** What an event says besides its type and agent. */
function detailOf(event: SystemEvent): string {
  switch (event.type) {
    case 'agent.registered':
      return event.agentType;
    case 'agent.updated':
      return event.changes.map(changeOf).join(', ');
    case 'agent.starting':
    case 'agent.started':
      return `incarnation ${event.incarnation}`;
    case 'agent.unresponsive':
      return `${event.misses} ${event.misses === 1 ? 'check' : 'checks'} missed`;
    case 'agent.stopped':
    case 'agent.completed':
    case 'agent.crashed': {
      const { abandoned } = event;
      const left = abandoned.length === 0 ? '' : `; ${counted(abandoned.length, 'task')} left undone`;
      return `${describeExit(event.reason)}${left}`;
    }
    case 'agent.start_failed':
    case 'agent.gave_up':
      return describeExit(event.reason);
    case 'agent.parked':
      return parkedInWords(event);
    case 'task.parked':
      return `${event.task} ${parkedInWords(event)}`;
    case 'agent.restart_scheduled':
      return `back in ${duration(event.delayMs)}`;
    case 'agent.state_saved':
      return bytes(event.bytes);
    case 'task.completed':
      return `${event.task} in ${latency(event.ranMs)}`;
    case 'task.failed':
      return `${event.task}: ${event.error.name}: ${event.error.message}`;
    case 'task.timed_out':
      return `${event.task} after ${duration(event.timeoutMs)}`;
    case 'task.abandoned':
      return `${event.task}: ${event.why}`;
    case 'task.accepted':
    case 'task.started':
    case 'task.unknown':
      return event.task;
    case 'task.step':
      return `${event.task}: ${event.key}`;
    case 'question.asked':
      return `${event.questionId}: ${event.question}`;
    case 'question.answered':
      return `${event.questionId}: ${inShort(event.answer)}`;
    case 'question.refused':
      return `${event.questionId}: ${event.why}`;
    case 'question.expired':
    case 'question.withdrawn':
      return event.questionId;
    case 'variable.changed':
      return `${event.name} = ${inShort(event.value)} (v${event.version}) by ${event.by}${because(event.why)}`;
    case 'variable.acknowledged':
      return `${event.name} v${event.version}`;
    case 'round.opened':
      return `${event.roundId}: ${event.variable} = ${inShort(event.value)}? by ${event.by}${because(event.why)}`;
    case 'round.voted':
      return `${event.roundId}: ${event.vote}${event.refused === undefined ? '' : ` (refused: ${event.refused})`}`;
    case 'round.closed':
      return `${event.roundId}: ${event.variable}: ${event.outcome}${event.cut === undefined ? '' : ` (${event.cut})`}`;
    case 'leader.elected':
      return `term ${event.term}`;
    case 'coordination.lost':
      return event.why;
    case 'pool.scaled':
      return `${event.pool}: ${event.from} → ${event.to}: ${event.why}`;
    case 'alert.raised':
      return `${event.alert}${event.pool === undefined ? '' : ` pool ${event.pool}`}: ${event.message}`;
    case 'alert.cleared':
      return `${event.alert}${event.pool === undefined ? '' : ` pool ${event.pool}`}`;
    case 'store.degraded':
      return event.error.message;
    case 'store.recovered':
      return event.lost === 0 ? '' : `${counted(event.lost, 'event')} lost`;
    default:
      return '';
  }
}

function parkedInWords({
  until,
  why,
  guessed,
  quota,
}: Extract<SystemEvent, { type: 'agent.parked' | 'task.parked' }>): string {
  const group = quota === undefined ? '' : ` with ${quota}`;
  return `until ${guessed ? 'about ' : ''}${moment(until)}${group}: ${why}`;
}

function because(why: string | undefined): string {
  return why === undefined ? '' : `: ${why}`;
}

/** A value in a line. */
export function inShort(value: unknown): string {
  const text = JSON.stringify(value) ?? 'undefined';
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`;
}

function changeOf({ field, from, to }: SpecChange): string {
  return `${field} ${inShort(from)} → ${inShort(to)}`;
}
