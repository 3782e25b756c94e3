/** Limits of others that a fleet's agents share or ran into: `fleet.quotas`. */
import { type QuotaRecord, unknownQuota } from '../../runtime/limits/quotas.ts';
import { type ActOptions, actSchema } from '../../runtime/values/act.ts';
import { AgentSystemError } from '../../runtime/values/errors.ts';
import { parseInput } from '../../runtime/values/malformed.ts';
import { type Answer, valueOf } from '../engine/call-answer.ts';
import { toQuota } from '../engine/calls.ts';
import { type EngineClient, REPEATABLE } from '../engine/engine-client.ts';
import { QUOTAS } from '../limits/quota-object.ts';
import type { FleetAgents } from './fleet-agents.ts';
import { someAtOnce } from './some-at-once.ts';
import type { FleetCommands } from './fleet-commands.ts';

export class FleetQuotas {
  readonly #engine: EngineClient;
  readonly #commands: FleetCommands;
  readonly #agents: FleetAgents;

  constructor(engine: EngineClient, commands: FleetCommands, agents: FleetAgents) {
    this.#engine = engine;
    this.#commands = commands;
    this.#agents = agents;
  }

  /** Those that somebody waits for, or that are shared. */
  async list(): Promise<readonly QuotaRecord[]> {
    const [shared, looks] = await Promise.all([this.shared(), this.#agents.looks({ having: 'quota' })]);
    return [...shared, ...looks.flatMap(({ quota }) => (quota === undefined ? [] : [quota]))];
  }

  /**
   * Takes a limit as reset before its time, as `system.quotas.lift`.
   *
   * @param name of a group, or the id of an agent that shares no quota
   * @throws AgentSystemError `QUOTA_UNKNOWN`, `REQUEST_INVALID` for invalid options, `SYSTEM_CLOSED`
   */
  async lift(name: string, options: ActOptions = {}): Promise<QuotaRecord> {
    this.#engine.assertOpen();
    const { by } = parseInput(actSchema, options, { what: 'quotas.lift', code: 'REQUEST_INVALID' });
    if (typeof name !== 'string' || name === '') throw unknownQuota(name);
    const isShared = (await this.shared()).some((quota) => quota.name === name);
    if (isShared) {
      const at = await this.#engine.now();
      return valueOf(await this.#engine.call<Answer<QuotaRecord>>(toQuota(name, 'lift'), { by, at }));
    }
    return this.#commands.give<QuotaRecord>(name, { type: 'liftQuota', by }).catch((thrown: unknown) => {
      const isNobody = thrown instanceof AgentSystemError && thrown.code === 'AGENT_NOT_FOUND';
      throw isNobody ? unknownQuota(name) : thrown;
    });
  }

  /** @internal Identities of the charts of those that are shared. */
  async charts(): Promise<readonly { readonly name: string; readonly chart: string }[]> {
    const names = (await this.shared()).map(({ name }) => name);
    return someAtOnce(names, async (name) => {
      const chart = await this.#engine.call<string | null>(toQuota(name, 'chart'), null, REPEATABLE);
      return { name, chart: chart ?? '' };
    });
  }

  /** @internal */
  shared(): Promise<readonly QuotaRecord[]> {
    return this.#engine.call<readonly QuotaRecord[]>({ ...QUOTAS, method: 'list' }, null, REPEATABLE);
  }
}
