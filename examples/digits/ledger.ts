/**
 * What the event stream tells: every figure of the report about lives, crashes and rounds comes from here, none
 * from what the example hoped for.
 */
import type { ExitReason, SystemEvent } from '../../src/index.ts';

export interface AgentLife {
  readonly id: string;
  /** The statuses it went through, in order. */
  readonly path: string[];
  incarnations: number;
  tasksDone: number;
  tasksFailed: number;
}

/** One crash, and what followed. Times are epoch ms. */
export interface Crash {
  readonly agentId: string;
  readonly at: number;
  readonly reason: ExitReason;
  /** Of the task that was under way: how long it had been. */
  readonly lostMs: number | undefined;
  delayMs?: number;
  runningAt?: number;
}

/** A vote, or that it failed. */
export type VoteSeen = Extract<SystemEvent, { type: 'round.voted' }>['vote'];

export interface RoundSeen {
  readonly roundId: string;
  readonly proposed: Extract<SystemEvent, { type: 'round.opened' }>;
  /** One that came when the outcome was certain did not count any more. */
  readonly votes: { readonly agentId: string; readonly vote: VoteSeen; readonly counted: boolean }[];
  closed?: Extract<SystemEvent, { type: 'round.closed' }>;
}

/** The status that each event leaves its agent in; other events change no status. */
const STATUS_AFTER: Partial<Record<SystemEvent['type'], string>> = {
  'agent.registered': 'registered',
  'agent.starting': 'starting',
  'agent.started': 'running',
  'agent.unresponsive': 'unresponsive',
  'agent.recovered': 'running',
  'agent.stopping': 'stopping',
  'agent.stopped': 'stopped',
  'agent.completed': 'completed',
  'agent.crashed': 'crashed',
};

export class Ledger {
  readonly lives = new Map<string, AgentLife>();
  readonly crashes: Crash[] = [];
  readonly rounds = new Map<string, RoundSeen>();
  /** When the task under way of each agent began. */
  readonly #began = new Map<string, number>();

  note(event: SystemEvent): void {
    if ('incarnation' in event && event.agentId !== undefined) this.#noteLife(event, event.agentId);
    if (event.type === 'round.opened') {
      this.rounds.set(event.roundId, { roundId: event.roundId, proposed: event, votes: [] });
    } else if (event.type === 'round.voted') {
      const { roundId, agentId, vote, refused } = event;
      this.rounds.get(roundId)?.votes.push({ agentId, vote, counted: refused === undefined });
    } else if (event.type === 'round.closed') {
      const round = this.rounds.get(event.roundId);
      if (round) round.closed = event;
    }
  }

  #noteLife(event: SystemEvent, id: string): void {
    const life = this.#lifeOf(id);
    life.incarnations = Math.max(life.incarnations, event.incarnation ?? 0);
    const status = STATUS_AFTER[event.type];
    if (status !== undefined && life.path.at(-1) !== status) life.path.push(status);
    const crash = this.crashes.findLast(({ agentId }) => agentId === id);
    switch (event.type) {
      case 'task.started':
        this.#began.set(id, event.at);
        break;
      case 'task.completed':
        life.tasksDone++;
        this.#began.delete(id);
        break;
      case 'task.failed':
      case 'task.timed_out':
      case 'task.abandoned':
        life.tasksFailed++;
        break;
      case 'agent.crashed': {
        const began = this.#began.get(id);
        const lostMs = began === undefined ? undefined : event.at - began;
        this.crashes.push({ agentId: id, at: event.at, reason: event.reason, lostMs });
        break;
      }
      case 'agent.restart_scheduled':
        if (crash) crash.delayMs = event.delayMs;
        break;
      case 'agent.started':
        if (crash) crash.runningAt ??= event.at;
        break;
      default:
    }
  }

  #lifeOf(id: string): AgentLife {
    let life = this.lives.get(id);
    if (!life) {
      life = { id, path: [], incarnations: 0, tasksDone: 0, tasksFailed: 0 };
      this.lives.set(id, life);
    }
    return life;
  }
}
