/**
 * The agents that take part in coordination: what their runtime tells of them, as what it means for variables, rounds
 * and the leader election.
 *
 * What an agent tells is noted at once; what follows for charts and for other agents is an act of the queue.
 *
 * I1  An agent hears of a variable from the moment in which its body opens: there is no time in which it runs on a
 *     value that was replaced before it ran.
 * I2  No step looks at more agents than the one it is for, nor searches for it.
 * I3  A fault here takes coordination away until it has recovered; the agent that happened to be there is not at fault.
 */
import { weightOf } from '../../machines/index.ts';
import type {
  AgentCoordination,
  CoordinatedAgent,
  CoordinatedBody,
  Participation,
} from '../agent/agent-services.ts';
import type { RunQueue } from '../engine/run-queue.ts';
import type { BodyReport, VariableState } from '../hosting/host.ts';
import { eventConstructor } from '../journal/event-constructor.ts';
import type { Journal } from '../journal/journal.ts';
import type { DraftOf } from '../journal/system-event.ts';
import type { LeaderElection } from './leader/leader-election.ts';
import type { CastVote } from './rounds/round.ts';
import type { Rounds } from './rounds/rounds.ts';
import type { Listener } from './variables/topic.ts';
import type { VariableRegistry } from './variables/variables.ts';

export interface ParticipantsOptions {
  readonly journal: Journal;
  readonly queue: RunQueue;
  readonly variables: VariableRegistry;
  readonly rounds: Rounds;
  readonly election: LeaderElection;
  readonly isAvailable: () => boolean;
  readonly failed: (thrown: unknown) => void;
}

export class Participants implements AgentCoordination {
  private readonly options: ParticipantsOptions;

  constructor(options: ParticipantsOptions) {
    this.options = options;
  }

  join(agent: CoordinatedAgent, body: CoordinatedBody): Participant | undefined {
    const isAvailable = this.options.isAvailable();
    if (agent.isCoordinated !== isAvailable) {
      agent.send({ type: isAvailable ? 'coordination.restored' : 'coordination.lost' });
    }
    const { variables } = agent.manifest;
    if (!takesPart(agent, variables)) return undefined;
    const participant = new Participant(agent, body, this.options);
    participant.opened(variables);
    return participant;
  }

  started(
    agent: CoordinatedAgent,
    body: CoordinatedBody,
    participation: Participation | undefined,
  ): Participation | undefined {
    const { variables } = agent.manifest;
    if (!takesPart(agent, variables)) return participation;
    const participant =
      (participation as Participant | undefined) ?? new Participant(agent, body, this.options);
    participant.started(variables);
    return participant;
  }

  changed(
    agent: CoordinatedAgent,
    body: CoordinatedBody,
    participation: Participation | undefined,
  ): Participation | undefined {
    if (participation === undefined)
      return agent.isServing ? this.started(agent, body, undefined) : undefined;
    (participation as Participant).changed();
    return participation;
  }

  strayed({ id }: CoordinatedAgent, incarnation: number, report: BodyReport): void {
    const { rounds, failed } = this.options;
    if (report.type !== 'vote.cast') return;
    try {
      rounds.voted(report.roundId, id, incarnation, report, undefined);
    } catch (thrown) {
      failed(thrown);
    }
  }
}

const NOTHING: readonly never[] = [];

/** Whether coordination has anything to do with an agent that listens to these variables. */
function takesPart({ spec }: CoordinatedAgent, variables: readonly string[]): boolean {
  return variables.length > 0 || spec.coordination.leadershipEligible;
}

const Acknowledged = eventConstructor(function (
  this: DraftOf<'variable.acknowledged'>,
  agentId: string,
  incarnation: number,
  name: string,
  version: number,
) {
  this.sequence = 0;
  this.at = undefined;
  this.type = 'variable.acknowledged';
  this.agentId = agentId;
  this.incarnation = incarnation;
  this.name = name;
  this.version = version;
});

/** One incarnation of an agent. */
class Participant implements Participation {
  private readonly options: ParticipantsOptions;
  /** The first of its listeners, each of which knows the next: nearly always there is one. */
  private first: Listener | undefined = undefined;
  private readonly agent: CoordinatedAgent;
  private readonly body: CoordinatedBody;
  private readonly incarnation: number;
  private isRunning = false;
  private isCandidate = false;
  private hasEnded = false;

