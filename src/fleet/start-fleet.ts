/**
 * Makes a system of a fleet: budgets and variables, then pools and agents.
 *
 * I1  With `onFault` a part that fails is reported and left out; without it the whole start fails, and nothing is left.
 * I2  Pools and agents start side by side, agents so many at once; no two starts of one fleet share a system.
 * I3  Pools are there before an agent starts: a task that goes on with it may call one.
 * I4  Budgets and variables are there before anything that an earlier program left goes on.
 */
import { AgentSystemError, errorInfoOf } from '../runtime/values/errors.ts';
import { createDefinedSystem } from '../runtime/system.ts';
import type { AgentSystem } from '../runtime/system/agent-system.ts';
import type { Fleet, FleetFault, FleetStartOptions } from './fleet.ts';

/** Starts under way at once. */
const STARTS_AT_ONCE = 32;

export async function startFleet(
  fleet: Fleet,
  { onFault, onSystem, signal, ...options }: FleetStartOptions,
): Promise<AgentSystem> {
  signal?.throwIfAborted();
  const { store: createStore, limits, budgets, variables, definitions } = fleet;
  const store = options.store ?? createStore?.();
  const given = {
    ...(limits === undefined ? {} : { limits }),
    budgets,
    ...options,
    ...(store === undefined ? {} : { store }),
    agents: definitions,
  };
  const { system, defined } = await createDefinedSystem(given, variables);
  const { promise: aborted, reject: abort } = Promise.withResolvers<never>();
  aborted.catch(() => undefined);
  const onAbort = () => abort(signal?.reason);
  signal?.addEventListener('abort', onAbort);
  try {
    signal?.throwIfAborted();
    const starting = async () => {
      await onSystem?.(system);
      await defined;
      await bringUp(fleet, system, onFault);
    };
    await Promise.race([starting(), aborted]);
    return system;
  } catch (thrown) {
    await system.close();
    throw thrown;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

async function bringUp(
  { specs, pools }: Fleet,
  system: AgentSystem,
  onFault: FleetStartOptions['onFault'],
): Promise<void> {
  const attempt = async (subject: Pick<FleetFault, 'agentId' | 'pool'>, work: () => Promise<unknown>) => {
    try {
      await work();
    } catch (thrown) {
      const error =
        thrown instanceof AgentSystemError
          ? thrown
          : new AgentSystemError('AGENT_START_FAILED', errorInfoOf(thrown).message, { cause: thrown });
      if (onFault === undefined || system.status !== 'open') throw error;
      onFault({ ...subject, error });
    }
  };
  const waiting = [...specs];
  const startOne = async () => {
    for (let spec = waiting.shift(); spec !== undefined; spec = waiting.shift()) {
      const { id } = spec;
      await attempt({ agentId: id }, async () => {
        await system.agents.ensure(spec, { restart: true, autoStart: true });
      });
    }
  };
  const creating = pools.map((pool) => attempt({ pool: pool.name }, () => system.pools.create(pool)));
  await Promise.all([...creating, ...Array.from({ length: STARTS_AT_ONCE }, startOne)]);
}
