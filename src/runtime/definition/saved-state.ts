/** A saved state as a definition of today takes it: as it is, or migrated from an earlier version of its shape. */
import type { AnyAgentDefinition } from './define-agent.ts';
import { ignoreRejection, isThenable } from '../values/thenable.ts';

/** A saved state and the version of its shape. */
export interface SavedState {
  readonly json: string;
  readonly stateVersion: number;
}

/**
 * @internal
 * @throws Error for a version that the definition cannot migrate from, and whatever its `migrate` throws; TypeError
 * for a `migrate` that gives a promise, or nothing: the agent would begin anew without a word
 */
export function migratedState(
  {
    type,
    stateVersion = 1,
    migrate,
    chart,
  }: Pick<AnyAgentDefinition, 'type' | 'stateVersion' | 'migrate' | 'chart'>,
  saved: SavedState,
): unknown {
  const state: unknown = JSON.parse(saved.json);
  if (chart !== undefined) return chart.fitted(state, saved.stateVersion);
  if (saved.stateVersion === stateVersion) return state;
  const versions = `the saved state has version ${saved.stateVersion}, the definition ${type} has ${stateVersion}`;
  if (saved.stateVersion > stateVersion) throw new Error(`${versions}: it was saved by a newer one`);
  if (migrate === undefined) throw new Error(`${versions}, and the definition has no migrate`);
  const migrated = migrate(state, saved.stateVersion);
  if (isThenable(migrated)) ignoreRejection(migrated);
  else if (migrated !== undefined) return migrated;
  const came = migrated === undefined ? 'nothing' : 'a promise';
  throw new TypeError(`${versions}, and its migrate gave ${came}, expected the state itself`);
}
