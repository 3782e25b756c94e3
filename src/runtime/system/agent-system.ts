/** A system of agents, as its program uses it: the public interface. */
import type { Consensus } from '../coordination/rounds/consensus.ts';
import type { CoordinationControl } from '../coordination/coordination.ts';
import type { Variables } from '../coordination/variables/variables.ts';
import type { Questions } from '../agent/questions.ts';
import type { Agents } from '../fleet/agents.ts';
import type { FleetEnd } from '../fleet/fleet-end.ts';
import type { Tasks } from '../fleet/tasks.ts';
import type { ReadOptions } from '../journal/reading.ts';
import type { LifeStep } from '../journal/replay.ts';
import type { EventListener, SubscribeOptions } from '../journal/subscriptions.ts';
import type { SystemEvent } from '../journal/system-event.ts';
import type { AdmissionUsage } from '../limits/admission.ts';
import type { Budgets } from '../limits/budgets.ts';
import type { Quotas } from '../limits/quotas.ts';
import type { Alert } from '../observability/alerts.ts';
import type { Coverage } from '../observability/coverage.ts';
import type { Pools } from '../pools/pools.ts';

/** How a fleet ended. */
export interface CloseReport extends FleetEnd {
  /** Ids of accepted tasks that the next program on the same durable store goes on with; left out if there are none. */
  readonly leftTasks?: readonly string[];
  /**
   * How many events a failing store did not keep; left out if it kept all. A later program does not know
   * them: it finds agents as the store last saw them, and may start agents that have ended.
   */
  readonly unkeptEvents?: number;
}

/** `closing` from the call of `close` on: nothing new begins. */
export type SystemStatus = 'open' | 'closing' | 'closed';

/** A fleet of agents in this program. */
export interface AgentSystem extends AsyncDisposable {
  /** Whether it is open, closing or closed. */
  readonly status: SystemStatus;
  /** Every agent, and every command to one. */
  readonly agents: Agents;
  /** Shared variables: typed, bounded, versioned values. */
  readonly variables: Variables;
  /** Consensus rounds. */
  readonly consensus: Consensus;
  /** Whether coordination is available, and which agent leads. */
  readonly coordination: CoordinationControl;
  /** Agents of one type behind one queue, as many as are needed. */
  readonly pools: Pools;
  /** Tasks: submit, look up, wait for, cancel, retry. */
  readonly tasks: Tasks;
  /** Questions of tasks to people, and the answers. */
  readonly questions: Questions;
  /** Everything that happens, as one ordered stream. */
  readonly events: {
    /**
     * Calls the listener with every event after it was committed, in order. While the store fails, events come
     * not committed: `committedOnly` waits until they are. With `types`, of
     * these alone. Returns how to stop listening.
     *
     * @throws AgentSystemError `AGENT_SPEC_INVALID`
     */
    subscribe(listener: EventListener, options?: SubscribeOptions): () => void;
    /**
     * An agent's life, rebuilt from its events, forgotten agents included: each step is what its
     * record said after that event. Events that retention has dropped are missing.
     *
     * @param untilSequence the last event to take in; default the newest
     * @throws AgentSystemError `AGENT_SPEC_INVALID`, `STORE_FAILED`
     */
    replay(agentId: string, untilSequence?: number): Promise<readonly LifeStep[]>;
    /** The events that the store still has, in order. @throws AgentSystemError `STORE_FAILED` */
    read(options?: ReadOptions): AsyncIterable<SystemEvent>;
  };
  /** Conditions that a person should look at. */
  readonly alerts: { list(): readonly Alert[] };
  /** Limits of others that agents share or ran into: whether one is reached, and which agents wait. */
  readonly quotas: Pick<Quotas, 'list' | 'lift'>;
  /** Budgets: tokens, money, calls and time for a task, an agent, a group, or the fleet. */
  readonly budgets: Budgets;
  /** What running agents have reserved of the system's limits, and what is left. */
  resources(): AdmissionUsage;
  /**
   * Which transitions and guard outcomes of the charts of agents, supervision, coordination, pools and limits have been taken, by
   * all systems of this program; and of the charts that agents are, where they run in it. Always counted, except for
   * charts that are inspected by a plain function.
   */
  coverage(): Coverage;
  /**
   * Stops every agent, then everything else. Later commands are refused with `SYSTEM_CLOSED`; variables can be
   * changed until the agents have ended, so that tasks that drain can do what they were to do.
   *
   * @param options.timeoutMs one deadline for all of it, ms; default the longest `shutdownMs` of the fleet
   */
  close(options?: { readonly timeoutMs?: number | undefined }): Promise<CloseReport>;
}
