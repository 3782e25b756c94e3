/** Coordination of a fleet, as its clients see it: `fleet.coordination`. */
import type { CoordinationStatus } from '../../runtime/coordination/coordination.ts';
import type { Leader } from '../../runtime/coordination/leader/leader-election.ts';
import { type ActOptions, actSchema } from '../../runtime/values/act.ts';
import { parseInput } from '../../runtime/values/malformed.ts';
import type { SeatedLeader } from '../coordination/leader-object.ts';
import { toCoordination, toLeader, toVariables } from '../engine/calls.ts';
import { type EngineClient, REPEATABLE } from '../engine/engine-client.ts';
import { isAway, type Turned } from '../engine/names.ts';

export class FleetCoordination {
  readonly #engine: EngineClient;

  constructor(engine: EngineClient) {
    this.#engine = engine;
  }

  /** It does not fail of its own: while the engine is away, whoever asks waits. */
  async status(): Promise<CoordinationStatus> {
    const { turns } = await this.#engine.call<Turned>(toVariables('turned'), null, REPEATABLE);
    return isAway(turns) ? 'suspended' : 'available';
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

  /**
   * Takes coordination away from the whole fleet, as `system.coordination.suspend`. Resolves once everybody has been told
   * who has a place on a node; those who get one later hear it with that.
   *
   * @throws AgentSystemError `REQUEST_INVALID`, `SYSTEM_CLOSED`
   */
  async suspend(options: ActOptions = {}): Promise<void> {
    await this.#turn('away', options, 'suspend');
  }

  /** Brings it back. @throws AgentSystemError `REQUEST_INVALID`, `SYSTEM_CLOSED` */
  async resume(options: ActOptions = {}): Promise<void> {
    await this.#turn('there', options, 'resume');
  }

  async #turn(to: 'away' | 'there', options: ActOptions, what: string): Promise<void> {
    this.#engine.assertOpen();
    const { by } = parseInput(actSchema, options, { what: `coordination.${what}`, code: 'REQUEST_INVALID' });
    await this.#engine.call<Turned>(toCoordination('turn'), { to, by });
  }
}
