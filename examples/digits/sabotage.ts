/** Two ways for an agent to die that no `catch` ever sees. Both are ordered, on purpose, by the experiment. */
import { z } from 'zod';

export const sabotageSchema = z.enum(['out_of_memory', 'exit']);
export type Sabotage = z.infer<typeof sabotageSchema>;

export function strike(how: Sabotage): never {
  if (how === 'exit') process.exit(7);
  // Memory fills the way a leak fills it, only faster, until the process is ended for it.
  const page = Array.from({ length: 1_000_000 }, (_, index) => index + 0.5);
  const hoard: number[][] = [];
  for (;;) hoard.push(page.slice());
}
