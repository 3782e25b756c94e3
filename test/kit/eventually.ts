/** The one way to wait for what no event tells: it is looked at again and again. */

/** Waits until `look` gives what `isIt` likes; a test's own time limits it. */
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
