/**
 * What a health check has returned, as it is told: a copy that JSON can write, for every record of its agent shows it.
 *
 * The same in every host, so an agent that moves from one to another is shown alike.
 */
import { cloneProblemOf } from '../values/clone-survey.ts';
import { errorInfoOf } from '../values/errors.ts';
import { isLongAsText } from '../values/text-measure.ts';
import { MAX_DETAIL_TEXT } from './request-bounds.ts';

/** The copy, or why there is none. */
export type ToldDetail = { readonly detail: unknown } | { readonly problem: string };

export function toldDetailOf(detail: unknown): ToldDetail {
  if (detail === undefined || detail === null) return { detail };
  if (isLongAsText(detail, MAX_DETAIL_TEXT)) {
    return { problem: `it is longer than ${MAX_DETAIL_TEXT} characters` };
  }
  const problem = cloneProblemOf(detail, 'process');
  if (problem !== undefined) return { problem };
  try {
    const copy: unknown = structuredClone(detail);
    // It refuses circles and bigints, which a clone may have.
    JSON.stringify(copy);
    return { detail: copy };
  } catch (thrown) {
    return { problem: errorInfoOf(thrown).message };
  }
}
