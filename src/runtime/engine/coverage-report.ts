/** What was taken of a chart, or of several, as counts and in words. Pure. */

export interface CoverageReport {
  /** Taken of all transitions, guard outcomes (each guard's yes and no) apart. */
  readonly transitions: { readonly taken: number; readonly all: number };
  readonly guards: { readonly taken: number; readonly all: number };
  /** What never was, as `writer.review: approve → published`. */
  readonly never: readonly string[];
}

interface Counted {
  readonly transitions: Readonly<Record<string, number>>;
  readonly refusals: Readonly<Record<string, number>>;
}

/** `31 of 34 transitions, 5 of 6 guard outcomes; never: …` */
export function coverageInWords({ transitions, guards, never }: CoverageReport): string {
  const counts = [`${transitions.taken} of ${transitions.all} transitions`];
  if (guards.all > 0) counts.push(`${guards.taken} of ${guards.all} guard outcomes`);
  const missing = never.length === 0 ? '' : `; never: ${never.join('; ')}`;
  return `${counts.join(', ')}${missing}`;
}

/** Of charts as they were counted. */
export function reportOf(counted: readonly Counted[]): CoverageReport {
  const count = { transitions: { taken: 0, all: 0 }, guards: { taken: 0, all: 0 } };
  const never: string[] = [];
  const add = (kind: 'transitions' | 'guards', times: Readonly<Record<string, number>>): void => {
    for (const [name, taken] of Object.entries(times)) {
      count[kind].all += 1;
      if (taken > 0) count[kind].taken += 1;
      else never.push(name);
    }
  };
  for (const { transitions, refusals } of counted) {
    add('transitions', transitions);
    add('guards', refusals);
  }
  return { ...count, never };
}
