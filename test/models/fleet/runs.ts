/**
 * How long random tests walk, and from which seed: the same walks every time, unless the environment asks for
 * others (`WALKS=2000 WALK_SEED=7`), which a failure then names.
 */
export function walks(numRuns: number): { readonly numRuns: number; readonly seed: number } {
  const { WALKS, WALK_SEED } = process.env;
  return { numRuns: WALKS === undefined ? numRuns : Number(WALKS), seed: Number(WALK_SEED ?? 1) };
}

/** A walk is quick, but as many as somebody asks for are not; ms. */
export const LIMIT_MS = 3_600_000;
