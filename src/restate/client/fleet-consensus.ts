/** What the fleet decides together, as its clients see it: `fleet.consensus`. */
import type { Decision } from '../../runtime/coordination/rounds/proposal.ts';
import { parseProposal, type ProposalOptions } from '../../runtime/coordination/rounds/proposal.ts';
import { nameOf } from '../../runtime/definition/variable-handle.ts';
import { AgentSystemError } from '../../runtime/values/errors.ts';
import { type Answer, valueOf } from '../engine/call-answer.ts';
import type { AskedRound } from '../coordination/coordination-service.ts';
import type { EngineClient } from '../engine/engine-client.ts';
import type { FleetVariables } from './fleet-variables.ts';
import { COORDINATION } from '../engine/names.ts';

export class FleetConsensus {
  readonly #engine: EngineClient;
  readonly #variables: FleetVariables;

  constructor(engine: EngineClient, variables: FleetVariables) {
    this.#engine = engine;
    this.#variables = variables;
  }

  /** @throws AgentSystemError `ROUND_INVALID`, always: a round that is open is known to the step that asks, and to nobody else */
  rounds(): Promise<never> {
    const message = 'consensus.rounds: a fleet tells of a round once it has ended, by its events';
    return Promise.reject(new AgentSystemError('ROUND_INVALID', message));
  }

  /**
   * Asks every running agent that declared a variable whether it should take a value: once per node, which asks those
   * that it has. A node that does not answer in time is so many missing votes.
   *
   * @throws AgentSystemError `ROUND_INVALID`, also for a function as a fallback; `VARIABLE_UNKNOWN`, `VARIABLE_INVALID`,
   * `SYSTEM_CLOSED`
   */
  async propose<Value = unknown>(proposal: ProposalOptions<Value>): Promise<Decision> {
    const { variable: asked, value, by, why, terms } = parseProposal(proposal);
    const variable = nameOf(asked);
    if (terms.fallback === 'custom') {
      const message = 'consensus.propose: fallback: a function is of one program, and no round of a fleet';
      throw new AgentSystemError('ROUND_INVALID', message);
    }
    const fit = await this.#variables.judged(variable, value);
    const round: AskedRound = { variable, value: fit, terms, by, why };
    const target = { service: COORDINATION, method: 'propose' };
    return valueOf(await this.#engine.call<Answer<Decision>>(target, round));
  }
}
