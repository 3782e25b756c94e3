/** The kinds of round that are explored. */
import type { Setup } from './model.ts';

export const rules = ['majority', 'supermajority', 'unanimous', 'weighted'] as const;
export const ties = ['reject', 'keep', 'leader'] as const;
export const fallbacks = ['keep', 'leader_decides', 'custom', { retry: 2 }] as const;
export const quorums = [undefined, [1, 2], [2, 3], [1, 1]] as const;

export function setupOf({ voters, ...setup }: Partial<Setup> & { readonly voters: number }): Setup {
  return {
    rule: 'majority',
    tie: 'reject',
    fallback: 'keep',
    quorum: undefined,
    term: undefined,
    weights: Array.from({ length: voters }, () => 1),
    ...setup,
  };
}

/** Four voters none of which is like another; two of them can outweigh the rest, or tie with it. */
export const named: Setup = { ...setupOf({ voters: 4, rule: 'weighted' }), weights: [1, 2, 3, 4] };
