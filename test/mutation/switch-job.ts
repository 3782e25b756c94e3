/** What the program that plants switches and the one that runs the tests say to each other: a file each way. */
export const JOB_VARIABLE = 'MABEAM_MUTANTS_JOB';

export interface SwitchJob {
  /** Where the answers are written, a line each. */
  readonly answers: string;
  /** In this order, as long as the program is fit for more. */
  readonly tries: readonly SwitchTry[];
  /** Numbers of others, of which is only told that no case comes to them. */
  readonly asked: readonly number[];
}
export interface SwitchTry {
  /** Of the switch. */
  readonly number: number;
  /** What its test cases may take together, as they take with all switches off. */
  readonly testMs: number;
  /** It is tried for the second time: first its cases have to pass once more with all switches off. */
  readonly isAgain?: boolean;
}

export type SwitchAnswer =
  /** All switches are off, and the file has run: how long it took, and what failed then. */
  | { readonly kind: 'usual'; readonly tookMs: number; readonly failed?: string }
  /** Its cases take so long with all switches off, loading included. */
  | { readonly kind: 'begun'; readonly number: number; readonly usualMs: number }
  | ({ readonly kind: 'ended'; readonly number: number } & SwitchOutcome);

export type SwitchOutcome =
  | {
      readonly verdict: 'killed' | 'late' | 'in doubt';
      readonly by: string;
      readonly usualMs: number;
      /** Killed as it ran out of time twice, or the program that tried it ended. */
      readonly isTwice?: boolean;
    }
  | { readonly verdict: 'survived'; readonly usualMs: number }
  /** No case came to it, or none that passes when it is run once more. */
  | { readonly verdict: 'not run' };

/** What says that time ran out, which a machine that does other things can bring about as well. */
export const OUT_OF_TIME = /timed out in \d+|within \d+ ?ms|Timeout|it waits/;
