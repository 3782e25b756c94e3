/** Mutants that change nothing anybody can see, each with the reason: they are not held against the tests. */
import type { Rule, SourceMutant } from './source-mutants.ts';

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
  {
    mutant: /^question\.ts: \w+ on question\.withdrawn to #question\./,
    why: 'nothing is kept of a question whose task has ended',
  },
];

/** Mutants of one line of a source file, by the line as it stands. */
export interface NoSourceFault {
  readonly file: string;
  readonly rule: Rule;
  /** The line, trimmed. */
  readonly line: string;
  /** What is replaced, where the line has several of the rule. */
  readonly original?: string;
  readonly why: string;
}

const sources: readonly NoSourceFault[] = [
  {
    file: 'src/runtime/journal/stores/sqlite.ts',
    rule: 'statement left out',
    line: 'this.#mayTidy = false;',
    why: 'spares an attempt at upkeep between two writes that fail: each that is kept allows it again',
  },
];

export function noFaultOf({ file, rule, line, original }: SourceMutant): string | undefined {
  return sources.find(
    (one) =>
      one.file === file &&
      one.rule === rule &&
      one.line === line &&
      (one.original === undefined || one.original === original),
  )?.why;
}
