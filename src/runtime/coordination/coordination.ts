/**
 * Coordination at work: its chart, and the variables, rounds and leader election under it.
 *
 * Owns whether coordination is available, and tells every agent when that changes. Its charts take their steps in
 * acts of one queue, so that code of agents that calls back finds them at rest; a fault in an act takes coordination
 * away until it has recovered.
 *
 * I1  While coordination is away no value changes, no round opens and no leader is elected; agents keep what they
 *     know and work on. When it is back, each is told what it missed.
 * I2  No step but a broadcast looks at more agents than the one it is for.
 * I3  It is available until the last agent has ended: a task that is drained can still change what it is to leave
 *     behind.
 */
import type { Logger } from 'pino';
import {
  type AwayReason,
  type ConsensusInput,
  type CoordinatorEffect,
  type CoordinatorEvent,
  coordinatorMachine,
  type ErrorInfo,
  type RestartPolicy,
  restartPolicy,
} from '../../machines/index.ts';
import type { Agent } from '../agent/agent.ts';
import type { ChartWatch } from '../engine/chart-watch.ts';
import { type Chart, type ChartEffect, createChart } from '../engine/chart.ts';
import { RunQueue } from '../engine/run-queue.ts';
import type { Journal } from '../journal/journal.ts';
import type { Recovery } from '../journal/store.ts';
import type { Alerts } from '../observability/alerts.ts';
import type { SteadyClock } from '../time/clock.ts';
import { type ActOptions, actSchema, saidBy } from '../values/act.ts';
import { AgentSystemError, errorInfoOf } from '../values/errors.ts';
import { parseInput } from '../values/malformed.ts';
import { type Leader, LeaderElection } from './leader/leader-election.ts';
import { Participants } from './participants.ts';
import { Rounds } from './rounds/rounds.ts';
import { VariableRegistry } from './variables/variables.ts';

/** Whether coordination is there: `recovering` and `gave_up` after a failure of its own. */
export type CoordinationStatus = 'available' | 'suspended' | 'recovering' | 'gave_up' | 'closed';

/** What an operator sees and may do: `system.coordination`. */
export interface CoordinationControl {
  status(): CoordinationStatus;
  /** The leader, or `undefined` while there is none. */
  leader(): Leader | undefined;
  /**
   * Takes coordination away: open rounds expire, agents work on in fallback mode with the last known values.
   *
   * @throws AgentSystemError `SYSTEM_CLOSED`
   */
  suspend(options?: ActOptions): void;
  /** Brings it back, also after it gave up: agents catch up. @throws AgentSystemError `SYSTEM_CLOSED` */
  resume(options?: ActOptions): void;
}

export interface CoordinationOptions {
  readonly journal: Journal;
  readonly clock: SteadyClock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly alerts: Alerts;
  readonly recovery: Recovery;
  readonly watch: ChartWatch;
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

const RESTART = restartPolicy.parse({ policy: 'delayed', delayMs: 100, maxDelayMs: 10_000 });

const STATUSES: Readonly<Record<string, CoordinationStatus>> = {
  available: 'available',
  'away.suspended': 'suspended',
  'away.recovering': 'recovering',
  'away.gaveUp': 'gave_up',
  closed: 'closed',
};

export class Coordination implements CoordinationControl {
  readonly variables: VariableRegistry;
  readonly consensus: Rounds;
  readonly participants: Participants;
  readonly #options: CoordinationOptions;
  readonly #queue: RunQueue;
  readonly #election: LeaderElection;
  #chart: Chart<typeof coordinatorMachine>;
  #phase: Phase = 'open';
  #by: string | undefined = undefined;

  constructor(options: CoordinationOptions) {
    this.#options = options;
    const { journal, clock, recovery, watch, logger } = options;
    const reportFault = (message: string, err: unknown) => logger.error({ err }, message);
    const failed = (thrown: unknown) => this.#failed(thrown);
    const queue = new RunQueue(failed);
    this.#queue = queue;
    this.variables = new VariableRegistry({
      journal,
      clock,
      recovery,
      assertAvailable: () => this.#assertAvailable(),
      changed: (topic) => this.consensus.variableChanged(topic),
      queue,
      reportFault,
    });
    const election = new LeaderElection({
      journal,
      facts: recovery.facts,
      isAvailable: () => this.#phase === 'open' && this.status() === 'available',
      changed: (term) => this.#chart.send({ type: 'leader.changed', term }),
    });
    this.#election = election;
    this.consensus = new Rounds({
      journal,
      lastSequence: recovery.lastSequence,
      clock,
      variables: this.variables,
      election,
      queue,
      chart: { ...watch, clock: queue.clockOf(clock), failed },
      assertAvailable: () => {
        options.assertOpen();
        this.#assertAvailable();
      },
      isClosing: () => this.#phase !== 'open',
      request: (round) => this.#request(round),
      reportFault,
    });
    this.participants = new Participants({
      journal,
      queue,
      variables: this.variables,
      rounds: this.consensus,
      election,
      isAvailable: () => this.status() === 'available',
      failed,
    });
    this.#chart = this.#createChart();
  }

