/** Promises of any make: of this program, of another realm, or by hand. Pure; may throw what a getter throws. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
