/** How an agent votes: as its definition says; one that says nothing abstains. */
import { isPending, whenSettled } from '../definition/agent-self.ts';
import type { Proposal, Vote } from '../definition/contexts.ts';
import { errorInfoOf, inWords } from '../values/errors.ts';
import { isThenable } from '../values/thenable.ts';
import type { StateUser } from './body-state.ts';
import type { WorkOwner } from './body-work.ts';

const VOTES: readonly unknown[] = ['accept', 'reject', 'abstain'] satisfies Vote[];

export function voteOn(proposal: Proposal, owner: WorkOwner): void {
  const { roundId } = proposal;
  const { definition, state } = owner;
  let vote: unknown = 'abstain';
  let isPromised: boolean;
  const voter: StateUser = { state: undefined, base: undefined };
  state.begin(voter);
  try {
    if (definition.vote !== undefined) {
      vote = definition.vote({
        proposal,
        state: voter.state,
        variables: owner.variables,
        resources: owner.resources,
        log: owner.log,
      });
    }
    isPromised = isThenable(vote);
  } catch (thrown) {
    state.commit(voter);
    return failVote(owner, roundId, thrown);
  }
  const pending = isPending(vote) ? vote : undefined;
  const voted = (came: unknown) => {
    state.commit(voter);
    cast(owner, roundId, came);
  };
  const failed = (thrown: unknown) => {
    state.commit(voter);
    failVote(owner, roundId, thrown);
  };
  if (!isPromised && pending === undefined) return voted(vote);
  if (pending) whenSettled(pending, voted, failed);
  else Promise.resolve(vote).then(voted, failed);
}

function cast(owner: WorkOwner, roundId: string, vote: unknown): void {
  if (VOTES.includes(vote)) return owner.tell({ type: 'vote.cast', roundId, vote: vote as Vote });
  const expected = `expected a vote of accept, reject or abstain, got ${inWords(vote)}`;
  failVote(owner, roundId, new TypeError(expected));
}

function failVote(owner: WorkOwner, roundId: string, thrown: unknown): void {
  owner.tell({ type: 'vote.cast', roundId, vote: 'abstain', error: errorInfoOf(thrown) });
}
