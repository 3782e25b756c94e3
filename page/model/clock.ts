/** The server's time, second by second: "back in 9 s" is counted on the clock that measured the 9 s. */
import { signal } from '@preact/signals';

let aheadMs = 0;

/** Epoch ms of the server, moved on once a second. */
export const now = signal(Date.now());

export function serverSaid(at: number): void {
  aheadMs = at - Date.now();
  now.value = at;
}

export function serverTime(): number {
  return Date.now() + aheadMs;
}

setInterval(() => {
  if (document.visibilityState === 'visible') now.value = serverTime();
}, 1_000);
