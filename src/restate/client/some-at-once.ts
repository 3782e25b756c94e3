/** A question to each of many agents, some at a time: thousands at once would hold each other up. */

const AT_ONCE = 64;

/** What each gives, in their order. The first that is refused is thrown, and no other is begun then. */
export async function someAtOnce<Item, Value>(
  items: readonly Item[],
  ask: (item: Item) => Promise<Value>,
): Promise<Value[]> {
  const values: Value[] = [];
  let next = 0;
  const askNext = async (): Promise<void> => {
    while (next < items.length) {
      const at = next;
      next += 1;
      try {
        values[at] = await ask(items[at]!);
      } catch (thrown) {
        next = items.length;
        throw thrown;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, askNext));
  return values;
}
