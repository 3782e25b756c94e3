/** A proposal: as callers make it, as rounds are held on it, and how it ended. */
import { z } from 'zod';
import {
  type Outcome,
  type RoundCut,
  type RoundTerms,
  roundTerms,
  type RoundTermsInput,
  type Tally,
} from '../../../machines/index.ts';
import { type VariableRef, variableRef } from '../../definition/variable-handle.ts';
import { actor } from '../../values/act.ts';
import { parseInput } from '../../values/malformed.ts';
import type { Topic } from '../variables/topic.ts';

/** A round that has ended, as a proposer's own fallback is told of it. */
export interface FailedProposal<Value = unknown> {
  readonly roundId: string;
  readonly variable: string;
  readonly value: Value;
  readonly current: Value;
  readonly outcome: Outcome;
}

/** The value to put into force instead, or `undefined` to keep the current one. */
export type CustomFallback<Value = unknown> = (
  failed: FailedProposal<Value>,
) => Value | undefined | PromiseLike<Value | undefined>;

/** A change of a variable that the fleet is to vote on, and the terms of its round. */
export interface ProposalOptions<Value = unknown> extends Omit<RoundTermsInput, 'fallback'> {
  /** Its handle, by which values are typed, or its name. */
  readonly variable: VariableRef<Value>;
  /** The value to be put to the vote. */
  readonly value: NoInfer<Value>;
  /** Who proposes it; default `operator`. */
  readonly by?: string;
  /** Why, for the voters and the variable's history. */
  readonly why?: string;
  /**
   * What becomes of a proposal that was not accepted: `keep` the current value, `{ retry: n }`, `leader_decides`, or
   * a function that gives another value, or `undefined` to keep the current one. It has `deadlineMs` to answer, and
   * is then dropped. Default `keep`.
   */
  readonly fallback?: 'keep' | 'leader_decides' | { readonly retry: number } | CustomFallback<NoInfer<Value>>;
}

/** A change of a variable, put to the vote. */
export interface ProposedChange {
  readonly topic: Topic;
  readonly value: unknown;
  readonly terms: RoundTerms;
  readonly by: string;
  readonly why: string | undefined;
  readonly custom: CustomFallback | undefined;
}

/** How a proposal ended. */
export interface Decision {
  /** Of the last of its rounds. */
  readonly roundId: string;
  /** How the round ended. */
  readonly outcome: Outcome;
  /** The votes. */
  readonly tally: Tally;
  /** Ids of those who could vote in that round. */
  readonly electorate: readonly string[];
  /** Ids of those among them whose votes failed, by a throw or by an answer that is no vote: they count for nothing. */
  readonly failed: readonly string[];
  /** The version that the variable got from it: by the vote, or by the fallback. */
  readonly version?: number;
  /** Whose decision holds. */
  readonly decidedBy: 'voters' | 'leader' | 'fallback';
  /** Rounds that were held. */
  readonly rounds: number;
  /** Why an expired round was cut off. */
  readonly cut?: RoundCut;
  /**
   * Why nothing came of an accepted value, or of the proposer's own fallback: what that threw, what is wrong with the
   * value it gave, or that it had not answered within `deadlineMs`.
   */
  readonly problem?: string;
}

/** Who waits for the end of a proposal. */
export interface Proposer {
  readonly resolve: (decision: Decision) => void;
  readonly reject: (error: unknown) => void;
  /** Rounds that were held. */
  rounds: number;
  /** How the last of them ended, if another was asked for. */
  last: Decision | undefined;
}

const isFunction = z.custom<CustomFallback>((value) => typeof value === 'function');
const schema = roundTerms.omit({ fallback: true }).extend({
  variable: variableRef,
  value: z.unknown(),
  by: actor.default('operator'),
  why: z.string().optional(),
  fallback: z
    .union(
      [z.enum(['keep', 'leader_decides']), z.strictObject({ retry: z.int().min(1).max(1_000) }), isFunction],
      { error: 'expected "keep", "leader_decides", { retry: 1 or more } or a function' },
    )
    .default('keep'),
});

/** @throws AgentSystemError `ROUND_INVALID` naming the field */
export function parseProposal(options: unknown) {
  const { variable, value, by, why, fallback, ...rest } = parseInput(schema, options, {
    what: 'consensus.propose',
    code: 'ROUND_INVALID',
  });
  const custom = typeof fallback === 'function' ? fallback : undefined;
  const terms: RoundTerms = { ...rest, fallback: typeof fallback === 'function' ? 'custom' : fallback };
  return { variable, value, by, why, custom, terms };
}
