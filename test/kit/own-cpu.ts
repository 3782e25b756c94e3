/**
 * CPU time of the thread that runs the tests. Time on the clock also passes while the machine works for others: it says
 * nothing of what a piece of work costs, nor how long to wait for what the work holds up.
 */

export function ownCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

/** The least that a piece of work takes, of some turns: what others do to caches and collectors only adds to it. */
export function leastCpuMs(work: () => void, turns = 5): number {
  let least = Infinity;
  for (let turn = 0; turn < turns; turn++) {
    const began = ownCpuMs();
    work();
    least = Math.min(least, ownCpuMs() - began);
  }
  return least;
}
