/** What was taken of a chart, or of several, as counts and in words. Pure. */

export interface CoverageReport {
  /** Taken of all transitions, guard outcomes (each guard's yes and no) apart. */
  readonly transitions: { readonly taken: number; readonly all: number };
  readonly guards: { readonly taken: number; readonly all: number };
  /** What never was, as `writer.review: approve → published`. */
  readonly never: readonly string[];
}

/** `31 of 34 transitions, 5 of 6 guard outcomes; never: …` */
export function coverageInWords({ transitions, guards, never }: CoverageReport): string {
  const counts = [`${transitions.taken} of ${transitions.all} transitions`];
  if (guards.all > 0) counts.push(`${guards.taken} of ${guards.all} guard outcomes`);
  const missing = never.length === 0 ? '' : `; never: ${never.join('; ')}`;
  return `${counts.join(', ')}${missing}`;
}