  status(): CoordinationStatus {
    if (this.#phase === 'closed') return 'closed';
    const { status, path } = this.#chart;
    return status === 'active' ? STATUSES[path]! : 'gave_up';
  }

  leader(): Leader | undefined {
    return this.#election.leader;
  }

  suspend(options: ActOptions = {}): void {
    this.#options.assertOpen();
    const { by } = parseInput(actSchema, options, { what: 'coordination.suspend', code: 'REQUEST_INVALID' });
    this.#askedBy(by, () => this.#chart.send({ type: 'coordination.suspend' }));
  }

  resume(options: ActOptions = {}): void {
    this.#options.assertOpen();
    const { by } = parseInput(actSchema, options, { what: 'coordination.resume', code: 'REQUEST_INVALID' });
    this.#askedBy(by, () => {
      if (this.#chart.status === 'active') {
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

  /** @internal Open rounds expire, no other opens and no leader is elected; values change until `close`. */
  halt(): void {
    if (this.#phase === 'open') this.#phase = 'closing';
    this.#queue.run(() => this.consensus.cutAll('system_closed'));
    this.consensus.stopWaiting();
  }

  /** @internal All agents have ended: nothing changes any more, and nothing is waited for. */
  close(): void {
    this.#phase = 'closed';
    this.#tell({ type: 'coordination.close' });
    for (const topic of this.variables.topics()) topic.giveUpWaiting(topic.version);
    this.#chart.stop();
  }

  #createChart(): Chart<typeof coordinatorMachine> {
    const { clock, watch, maxOpenRounds, restart = RESTART } = this.#options;
    return createChart(
      coordinatorMachine,
      { maxOpenRounds, recovery: restart },
      {
        ...watch,
        clock: this.#queue.clockOf(clock),
        perform: (effect) => this.#perform(effect),
        child: ({ input }, report) => this.consensus.begin(input as ConsensusInput, report),
        onBug: (error) => this.#chartBroke(error),
      },
      watch.driver,
    );
  }

  #perform(effect: ChartEffect): void {
    try {
      this.#act(effect as CoordinatorEffect);
    } catch (thrown) {
      this.#failed(thrown);
    }
  }

  #act(effect: CoordinatorEffect): void {
    const { consensus } = this;
    switch (effect.type) {
      case 'refuseRound':
        return consensus.refuse(effect.params.roundId, effect.params.why);
      case 'writeOff':
        return consensus.writeOff(effect.params.roundId, effect.params.error);
      case 'announceAway':
        return this.#announceAway(effect.params.why, effect.params.error);
      case 'announceBack':
        return this.#announceBack();
      case 'enact':
      case 'reopen':
      case 'consult':
      case 'conclude':
        return consensus.follow(effect.type, effect.params.output);
    }
  }

  #announceAway(why: AwayReason, error: ErrorInfo | undefined): void {
    const { journal, alerts, agents } = this.#options;
    const cause = error === undefined ? '' : `: ${error.message}`;
    const words = { suspended: 'suspended', failed: `it failed${cause}`, gave_up: `it gave up${cause}` };
    journal.emit({ type: 'coordination.lost', why: words[why], ...saidBy(this.#by) });
    if (why === 'gave_up') {
      alerts.raise('coordination_lost', `coordination failed too often, and waits to be resumed${cause}`);
    }
    for (const agent of agents()) if (agent.position.isAlive) agent.send({ type: 'coordination.lost' });
  }

  #announceBack(): void {
    const { journal, alerts, agents } = this.#options;
    journal.emit({ type: 'coordination.restored', ...saidBy(this.#by) });
    alerts.clear('coordination_lost');
    for (const agent of agents()) if (agent.position.isAlive) agent.send({ type: 'coordination.restored' });
    this.#election.elect();
    for (const topic of this.variables.topics()) {
      for (const listener of topic.listeners) topic.catchUp(listener);
    }
  }

  #request(round: Omit<ConsensusInput, 'term'>): void {
    if (this.#chart.status === 'active') this.#chart.send({ type: 'round.requested', round });
    else this.consensus.refuse(round.roundId, this.#phase === 'closed' ? 'closed' : 'away');
  }

  /** Events that are emitted meanwhile carry their `by`. */
  #askedBy(by: string | undefined, work: () => void): void {
    this.#queue.run(() => {
      this.#by = by;
      try {
        work();
      } finally {
        this.#by = undefined;
      }
    });
  }

  #tell(event: CoordinatorEvent): void {
    this.#queue.run(() => this.#chart.send(event));
  }

  /** A fault of its own: coordination goes away, and recovers. */
  #failed(thrown: unknown): void {
    const { clock, random, logger } = this.#options;
    logger.error({ err: thrown }, 'coordination failed');
    const error = errorInfoOf(thrown);
    this.#tell({ type: 'coordination.failed', at: clock.elapsed(), chance: random(), error });
  }

  #chartBroke(error: unknown): void {
    this.#options.logger.error({ err: error }, 'a bug in the chart of coordination: it waits to be resumed');
    this.#queue.run(() => {
      this.consensus.writeOffAll(error);
      this.#announceAway('gave_up', errorInfoOf(error));
    });
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
