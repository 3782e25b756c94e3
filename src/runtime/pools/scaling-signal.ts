/**
 * What a pool may be sized by in place of its own measurements: a function of the user's, which may have a name.
 *
 * Asks the user's functions; an answer that is no measurement is a refusal that says so.
 */
import {
  namedScalingSignal,
  type PoolLoad,
  scalingSignal,
  type ScalingSignal,
} from '../../machines/index.ts';
import { parseInput } from '../values/malformed.ts';

/**
 * Where an autoscaler's measurements come from, beside the pool's own: what it gives stands in place of those.
 *
 * A signal that throws, returns no measurement, or does not answer before the next look is due changes nothing
 * but an alert; yet a pool of no member, for which a task waits, starts one.
 */
export type ScalingSignalSource = (load: PoolLoad) => ScalingSignal | Promise<ScalingSignal>;

/** A signal with a name: what `defineScalingSignal` gives. */
export interface NamedScalingSignal {
  readonly name: string;
  readonly measure: ScalingSignalSource;
}

/**
 * A signal of autoscalers by its name, for `scale.signal` of a pool. On many machines the nodes are given it,
 * `createAgentNode({ scalingSignals })`, for it is code: a pool outlives the program that created it.
 *
 * @param measure gives the measurements, or a promise of them
 * @throws AgentSystemError `AGENT_SPEC_INVALID` naming what is not as expected
 */
export function defineScalingSignal(name: string, measure: ScalingSignalSource): NamedScalingSignal {
  const given = { name, measure };
  parseInput(namedScalingSignal, given, { what: 'defineScalingSignal' });
  return Object.freeze(given);
}

export function isNamedScalingSignal(value: unknown): value is NamedScalingSignal {
  return namedScalingSignal.safeParse(value).success;
}

/** What a signal says now. @throws whatever it throws, and AgentSystemError for what is no measurement */
export async function askSignal(measure: ScalingSignalSource, load: PoolLoad): Promise<ScalingSignal> {
  return parseInput(scalingSignal, await measure(load), { what: 'scale.signal' });
}
