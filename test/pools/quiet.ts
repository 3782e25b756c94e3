/**
 * Resolves when no promise of this program is left to run, as far as a walk of thousands of moves has the time to
 * look: two turns are enough for all that a pool does on a memory store.
 */
export async function quiet(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}
