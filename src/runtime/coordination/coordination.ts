/**
 * Coordination at work: its chart, the variables, rounds and leader under it, and their way to the agents.
 *
 * Owns whether coordination is there, and tells every agent when that changes. All that agents report of it comes
 * in here; a fault in handling it takes coordination away until it has recovered, and never an agent.
 *
 * I1  While coordination is away no value changes, no round opens and no leader is elected; agents keep what they
 *     know and work on. When it is back, each is told what it missed.
 * I2  An agent hears of a variable from the moment its body opens: there is no time in which it runs on a value
 *     that was replaced before it ran.
 * I3  No step but a broadcast looks at more agents than the one it is for.
 * I4  It is there until the last agent has ended: a task that is drained can still change what it is to leave behind.
 *
 * Source: seed, "Agent-Coordination Interface" and "Coordination System Recovery".
 */
import type { Logger } from 'pino';
import {
  type AwayReason,
  type CoordinatorEffect,
  coordinatorMachine,
  consensusMachine,
  type ErrorInfo,
  type RestartPolicy,
  restartPolicy,
} from '../../machines/index.ts';
import type { Agent } from '../agent/agent.ts';
import type { AgentCoordination } from '../agent/agent-services.ts';
import type { Alerts } from '../observability/alerts.ts';
import { type Chart, type ChartOptions, createChart } from '../engine/chart.ts';
import type { Clock } from '../time/clock.ts';
import { AgentSystemError, errorInfoOf } from '../values/errors.ts';
import type { BodyReport, VariableState } from '../hosting/host.ts';
import type { Journal } from '../journal/journal.ts';
import type { Recovery } from '../journal/store.ts';
import { type Electable, type RoundChart, Rounds } from './rounds/consensus.ts';
import { Office } from './leader/leader-election.ts';
import type { Topic } from './variables/topic.ts';
import { Turns } from './turns.ts';
import { VariableRegistry } from './variables/variables.ts';

/** Whether coordination is there: `recovering` and `gave_up` after a failure of its own. */
export type CoordinationStatus = 'available' | 'suspended' | 'recovering' | 'gave_up' | 'closed';

export interface Leader {
  readonly agentId: string;
  readonly incarnation: number;
  /** Of its election: 1, 2, 3 … */
  readonly term: number;
}

/** What an operator sees and may do: `system.coordination`. */
export interface CoordinationControl {
  status(): CoordinationStatus;
  /** The leader in office, or `undefined`. */
  leader(): Leader | undefined;
  /**
   * Takes coordination away: open rounds expire, agents work on in fallback mode with the last known values.
   *
   * @throws AgentSystemError `SYSTEM_CLOSED`
   */
  suspend(): void;
  /** Brings it back, also after it gave up: agents catch up. @throws AgentSystemError `SYSTEM_CLOSED` */
  resume(): void;
}

export interface CoordinationOptions {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly alerts: Alerts;
  readonly recovery: Recovery;
  readonly chartOptions: Omit<ChartOptions, 'onBug'>;
  readonly maxOpenRounds: number;
  /** The whole fleet, for what all of it is told. */
  readonly agents: () => Iterable<Agent>;
  /** Throws `SYSTEM_CLOSED` once the system closes. */
  readonly assertOpen: () => void;
  /** When it is tried again after a failure of its own. */
  readonly restart?: RestartPolicy;
}

/** How far the end of its system has come. While it is `closing` values change, and no more is decided together. */
type Phase = 'open' | 'closing' | 'closed';

/** What an incarnation of an agent takes part in. */
interface Member extends Electable {
  readonly agent: Agent;
  readonly topics: Set<Topic>;
  isRunning: boolean;
}

type Params<Type extends CoordinatorEffect['type']> = Omit<
  Extract<CoordinatorEffect, { type: Type }>,
  'type'
>;
type CoordinatorChart = Chart<typeof coordinatorMachine>;

const RESTART = restartPolicy.parse({ policy: 'delayed', delayMs: 100, maxDelayMs: 10_000 });
const NO_VARIABLES: readonly VariableState[] = [];

export class Coordination implements AgentCoordination, CoordinationControl {
  readonly variables: VariableRegistry;
  readonly consensus: Rounds;
  readonly #options: CoordinationOptions;
  readonly #office: Office;
  /** Of the agents with a body, those that coordination has anything to do with. */
  readonly #members = new Map<string, Member>();
  readonly #turns: Turns;
  #chart: CoordinatorChart;
  #phase: Phase = 'open';