  constructor(agent: CoordinatedAgent, body: CoordinatedBody, options: ParticipantsOptions) {
    this.options = options;
    this.agent = agent;
    this.body = body;
    this.incarnation = agent.incarnation;
  }

  get variables(): readonly VariableState[] {
    let known: readonly VariableState[] = NOTHING;
    for (let listener = this.first; listener !== undefined; listener = listener.other) {
      const { current } = listener.topic;
      // A list that grows takes room for sixteen.
      if (current) known = known.length === 0 ? [current] : [...known, current];
    }
    return known;
  }

  /** Its body opens, with the values of now of the variables that it listens to. */
  opened(variables: readonly string[]): void {
    for (let at = 0; at < variables.length; at++) this.listen(variables[at]!);
  }

  /** @param variables that it listens to: some may have been declared only since its body opened */
  started(variables: readonly string[]): void {
    const { failed } = this.options;
    this.isRunning = true;
    try {
      // What its module declares only now, it did not begin with.
      for (let at = 0; at < variables.length; at++) {
        const listener = this.listen(variables[at]!);
        if (listener) listener.told = 0;
      }
      for (let listener = this.first; listener !== undefined; listener = listener.other) {
        listener.topic.run(listener);
      }
    } catch (thrown) {
      failed(thrown);
    }
    this.stand();
  }

  /** The spec of its agent is another. */
  changed(): void {
    if (this.hasEnded) return;
    for (let listener = this.first; listener !== undefined; listener = listener.other) {
      const { isSync, voteWeight } = this.part;
      listener.topic.change(listener, isSync, voteWeight);
    }
    if (this.isRunning) this.stand();
  }

  ended(): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    const { variables, rounds } = this.options;
    for (let listener = this.first; listener !== undefined; listener = listener.other) {
      listener.topic.leave(listener);
      rounds.left(listener);
      variables.release(listener.topic);
    }
    if (this.isCandidate) this.standDown();
  }

  reported(report: BodyReport): void {
    try {
      if (report.type === 'variable.acknowledged') this.acknowledged(report.name, report.version);
      else if (report.type === 'vote.cast') this.voted(report.roundId, report);
    } catch (thrown) {
      this.options.failed(thrown);
    }
  }

  private acknowledged(name: string, version: number): void {
    const listener = this.listenerOf(name);
    if (!listener?.topic.acknowledge(listener, version)) return;
    this.options.journal.emit(new Acknowledged(listener.agentId, listener.incarnation, name, version));
  }

  private voted(roundId: string, cast: CastVote): void {
    this.options.rounds.voted(roundId, this.agent.id, this.incarnation, cast, this.first);
  }

  /** The part that its spec gives it. */
  private get part(): Pick<Listener, 'isSync' | 'voteWeight'> {
    const { communicationPattern, participatesInConsensus, voteWeight } = this.agent.spec.coordination;
    return {
      isSync: communicationPattern === 'sync',
      voteWeight: participatesInConsensus ? weightOf(voteWeight) : 0,
    };
  }

  /** Stands for election, or does so no longer, as its spec says. */
  private stand(): void {
    const { queue, election } = this.options;
    const { id: agentId, order, spec } = this.agent;
    const { leadershipEligible } = spec.coordination;
    if (leadershipEligible === this.isCandidate) return;
    if (!leadershipEligible) return this.standDown();
    this.isCandidate = true;
    const incarnation = this.incarnation;
    queue.run(() => election.join({ agentId, incarnation, order }, this.agent));
  }

  private standDown(): void {
    const { queue, election } = this.options;
    this.isCandidate = false;
    queue.run(() => election.leave(this.agent.id, this.incarnation));
  }

  private listenerOf(name: string): Listener | undefined {
    let listener = this.first;
    while (listener !== undefined && listener.topic.name !== name) listener = listener.other;
    return listener;
  }

  /** Begins to listen, unless it does already. */
  private listen(name: string): Listener | undefined {
    let last: Listener | undefined;
    for (let one = this.first; one !== undefined; one = one.other) {
      if (one.topic.name === name) return undefined;
      last = one;
    }
    const { agent, incarnation, body, part } = this;
    const topic = this.options.variables.topic(name);
    const listener = topic.open(agent.id, incarnation, body, part.isSync, part.voteWeight);
    if (last === undefined) this.first = listener;
    else last.other = listener;
    return listener;
  }
}
