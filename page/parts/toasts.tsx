/** Short messages on what was done, and read out by a screen reader. */
import { signal } from '@preact/signals';

interface Toast {
  readonly key: number;
  readonly text: string;
  readonly isBad: boolean;
}

const STAYS_MS = 6_000;
const toasts = signal<readonly Toast[]>([]);
let last = 0;

export function say(text: string, { isBad = false } = {}): void {
  const key = (last += 1);
  toasts.value = [...toasts.value.slice(-3), { key, text, isBad }];
  setTimeout(() => (toasts.value = toasts.value.filter((toast) => toast.key !== key)), STAYS_MS);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map(({ key, text, isBad }) => (
        <div key={key} class={isBad ? 'toast bad' : 'toast'}>
          {text}
        </div>
      ))}
    </div>
  );
}
