/** Data of every kind that a structured clone takes. */
import * as fc from 'fast-check';

export const anyData = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  withSparseArray: true,
  withNullPrototype: true,
});
