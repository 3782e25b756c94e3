/**
 * Whether an event may come next in the history of a fleet: the laws that can be told from events alone.
 *
 * Reads a `FleetHistory`, and changes nothing.
 */
import type { SystemEvent, SystemEventType } from '../../runtime/journal/system-event.ts';
import { inLine } from './event-line.ts';
import type { FleetHistory } from './fleet-history.ts';
import { broken } from './laws.ts';
import { LIFE_ORDER } from './life-order.ts';

type OfTask = SystemEvent & { readonly taskId: string; readonly agentId: string };

/** What may follow besides what `LIFE_ORDER` allows, when another program goes on with the life. */
const RESUMED: readonly SystemEventType[] = [
  'agent.starting',
  'agent.crashed',
  'agent.stopped',
  'agent.restart_scheduled',
  'agent.forgotten',
];

/** @throws FleetLawBroken naming the law that the event breaks */
export function judgeNext(history: FleetHistory, event: SystemEvent): void {
  const { lastSequence, lastAt } = history.told;
  if (event.sequence !== lastSequence + 1)
    broken('events are one stream', `sequence ${event.sequence} follows ${lastSequence}: ${inLine(event)}`);
  if (event.at < lastAt)
    broken('events are one stream', `time runs backwards by ${lastAt - event.at} ms: ${inLine(event)}`);
  if (event.type in LIFE_ORDER) judgeLife(history, event);
  else if (event.type.startsWith('question.') || event.type === 'schedule.fired') judgeOnce(history, event);
  else if (event.type === 'budget.refilled' || event.type.startsWith('budget.')) return;
  else if ('taskId' in event) judgeTask(history, event);
  else judgeCoordination(history, event);
}

function judgeLife(history: FleetHistory, event: SystemEvent): void {
  const { agentId = '', type } = event;
  const agent = history.told.agents.get(agentId);
  if (agent === undefined) {
    if (type !== 'agent.registered')
      broken('a life goes as its chart says', `of an agent that is not there: ${inLine(event)}`);
    return;
  }
  const may = LIFE_ORDER[agent.last]!.includes(type) || (agent.isResumed && RESUMED.includes(type));
  if (!may) broken('a life goes as its chart says', `${agent.last} comes before ${inLine(event)}`);
  const expected = agent.incarnation + (type === 'agent.starting' ? 1 : 0);
  if (event.incarnation !== expected)
    broken('a life goes as its chart says', `incarnation ${expected} was to follow: ${inLine(event)}`);
  if (event.type === 'agent.crashed' && event.life.at === 'waiting' && event.reason !== 'host_lost') {
    if (agent.last === 'agent.stopping')
      broken('a life goes as its chart says', `it was asked to end, and is to restart: ${inLine(event)}`);
    const { maxRestarts, withinMs } = agent.restart;
    const recent = agent.restarts.filter((at) => event.at - at < withinMs);
    if (recent.length >= maxRestarts) {
      const many = `${recent.length + 1} restarts within ${withinMs} ms, ${maxRestarts} are allowed`;
      broken('restarts are few', `${many}: ${inLine(event)}`);
    }
  }
}

function judgeTask(history: FleetHistory, event: OfTask): void {
  const { tasks, agents } = history.told;
  const task = tasks.get(event.taskId);
  if (event.type === 'task.forgotten') return;
  if (event.type === 'task.accepted') {
    // A task that waits for its agent is accepted again when the agent runs.
    if (task?.isStarted && !task.isCarried) broken('a task ends once', `accepted twice: ${inLine(event)}`);
    return;
  }
  if (task === undefined)
    return broken('a task ends once', `it had ended, or was never accepted: ${inLine(event)}`);
  if (event.type !== 'task.started') return;
  if (task.isStarted && !task.isCarried) broken('a task ends once', `begun twice: ${inLine(event)}`);
  judgeTurn(history, event);
  const agent = agents.get(event.agentId);
  if (agent?.isPaused || agent?.parkedUntil !== undefined) {
    const how = agent.isPaused ? 'is paused' : `is parked until ${agent.parkedUntil}`;
    broken('a held agent begins nothing', `${agent.id} ${how}: ${inLine(event)}`);
  }
  // An agent that stops still works off the tasks that it has accepted.
  const isAtWork = history.isServing(event.agentId) || agent?.last === 'agent.stopping';
  if (!isAtWork || agent?.incarnation !== event.incarnation)
    broken('a task ends once', `begun in a life that does not serve: ${inLine(event)}`);
}

