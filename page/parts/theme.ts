/** Light or dark: as in the system's settings, until the user chooses. */
import { effect, signal } from '@preact/signals';

export type Theme = 'auto' | 'light' | 'dark';
const KEY = 'mabeam.theme';

const kept = localStorage.getItem(KEY);
export const theme = signal<Theme>(kept === 'light' || kept === 'dark' ? kept : 'auto');
/** Grows whenever colours have changed: what is drawn on a canvas is drawn anew. */
export const palette = signal(0);

effect(() => {
  const chosen = theme.value;
  if (chosen === 'auto') {
    delete document.documentElement.dataset['theme'];
    localStorage.removeItem(KEY);
  } else {
    document.documentElement.dataset['theme'] = chosen;
    localStorage.setItem(KEY, chosen);
  }
  palette.value = palette.peek() + 1;
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => (palette.value += 1));

const probe = document.createElement('span');
probe.hidden = true;

/** What a colour of the tokens is at this moment, as a canvas wants it. */
export function colour(token: string): string {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(--${token})`;
  return getComputedStyle(probe).color;
}

export const isCalm = (): boolean => matchMedia('(prefers-reduced-motion: reduce)').matches;
