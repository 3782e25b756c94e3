/**
 * What a round's votes amount to: counts in, a verdict out. Pure; no voter has a name here.
 *
 * A verdict is reached on the voters that are alive: one that leaves takes its vote with it. All comparisons are
 * of whole numbers, but for the quorum, which divides: `voted / total >= quorum` is exact for a quorum written as
 * any fraction (2 of 3 reach 2/3, 7 of 100 reach 0.07), where a multiplication is not.
 *
 * I1  Once there is a quorum, a verdict is settled as soon as no vote still out can change it, whatever those votes
 *     and silences are; not before. That there is no quorum is settled when none is out. Voters that may yet leave
 *     are not foreseen.
 * I2  Without a quorum nothing is accepted and nothing rejected. An empty electorate never has a quorum.
 * I3  The order of votes does not matter, nor whether they are counted one by one or together.
 * I4  A vote that failed counts neither for the quorum nor for the rule: it is listed apart.
 */
export type Vote = 'accept' | 'reject' | 'abstain';

/** What came from a voter: its vote, or `failed` when its vote function threw or gave no vote. */
export type Answer = Vote | 'failed';

/**
 * What "accepted" asks for, among those that did not abstain.
 *
 * `majority`: more accept than reject. `supermajority`: at least two of three accept. `unanimous`: all accept, and
 * there is one. `weighted`: those that accept weigh more than those that reject.
 */
export type Rule = 'majority' | 'supermajority' | 'unanimous' | 'weighted';

/** How many, or how much, for each answer. */
export type Cast = Readonly<Record<Answer, number>>;

/** One measure of an electorate, and how its answers divide it. The rest has not answered yet. */
export interface Division extends Cast {
  readonly total: number;
}

/** Votes to be counted: by heads and by weight. */
export interface Ballots {
  readonly voters: Cast;
  readonly weight: Cast;
}

/** A round so far. Weights are in thousandths, so that they add up exactly. */
export interface Tally {
  readonly voters: Division;
  readonly weight: Division;
}

/** `tie`: neither side is ahead; only with `majority` and `weighted`. No votes on either side are a tie. */
export type Verdict = 'accepted' | 'rejected' | 'tie' | 'no_quorum';

/** What a verdict depends on beside the votes. */
export interface VerdictTerms {
  readonly rule: Rule;
  /** Share of the electorate that must vote, more than 0 and at most 1; `undefined` for more than half. */
  readonly quorum?: number | undefined;
}

const NONE: Cast = { accept: 0, reject: 0, abstain: 0, failed: 0 };

/** A voter's weight as it is counted: in thousandths, one at least. */
export function weightOf(voteWeight: number): number {
  return Math.max(1, Math.round(voteWeight * 1_000));
}

/** The tally before the first vote. */
export function tallyOf(voters: number, weight: number): Tally {
  return { voters: { ...NONE, total: voters }, weight: { ...NONE, total: weight } };
}

/** The tally with more votes in it. */
export function withBallots(tally: Tally, ballots: Ballots): Tally {
  return { voters: plus(tally.voters, ballots.voters), weight: plus(tally.weight, ballots.weight) };
}

/** The tally without a voter that has left, and without what it had answered. */
export function withoutVoter(tally: Tally, weight: number, answer: Answer | undefined): Tally {
  return { voters: minus(tally.voters, 1, answer), weight: minus(tally.weight, weight, answer) };
}

/** Votes of the electorate that have been cast: abstentions included, votes that failed left out. */
export function votedOf({ voters }: Tally): number {
  return voters.accept + voters.reject + voters.abstain;
}

/** Whether enough of the electorate has voted; abstentions count, weights do not. */
export function hasQuorum({ quorum }: VerdictTerms, tally: Tally): boolean {
  const { total } = tally.voters;
  const voted = votedOf(tally);
  return quorum === undefined ? voted * 2 > total : voted / total >= quorum;
}

/** The verdict if the round ended with the votes that are in. */
export function verdictOf(terms: VerdictTerms, tally: Tally): Verdict {
  if (!hasQuorum(terms, tally)) return 'no_quorum';
  const { accept, reject } = measureOf(terms.rule, tally);
  return byRule(terms.rule, accept, reject);
}

/** The verdict that no vote still out can change, or `undefined` while there is none. */
export function settledVerdictOf(terms: VerdictTerms, tally: Tally): Verdict | undefined {
  // A voter that has not answered may never do so, or leave: only votes that are in make a quorum.
  if (!hasQuorum(terms, tally)) return outOf(tally.voters) === 0 ? 'no_quorum' : undefined;
  const measure = measureOf(terms.rule, tally);
  const { accept, reject } = measure;
  const out = outOf(measure);
  const worst = byRule(terms.rule, accept, reject + out);
  const best = byRule(terms.rule, accept + out, reject);
  return worst === best ? worst : undefined;
}

/** Votes that may still come. */
function outOf({ total, accept, reject, abstain, failed }: Division): number {
  return total - accept - reject - abstain - failed;
}

function measureOf(rule: Rule, tally: Tally): Division {
  return rule === 'weighted' ? tally.weight : tally.voters;
}

function byRule(rule: Rule, accept: number, reject: number): 'accepted' | 'rejected' | 'tie' {
  switch (rule) {
    case 'unanimous':
      return accept > 0 && reject === 0 ? 'accepted' : 'rejected';
    case 'supermajority':
      return accept > 0 && accept * 3 >= (accept + reject) * 2 ? 'accepted' : 'rejected';
    default:
      if (accept > reject) return 'accepted';
      return accept < reject ? 'rejected' : 'tie';
  }
}

function plus(division: Division, cast: Cast): Division {
  return {
    total: division.total,
    accept: division.accept + cast.accept,
    reject: division.reject + cast.reject,
    abstain: division.abstain + cast.abstain,
    failed: division.failed + cast.failed,
  };
}

function minus(division: Division, amount: number, answer: Answer | undefined): Division {
  const without = { ...division, total: division.total - amount };
  return answer === undefined ? without : { ...without, [answer]: division[answer] - amount };
}
