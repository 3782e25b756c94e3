/**
 * Listeners of abort signals, any number of them on one signal: a whole fleet's tasks may share one.
 *
 * Owns one listener of each signal, for as long as anybody listens by it.
 *
 * I1  Each is added and removed in constant time. An `EventTarget` goes through all that it has, for each of them.
 * I2  They are called in the order in which they were added; one that throws keeps none of the others from it.
 */

/** What is called when a signal fires. */
export interface AbortListener {
  handleEvent(): void;
}

const listeners = new WeakMap<AbortSignal, Set<AbortListener>>();

/** Adds a listener; of a signal that has fired already it is never called. */
export function listenForAbort(signal: AbortSignal, listener: AbortListener): void {
  const known = listeners.get(signal);
  if (known) return void known.add(listener);
  listeners.set(signal, new Set([listener]));
  signal.addEventListener('abort', fired);
}

/** Removes a listener; one that is not there is nothing. */
export function unlistenForAbort(signal: AbortSignal, listener: AbortListener): void {
  const known = listeners.get(signal);
  if (known?.delete(listener) && known.size === 0) forget(signal);
}

function forget(signal: AbortSignal): void {
  listeners.delete(signal);
  signal.removeEventListener('abort', fired);
}

function fired({ target }: Event): void {
  const signal = target as AbortSignal;
  const all = listeners.get(signal);
  const added = all === undefined ? [] : [...all];
  for (const listener of added) {
    // One that was removed meanwhile is not called.
    if (!all?.has(listener)) continue;
    try {
      listener.handleEvent();
    } catch (thrown) {
      // As an `EventTarget` does.
      process.nextTick(() => {
        throw thrown;
      });
    }
  }
  forget(signal);
}
