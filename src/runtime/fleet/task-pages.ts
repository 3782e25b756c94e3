/**
 * Pages of tasks: the first so many after an id, in the order of the ids. Pure.
 *
 * Numbers within ids are compared as numbers: of one agent, and of one program, that is the order in which tasks came.
 *
 * I1  Whatever was accepted, ended or forgotten meanwhile, the next page is the one after the last id of this one.
 */

export interface TaskPage {
  readonly limit: number;
  readonly after: string;
}

/** Negative where the first id comes before the second. */
export function inOrderOfIds(one: string, other: string): number {
  const [left, right] = [partsOf(one), partsOf(other)];
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const difference = compareParts(left[at]!, right[at]!);
    if (difference !== 0) return difference;
  }
  return left.length - right.length || compareTexts(one, other);
}

/** The page of some tasks. */
export function pageOfTasks<Task extends { readonly id: string }>(
  tasks: Iterable<Task>,
  { limit, after }: TaskPage,
): Task[] {
  const later = [...tasks].filter(({ id }) => inOrderOfIds(id, after) > 0);
  return later.toSorted((one, other) => inOrderOfIds(one.id, other.id)).slice(0, limit);
}

/** Texts and numbers in turns; the first is a text, which may be empty. */
function partsOf(id: string): string[] {
  return id.split(/(\d+)/);
}

function compareParts(one: string, other: string): number {
  if (!/^\d/.test(one) || !/^\d/.test(other)) return compareTexts(one, other);
  const [left, right] = [one.replace(/^0+/, ''), other.replace(/^0+/, '')];
  return left.length - right.length || compareTexts(left, right);
}

function compareTexts(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
