/** Coordination of a fleet, as its clients see it: `fleet.coordination`. It cannot be taken away. */
import type { CoordinationStatus } from '../../runtime/coordination/coordination.ts';
import type { Leader } from '../../runtime/coordination/leader/leader-election.ts';
import { AgentSystemError } from '../../runtime/values/errors.ts';
import type { SeatedLeader } from '../coordination/leader-object.ts';
import { toLeader } from '../engine/calls.ts';
import { type EngineClient, REPEATABLE } from '../engine/engine-client.ts';

export class FleetCoordination {
  readonly #engine: EngineClient;

  constructor(engine: EngineClient) {
    this.#engine = engine;
  }

  /** Always available: what is asked waits until the engine answers. */
  status(): Promise<CoordinationStatus> {
    return Promise.resolve('available');
  }

  /** Who was elected last, without an election now: it may have ended since. */
  async elected(): Promise<Leader | undefined> {
    return (await this.#engine.call<Leader | null>(toLeader('elected'), null, REPEATABLE)) ?? undefined;
  }

  /** The leader, or `undefined` while no agent that runs may lead: elected when somebody asks. */
  async leader(): Promise<Leader | undefined> {
    const seated = await this.#engine.call<SeatedLeader | null>(toLeader('lead'), null);
    if (seated === null) return undefined;
    const { agentId, incarnation, term } = seated;
    return { agentId, incarnation, term };
  }

  /** @throws AgentSystemError `COORDINATION_UNAVAILABLE`, always */
  suspend(): Promise<never> {
    return refused('suspend');
  }

  /** @throws AgentSystemError `COORDINATION_UNAVAILABLE`, always */
  resume(): Promise<never> {
    return refused('resume');
  }
}

function refused(what: string): Promise<never> {
  const message = `coordination.${what}: coordination of a fleet is there as long as its engine is`;
  return Promise.reject(new AgentSystemError('COORDINATION_UNAVAILABLE', message));
}
