/** Mutants that change nothing that can be seen, and why. */
export const noFaults: readonly (readonly [mutant: RegExp, why: string])[] = [
  [/^machines\/leader:\d+ < → <=$/, 'no two agents have the same place in the order of registration'],
  [/^runtime\/coordination\/rounds\/ballot-box:\d+ without: hasLeft = false;$/, 'undefined says no as well'],
  [/^machines\/coordinator:\d+ 0 → 1$/, 'the delay of a recovery is set before it is used'],
  [/^machines\/coordinator:\d+ 'suspended' → 'failed'$/, 'every way to "away" says to which state in it'],
  [
    /^consensus: (?:casting|appealed) on leader\.ruled #\d after the next$/,
    'a ruling has one of these answers',
  ],
  [/^consensus: weighed always #1 after the next$/, 'an accepted proposal is no tie'],
  [/^coordinator: {2}on xstate\.done\.actor\.\* #\d after the next$/, 'a round has one of these ends'],
];
