/** The work of a task that notes its input when it begins, and ends only once the test lets it. */
import { gate } from './rig.ts';

export function gatedRun() {
  /** Inputs of the tasks that have begun, in order. */
  const begun: unknown[] = [];
  /** Ends the tasks that have begun and not ended, oldest first. */
  const open: (() => void)[] = [];
  const run = async ({ input }: { readonly input: unknown }) => {
    begun.push(input);
    const { promise, resolve } = gate();
    open.push(resolve);
    await promise;
    return input;
  };
  return { begun, open, run };
}
