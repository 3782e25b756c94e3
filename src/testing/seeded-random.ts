/** Chance that can be had again: the same seed gives the same numbers, on every machine. */
import { z } from 'zod';
import { parseInput } from '../runtime/values/malformed.ts';

/**
 * A generator of numbers in [0, 1), evenly spread: mulberry32.
 *
 * @param seed any integer; its lowest 32 bits count
 * @throws AgentSystemError `AGENT_SPEC_INVALID` for an invalid seed
 */
export function seededRandom(seed: number): () => number {
  let state = parseInput(z.int(), seed, { what: 'seededRandom: seed' }) | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
