/** The parts of a fleet that did not start, and whether they have since. */
import type { AgentSystem, FleetFault } from '../../index.ts';

export class StartFaults {
  readonly #faults = new Map<string, FleetFault>();
  #isStarting = true;

  note(fault: FleetFault): string {
    const subject = fault.agentId ?? `pool ${fault.pool}`;
    this.#faults.set(subject, fault);
    return subject;
  }

  started(): void {
    this.#isStarting = false;
  }

  /** A check of readiness: `true` once all parts have started, else which have not. */
  verdictOn(system: AgentSystem): true | string {
    if (this.#isStarting) return 'it is starting';
    for (const [subject, { agentId, pool }] of this.#faults) {
      const isThere =
        agentId === undefined
          ? system.pools.list().some(({ name }) => name === pool)
          : system.agents.list({ status: 'running' }).some(({ id }) => id === agentId);
      if (isThere) this.#faults.delete(subject);
    }
    return this.#faults.size === 0 || `did not start: ${[...this.#faults.keys()].join(', ')}`;
  }
}
