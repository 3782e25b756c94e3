/** Polls for conditions that no event announces. The only place where tests poll. */

/** Waits until `isIt` accepts what `look` returns; the test's own timeout limits the wait. */
export async function eventually<Value>(
  look: () => Promise<Value> | Value,
  isIt: (value: Value) => boolean,
): Promise<Value> {
  for (;;) {
    const value = await look();
    if (isIt(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
