/** What the fleet decides together, as its clients see it: `fleet.consensus`. */
import type { OpenRound } from '../../runtime/coordination/rounds/consensus.ts';
import { CONFIRM_TIMEOUT_MS } from '../../runtime/coordination/rounds/fallback.ts';
import {
  type CustomFallback,
  type Decision,
  parseProposal,
  type ProposalOptions,
} from '../../runtime/coordination/rounds/proposal.ts';
import { nameOf } from '../../runtime/definition/variable-handle.ts';
import { systemClock } from '../../runtime/time/clock.ts';
import { within } from '../../runtime/time/deadline.ts';
import { AgentSystemError, errorInfoOf, inWords } from '../../runtime/values/errors.ts';
import { type Answer, valueOf } from '../engine/call-answer.ts';
import type { AskedRound, Decided } from '../coordination/coordination-service.ts';
import { type EngineClient, REPEATABLE } from '../engine/engine-client.ts';
import { toCoordination, toVariables } from '../engine/calls.ts';
import type { FleetVariables } from './fleet-variables.ts';

export class FleetConsensus {
  readonly #engine: EngineClient;
  readonly #variables: FleetVariables;
  readonly #reportFault: (message: string, thrown: unknown) => void;

  constructor(
    engine: EngineClient,
    variables: FleetVariables,
    reportFault: (message: string, thrown: unknown) => void,
  ) {
    this.#engine = engine;
    this.#variables = variables;
    this.#reportFault = reportFault;
  }

  /** The rounds that are open, oldest first: how each stood when a node of its voters answered last. */
  rounds(): Promise<readonly OpenRound[]> {
    return this.#engine.call<readonly OpenRound[]>(toVariables('rounds'), null, REPEATABLE);
  }

  /**
   * Asks every running agent that declared a variable whether it should take a value: once per node, which asks those
   * that it has. A node that does not answer in time is so many missing votes.
   *
   * A function as a fallback is asked here, once the round has ended: where this program ends before, the value stays.
   *
   * @throws AgentSystemError `ROUND_INVALID`, `VARIABLE_UNKNOWN`, `VARIABLE_INVALID`, `COORDINATION_UNAVAILABLE`,
   * `RESOURCES_EXHAUSTED` when 100 rounds are open, `SYSTEM_CLOSED`
   */
  async propose<Value = unknown>(proposal: ProposalOptions<Value>): Promise<Decision> {
    this.#engine.assertOpen();
    const { variable: asked, value, by, why, terms, custom } = parseProposal(proposal);
    const variable = nameOf(asked);
    const fit = await this.#variables.judged(variable, value, terms.deadlineMs);
    const round: AskedRound = { variable, value: fit, terms, by, why };
    const target = toCoordination('propose');
    const { decision, isConsulted } = valueOf(await this.#engine.call<Answer<Decided>>(target, round));
    return isConsulted && custom !== undefined ? this.#consult(round, decision, custom) : decision;
  }

  /** What the decision is after the proposer's own fallback: as runtime/coordination/rounds/fallback.ts. */
  async #consult(
    { variable, value, terms, by }: AskedRound,
    decision: Decision,
    custom: CustomFallback,
  ): Promise<Decision> {
    const { roundId, outcome } = decision;
    const { deadlineMs } = terms;
    const late = (): never => {
      throw new Error(`the fallback was dropped: no answer within ${deadlineMs} ms`);
    };
    try {
      const { value: current } = await this.#variables.get(variable);
      const asking = (async () => custom({ roundId, variable, value, current, outcome }))();
      const other = await within(systemClock(), deadlineMs, asking, late);
      if (other === undefined) return decision;
      const reason = { by, why: `fallback of ${roundId}`, timeoutMs: CONFIRM_TIMEOUT_MS };
      const { version } = await this.#variables.set(variable, other, reason);
      return { ...decision, version, decidedBy: 'fallback' };
    } catch (thrown) {
      if (thrown instanceof AgentSystemError && thrown.code === 'STORE_FAILED') throw thrown;
      this.#reportFault(`the fallback of ${roundId} on ${inWords(variable)} failed`, thrown);
      return { ...decision, problem: errorInfoOf(thrown).message };
    }
  }
}
