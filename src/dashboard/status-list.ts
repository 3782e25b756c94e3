/** Statuses as a query lists them: one or more, joined by commas. */
import { z } from 'zod';

export function statusList<Status extends string>(known: readonly Status[]) {
  return z
    .string()
    .refine((list) => list.split(',').every((one) => known.includes(one as Status)), {
      error: `expected some of ${known.join(', ')}, joined by commas`,
    })
    .transform((list) => list.split(',') as Status[]);
}
