/**
 * Functions of the user's, which may throw, and may give promises of any make: of this program, of another realm, or by
 * hand.
 */

/** Pure; may throw what a getter throws. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== 'function' && (typeof value !== 'object' || value === null)) return false;
  return 'then' in value && typeof value.then === 'function';
}

/**
 * What some work gives, or `undefined` where it throws. A promise is not awaited. `failed` gets what it throws, or its
 * promise rejects with.
 */
export function attempt<Value>(
  work: () => Value,
  failed: (thrown: unknown) => void = ignore,
): Value | undefined {
  try {
    const result = work();
    if (isThenable(result)) Promise.resolve(result).catch(failed);
    return result;
  } catch (thrown) {
    failed(thrown);
    return undefined;
  }
}

/** Calls a listener without awaiting it. `failed` gets what it throws, or its promise rejects with. */
export function tellListener<Told>(
  listener: (told: Told) => unknown,
  told: Told,
  failed: (thrown: unknown) => void,
): void {
  attempt(() => listener(told), failed);
}

/** For a promise that is refused because none is allowed: its rejection is ignored. */
export function ignoreRejection(promise: PromiseLike<unknown>): void {
  Promise.resolve(promise).catch(ignore);
}

function ignore(): void {}