  constructor(options: CoordinationOptions) {
    this.#options = options;
    const { journal, clock, recovery } = options;
    const reportFault = (message: string, err: unknown) => options.logger.error({ err }, message);
    this.#turns = new Turns((thrown) => this.#failed(thrown));
    this.variables = new VariableRegistry({
      journal,
      clock,
      recovery,
      assertAvailable: () => this.#assertAvailable(),
      changed: (topic) => this.consensus.variableChanged(topic),
      turns: this.#turns,
      reportFault,
    });
    this.#office = new Office({
      journal,
      facts: recovery.facts,
      isAvailable: () => this.#phase === 'open' && this.status() === 'available',
      changed: (term) => this.#tell({ type: 'leader.changed', term }),
    });
    this.consensus = new Rounds({
      journal,
      clock,
      variables: this.variables,
      office: this.#office,
      assertAvailable: () => {
        options.assertOpen();
        this.#assertAvailable();
      },
      isClosing: () => this.#phase !== 'open',
      request: (round) => this.#tell({ type: 'round.requested', round }),
      chartOf: (roundId) => this.#roundChart(roundId),
      electorOf: (agentId) => this.#members.get(agentId),
      reportFault,
    });
    this.#chart = this.#createChart();
  }

  status(): CoordinationStatus {
    if (this.#phase === 'closed') return 'closed';
    const { status, value } = this.#chart.snapshot();
    if (status !== 'active') return 'gave_up';
    if (typeof value === 'string') return value;
    return value.away === 'gaveUp' ? 'gave_up' : value.away;
  }

  leader(): Leader | undefined {
    const { leader, term } = this.#office.leadership;
    return leader && { agentId: leader.agentId, incarnation: leader.incarnation, term };
  }

  suspend(): void {
    this.#options.assertOpen();
    this.#turns.take(() => this.#tell({ type: 'coordination.suspend' }));
  }

  resume(): void {
    this.#options.assertOpen();
    this.#turns.take(() => {
      if (this.#chart.snapshot().status === 'active') {
        this.#chart.send({ type: 'coordination.resume' });
        return;
      }
      this.#chart = this.#createChart();
      this.#chart.send({ type: 'leader.changed', term: this.leader()?.term });
      this.#announceBack();
    });
  }

  /** @internal Reports what an earlier program on the same store left open. */
  recover({ rounds }: Recovery): void {
    this.consensus.expire(rounds);
  }

  /** @internal What follows from what was told so far follows now. */
  flush(): void {
    this.#turns.flush();
  }

  /** @internal Open rounds expire, no other opens and no leader is elected; values change until `close`. */
  halt(): void {
    if (this.#phase === 'open') this.#phase = 'closing';
    this.#turns.take(() => this.#turns.later(() => this.consensus.cutAll('system_closed')));
    this.consensus.stopWaiting();
  }

  /** @internal All agents have ended: nothing changes any more, and nothing is waited for. */
  close(): void {
    this.#phase = 'closed';
    this.#turns.take(() => this.#tell({ type: 'coordination.close' }));
    for (const topic of this.variables.topics()) topic.giveUpWaiting(topic.version);
    this.#chart.stop();
  }

  // What agents tell.

  bodyOpened(agent: Agent): readonly VariableState[] {
    const isAvailable = this.status() === 'available';
    if (agent.isCoordinated !== isAvailable) {
      agent.send({ type: isAvailable ? 'coordination.restored' : 'coordination.lost' });
    }
    const { coordination } = agent.spec;
    const { variables } = agent.manifest;
    if (variables.length === 0 && !coordination.leadershipEligible) return NO_VARIABLES;
    const member = this.#join(agent);
    const values: VariableState[] = [];
    for (const name of new Set(variables)) {
      const topic = this.#enter(member, name);
      if (topic.current) values.push(topic.current);
    }
    return values;
  }

  started(agent: Agent): void {
    const { leadershipEligible } = agent.spec.coordination;
    const { variables } = agent.manifest;
    if (variables.length === 0 && !leadershipEligible) return;
    this.#turns.begin(() => {
      const member = this.#members.get(agent.id) ?? this.#join(agent);
      member.isRunning = true;
      // A module that lives elsewhere may declare more than it did when it was registered.
      for (const name of variables) this.#enter(member, name);
      for (const topic of member.topics) {
        const listener = topic.listeners.get(agent.id);
        if (listener) topic.run(listener);
      }
    });
    if (!leadershipEligible) return;
    const { id: agentId, incarnation, order } = agent;
    this.#turns.later(() => this.#office.join({ agentId, incarnation, order }));
  }

  ended(agent: Agent): void {
    const member = this.#members.get(agent.id);
    if (member === undefined) return;
    const { id, incarnation, topics } = member;
    this.#members.delete(id);
    for (const topic of topics) {
      topic.leave(id, incarnation);
      this.variables.release(topic);
    }
    this.#turns.later(() => {
      for (const topic of topics) this.consensus.left(topic, id, incarnation);
      this.#office.leave(id, incarnation);
    });
  }

  reported(agent: Agent, incarnation: number, report: BodyReport): void {
    this.#turns.take(() => {
      if (report.type === 'variable.acknowledged') {
        const { name, version } = report;
        if (!this.variables.find(name)?.acknowledge(agent.id, incarnation, version)) return;
        this.#options.journal.emit({ type: report.type, agentId: agent.id, incarnation, name, version });
      } else if (report.type === 'vote.cast') {
        const { roundId, vote, error } = report;
        const answer = error === undefined ? vote : 'failed';
        this.consensus.voted(roundId, { agentId: agent.id, incarnation, answer, error });
      }
    });
  }

  #join(agent: Agent): Member {
    const { id, incarnation } = agent;
    const { participatesInConsensus, voteWeight } = agent.spec.coordination;
    const member: Member = {
      id,
      incarnation,
      agent,
      participates: participatesInConsensus,
      voteWeight,
      topics: new Set(),
      isRunning: false,
    };
    this.#members.set(id, member);
    return member;
  }

  #enter(member: Member, name: string): Topic {
    const topic = this.variables.topic(name);
    if (member.topics.has(topic)) return topic;
    member.topics.add(topic);
    const { communicationPattern } = member.agent.spec.coordination;
    const listener = topic.open(member.agent, communicationPattern === 'sync');
    // One that runs already did not begin with the value there is.
    if (member.isRunning) listener.told = 0;
    return topic;
  }

  // What the chart asks for.

  #createChart(): CoordinatorChart {
    const { clock, chartOptions, maxOpenRounds, restart = RESTART } = this.#options;
    const { consensus } = this;
    const does =
      <Given>(effect: (params: Given) => void) =>
      (_: unknown, params: Given): void =>
        this.#turns.later(() => effect(params));
    const round = consensusMachine.provide({
      actions: {
        askVoters: does(({ roundId }: { roundId: string }) => consensus.ask(roundId)),
        askLeader: does(({ roundId, term }: { roundId: string; term: number }) =>
          consensus.askLeader(roundId, term),
        ),
      },
    });
    const logic = coordinatorMachine.provide({
      actors: { consensus: round },
      actions: {
        refuseRound: does(({ roundId, why }: Params<'refuseRound'>) => consensus.refuse(roundId, why)),
        enact: does(({ output }: Params<'enact'>) => consensus.enact(output)),
        reopen: does(({ output }: Params<'reopen'>) => consensus.reopen(output)),
        consult: does(({ output }: Params<'consult'>) => consensus.consult(output)),
        conclude: does(({ output }: Params<'conclude'>) => consensus.conclude(output)),
        writeOff: does(({ roundId, error }: Params<'writeOff'>) => consensus.writeOff(roundId, error)),
        announceAway: does(({ why, error }: Params<'announceAway'>) => this.#announceAway(why, error)),
        announceBack: does(() => this.#announceBack()),
      },
    });
    return createChart(
      logic,
      { maxOpenRounds, recovery: restart },
      { ...chartOptions, clock, onBug: (error) => this.#chartBroke(error) },
    );
  }

  #announceAway(why: AwayReason, error: ErrorInfo | undefined): void {
    const { journal, alerts, agents } = this.#options;
    const cause = error === undefined ? '' : `: ${error.message}`;
    const words = { suspended: 'suspended', failed: `it failed${cause}`, gave_up: `it gave up${cause}` };
    journal.emit({ type: 'coordination.lost', why: words[why] });
    if (why === 'gave_up') {
      alerts.raise('coordination_lost', `coordination failed too often, and waits to be resumed${cause}`);
    }
    for (const agent of agents()) if (agent.position.isAlive) agent.send({ type: 'coordination.lost' });
  }

  #announceBack(): void {
    const { journal, alerts, agents } = this.#options;
    journal.emit({ type: 'coordination.restored' });
    alerts.clear('coordination_lost');
    for (const agent of agents()) if (agent.position.isAlive) agent.send({ type: 'coordination.restored' });
    this.#office.fill();
    for (const topic of this.variables.topics()) {
      for (const listener of topic.listeners.values()) topic.catchUp(listener);
    }
  }

  /** A fault of its own: coordination goes away, and recovers. The agent that happened to be there is not at fault. */
  #failed(thrown: unknown): void {
    const { clock, random, logger } = this.#options;
    logger.error({ err: thrown }, 'coordination failed');
    const error = errorInfoOf(thrown);
    this.#tell({ type: 'coordination.failed', at: clock.now(), chance: random(), error });
  }

  #tell(event: Parameters<CoordinatorChart['send']>[0]): void {
    this.#turns.later(() => {
      if (this.#chart.snapshot().status === 'active') this.#chart.send(event);
    });
  }

  #chartBroke(error: unknown): void {
    this.#options.logger.error({ err: error }, 'a bug in the chart of coordination: it waits to be resumed');
    this.#turns.later(() => {
      this.consensus.writeOffAll(error);
      this.#announceAway('gave_up', errorInfoOf(error));
    });
  }

  #roundChart(roundId: string): RoundChart | undefined {
    const { children } = this.#chart.snapshot();
    const chart = children[roundId];
    if (chart === undefined) return undefined;
    const { status, value, context } = chart.getSnapshot();
    if (status !== 'active') return undefined;
    return { send: (event) => chart.send(event), phase: value, tally: context.tally };
  }

  #assertAvailable(): void {
    const status = this.status();
    if (status === 'available') return;
    if (status === 'closed') throw new AgentSystemError('SYSTEM_CLOSED', 'the system has closed');
    throw new AgentSystemError(
      'COORDINATION_UNAVAILABLE',
      `coordination is away (${status}): values stay as they are`,
      { details: { status } },
    );
  }
}
