/** Promises of any make (of this program, of another realm, or by hand) where a function of the user's may give one. */

/** Pure; may throw what a getter throws. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== 'function' && (typeof value !== 'object' || value === null)) return false;
  return 'then' in value && typeof value.then === 'function';
}

/** Calls a listener without awaiting it. `failed` gets what it throws, or its promise rejects with. */
export function tellListener<Told>(
  listener: (told: Told) => unknown,
  told: Told,
  failed: (thrown: unknown) => void,
): void {
  try {
    const result = listener(told);
    if (isThenable(result)) Promise.resolve(result).catch(failed);
  } catch (thrown) {
    failed(thrown);
  }
}

/** For a promise that is refused because none is allowed: its rejection is ignored. */
export function ignoreRejection(promise: PromiseLike<unknown>): void {
  Promise.resolve(promise).catch(() => undefined);
}
