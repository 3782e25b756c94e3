/** What coordination must do, told a second time: flat, with sets and lists, and no chart. */
export type Move =
  /** A round is asked for; its fallback is its kind. `broken` breaks as it opens, `empty` has no voters. */
  | { readonly type: 'ask'; readonly round: RoundName }
  | { readonly type: 'vote'; readonly round: RoundName; readonly vote: 'accept' | 'reject' }
  | { readonly type: 'supersede'; readonly round: RoundName }
  | { readonly type: 'lead'; readonly term: number | undefined }
  | { readonly type: 'suspend' | 'resume' | 'fail' | 'wait' | 'close' };

export type RoundName = 'keep' | 'retry' | 'custom' | 'broken' | 'empty';

export const MAX_OPEN = 2;
export const MAX_FAILURES = 2;

export interface Told {
  readonly mode: 'available' | 'suspended' | 'recovering' | 'gaveUp' | 'closed';
  /** Open rounds with the term each knows of, in the order they were opened. */
  readonly open: readonly string[];
  /** What the last move had done, in order. */
  readonly did: readonly string[];
  /** Failures that count against it. */
  readonly failures: number;
  /** Term of the leader. */
  readonly term: number | undefined;
}

export function tellCoordinator(moves: readonly Move[]): Told {
  let mode = 'available' as Told['mode'];
  let open = new Map<string, number | undefined>();
  let term: number | undefined;
  let failures = 0;
  let did: string[] = [];

  const cutAll = (why: string): void => {
    for (const round of open.keys()) did.push(`conclude ${round} expired ${why}`);
    open = new Map();
  };
  const leave = (why: string, to: Told['mode']): void => {
    mode = to;
    did.push(`away ${why}`);
    cutAll('coordination_lost');
  };

  for (const move of moves) {
    did = [];
    switch (move.type) {
      case 'ask': {
        const isThere = mode === 'available';
        if (mode === 'closed') did.push(`refuse ${move.round} closed`);
        else if (!isThere) did.push(`refuse ${move.round} away`);
        else if (open.has(move.round)) did.push(`refuse ${move.round} id_in_use`);
        else if (open.size === MAX_OPEN) did.push(`refuse ${move.round} too_many`);
        else if (move.round === 'broken') did.push('writeOff broken');
        else if (move.round === 'empty') did.push('conclude empty no_quorum');
        else open.set(move.round, term);
        break;
      }
      case 'vote':
        if (!open.has(move.round)) break;
        open.delete(move.round);
        if (move.vote === 'accept') did.push(`enact ${move.round} accepted`);
        else did.push(`${VERBS[move.round]} ${move.round} rejected`);
        break;
      case 'supersede':
        if (open.delete(move.round)) did.push(`${VERBS[move.round]} ${move.round} expired superseded`);
        break;
      case 'lead':
        term = move.term;
        for (const round of open.keys()) open.set(round, term);
        break;
      case 'suspend':
        if (mode === 'available') leave('suspended', 'suspended');
        else if (mode === 'recovering') mode = 'suspended';
        break;
      case 'resume':
        if (mode === 'available' || mode === 'closed') break;
        mode = 'available';
        failures = 0;
        did.push('back');
        break;
      case 'fail':
        if (mode !== 'available') break;
        if (failures === MAX_FAILURES) leave('gave_up: it', 'gaveUp');
        else {
          failures += 1;
          leave('failed: it', 'recovering');
        }
        break;
      case 'wait':
        if (mode !== 'recovering') break;
        mode = 'available';
        did.push('back');
        break;
      case 'close':
        if (mode === 'closed') break;
        mode = 'closed';
        cutAll('system_closed');
        break;
    }
  }
  return { mode, open: [...open].map(([round, term]) => `${round} ${term}`), did, failures, term };
}

const VERBS: Readonly<Record<RoundName, string>> = {
  keep: 'conclude',
  retry: 'reopen',
  custom: 'consult',
  broken: 'conclude',
  empty: 'conclude',
};