function judgeTurn(history: FleetHistory, event: OfTask): void {
  const { tasks } = history.told;
  const task = tasks.get(event.taskId)!;
  if (task.dueAt !== undefined && event.at < task.dueAt)
    broken('what waits has its turn', `${task.dueAt - event.at} ms before its time: ${inLine(event)}`);
  // Tasks are listed in the order in which they were accepted.
  for (const [id, other] of tasks) {
    if (other === task) return;
    if (other.agentId !== task.agentId || !other.isInTurn || other.isStarted) continue;
    if (other.priority < task.priority) continue;
    broken('what waits has its turn', `${id} is older and at least as urgent, and waits: ${inLine(event)}`);
  }
}

function judgeOnce(history: FleetHistory, event: SystemEvent): void {
  const { questions, schedules } = history.told;
  if (event.type === 'schedule.fired') {
    const last = schedules.get(event.name);
    if (last !== undefined && event.dueAt <= last)
      broken('a time comes once', `${event.dueAt} of ${event.name} comes after ${last}: ${inLine(event)}`);
    return;
  }
  const { type, questionId } = event as Extract<SystemEvent, { type: 'question.answered' }>;
  const standing = questions.get(questionId);
  const expected: Readonly<Record<string, string | undefined>> = {
    'question.asked': undefined,
    'question.refused': 'answered',
  };
  const mustBe = Object.hasOwn(expected, type) ? expected[type] : 'open';
  if (standing !== mustBe)
    broken(
      'a question is answered once',
      `${questionId} is ${standing ?? 'not there'}, and not ${mustBe ?? 'new'}: ${inLine(event)}`,
    );
}

function judgeCoordination(history: FleetHistory, event: SystemEvent): void {
  const { variables, rounds, term, agents } = history.told;
  switch (event.type) {
    case 'variable.changed': {
      const before = variables.get(event.name)?.version;
      if (before !== undefined && event.version !== before + 1)
        broken('versions only grow', `version ${event.version} follows ${before}: ${inLine(event)}`);
      return;
    }
    case 'round.opened':
      if (rounds.has(event.roundId)) broken('every round ends', `opened twice: ${inLine(event)}`);
      for (const id of event.electorate) {
        if (!history.isServing(id))
          broken('a vote counts once', `${id} does not serve, and is asked: ${inLine(event)}`);
      }
      return;
    case 'round.voted': {
      const round = rounds.get(event.roundId);
      if (event.refused !== undefined || event.term !== undefined) return;
      const asked = round?.electorate.get(event.agentId);
      if (asked === undefined)
        broken('a vote counts once', `by one who was not asked in an open round: ${inLine(event)}`);
      if (asked !== event.incarnation)
        broken('a vote counts once', `incarnation ${asked} was asked: ${inLine(event)}`);
      if (round?.voted.has(event.agentId)) broken('a vote counts once', `the second: ${inLine(event)}`);
      return;
    }
    case 'round.closed': {
      const round = rounds.get(event.roundId);
      if (round === undefined) return broken('every round ends', `not open: ${inLine(event)}`);
      const accept = event.tally?.voters.accept ?? 0;
      const there = [...round.electorate].filter(
        ([id, incarnation]) => history.isServing(id) && agents.get(id)?.incarnation === incarnation,
      );
      const total = event.tally?.voters.total ?? 0;
      if (round.isForVoters && event.cut === undefined && total !== there.length)
        broken(
          'a vote counts once',
          `${total} voters are counted, ${there.length} are there: ${inLine(event)}`,
        );
      if (accept > round.accepts)
        broken('a vote counts once', `${accept} accept in the tally, ${round.accepts} did: ${inLine(event)}`);
      return;
    }
    case 'leader.elected': {
      if (event.term <= term)
        broken('one leader a term', `term ${event.term} follows ${term}: ${inLine(event)}`);
      if (!history.isServing(event.agentId) || agents.get(event.agentId)?.incarnation !== event.incarnation)
        broken('one leader a term', `it does not serve: ${inLine(event)}`);
      return;
    }
    default:
  }
}
