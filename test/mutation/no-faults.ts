/** Mutants that change nothing anybody can see, each with the reason: they are not held against the tests. */
export interface NoFault {
  readonly mutant: RegExp;
  readonly why: string;
}

export const charts: readonly NoFault[] = [
  {
    mutant: /to #agent\.alive\.starting$/,
    why: 'what leads to `alive` begins with its starting',
  },
  {
    mutant: /^budget\.ts: open after refillTime to #budget\.open\.weighing$/,
    why: 'an open budget begins with its weighing',
  },
  {
    mutant: /^progress\.ts: deciding always #1 after the next$/,
    why: 'a kind of task says one of the three',
  },
];

/** One in the text of a source file: what stands there, and what would stand in its place. */
export interface NoSourceFault {
  readonly file: string;
  readonly original: string;
  readonly replacement: string;
  readonly why: string;
}

export const sources: readonly NoSourceFault[] = [];
