/**
 * The agents that take part in coordination: what their runtime tells of them, as what it means for variables, rounds
 * and the leader election.
 *
 * What an agent tells is noted at once; what follows for charts and for other agents is an act of the queue.
 *
 * I1  An agent hears of a variable from the moment in which its body opens: there is no time in which it runs on a
 *     value that was replaced before it ran.
 * I2  No step looks at more agents than the one it is for.
 * I3  A fault here takes coordination away until it has recovered; the agent that happened to be there is not at fault.
 */
import { weightOf } from '../../machines/index.ts';
import type { AgentCoordination } from '../agent/agent-services.ts';
import type { Agent } from '../agent/agent.ts';
import type { RunQueue } from '../engine/run-queue.ts';
import type { BodyReport, VariableState } from '../hosting/host.ts';
import type { Journal } from '../journal/journal.ts';
import type { LeaderElection } from './leader/leader-election.ts';
import type { Rounds } from './rounds/rounds.ts';
import type { Topic } from './variables/topic.ts';
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

/** One incarnation of an agent. */
interface Participant {
  readonly agent: Agent;
  readonly incarnation: number;
  readonly topics: Set<Topic>;
  isRunning: boolean;
}

const NO_VARIABLES: readonly VariableState[] = [];

export class Participants implements AgentCoordination {
  readonly #options: ParticipantsOptions;
  /** Of the agents with a body, those that declared a variable or may lead. */
  readonly #participants = new Map<string, Participant>();

  constructor(options: ParticipantsOptions) {
    this.#options = options;
  }

  agent(id: string): Agent | undefined {
    return this.#participants.get(id)?.agent;
  }

  bodyOpened(agent: Agent): readonly VariableState[] {
    const isAvailable = this.#options.isAvailable();
    if (agent.isCoordinated !== isAvailable) {
      agent.send({ type: isAvailable ? 'coordination.restored' : 'coordination.lost' });
    }
    if (!takesPart(agent)) return NO_VARIABLES;
    const participant = this.#join(agent);
    const values: VariableState[] = [];
    for (const name of new Set(agent.manifest.variables)) {
      const { current } = this.#listen(participant, name);
      if (current) values.push(current);
    }
    return values;
  }

  started(agent: Agent): void {
    if (!takesPart(agent)) return;
    try {
      const participant = this.#participants.get(agent.id) ?? this.#join(agent);
      participant.isRunning = true;
      // A module that lives elsewhere may declare more than it did when it was registered.
      for (const name of agent.manifest.variables) this.#listen(participant, name);
      for (const topic of participant.topics) {
        const listener = topic.listeners.get(agent.id);
        if (listener) topic.run(listener);
      }
    } catch (thrown) {
      this.#options.failed(thrown);
    }
    if (!agent.spec.coordination.leadershipEligible) return;
    const { id: agentId, incarnation, order } = agent;
    this.#options.queue.run(() => this.#options.election.join({ agentId, incarnation, order }));
  }

  ended(agent: Agent): void {
    const participant = this.#participants.get(agent.id);
    if (participant === undefined) return;
    const { id } = agent;
    const { incarnation, topics } = participant;
    const { variables, rounds, election, queue } = this.#options;
    this.#participants.delete(id);
    for (const topic of topics) {
      topic.leave(id, incarnation);
      rounds.left(topic, id, incarnation);
      variables.release(topic);
    }
    if (agent.spec.coordination.leadershipEligible) queue.run(() => election.leave(id, incarnation));
  }

  reported({ id: agentId }: Agent, incarnation: number, report: BodyReport): void {
    const { variables, rounds, journal, failed } = this.#options;
    try {
      if (report.type === 'variable.acknowledged') {
        const { name, version } = report;
        if (!variables.find(name)?.acknowledge(agentId, incarnation, version)) return;
        journal.emit({ type: 'variable.acknowledged', agentId, incarnation, name, version });
      } else if (report.type === 'vote.cast') rounds.voted(report.roundId, agentId, incarnation, report);
    } catch (thrown) {
      failed(thrown);
    }
  }

  #join(agent: Agent): Participant {
    const { incarnation } = agent;
    const participant: Participant = { agent, incarnation, topics: new Set(), isRunning: false };
    this.#participants.set(agent.id, participant);
    return participant;
  }

  #listen({ agent, topics, isRunning }: Participant, name: string): Topic {
    const topic = this.#options.variables.topic(name);
    if (topics.has(topic)) return topic;
    topics.add(topic);
    const { communicationPattern, participatesInConsensus, voteWeight } = agent.spec.coordination;
    const isSync = communicationPattern === 'sync';
    const listener = topic.open(agent, isSync, participatesInConsensus ? weightOf(voteWeight) : 0);
    // One that runs already did not begin with the value there is.
    if (isRunning) listener.told = 0;
    return topic;
  }
}

/** Whether coordination has anything to do with an agent. */
function takesPart({ spec, manifest }: Agent): boolean {
  return manifest.variables.length > 0 || spec.coordination.leadershipEligible;
}
