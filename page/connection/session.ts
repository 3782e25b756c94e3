/**
 * The secrets of this tab: the token it was opened with, and the second secret once it was typed.
 *
 * Both are kept for the tab alone. The token is taken out of the address, so that no picture of the screen and no
 * bookmark gives it away.
 */
import { signal } from '@preact/signals';

const TOKEN = 'mabeam.token';
const CONTROL = 'mabeam.control';
const OPERATOR = 'mabeam.operator';

export const token = signal(takeToken());
export const controlToken = signal(sessionStorage.getItem(CONTROL));
/** Who acts, as events and log lines name them. */
export const operator = signal(localStorage.getItem(OPERATOR) ?? '');

export function keepToken(given: string): void {
  sessionStorage.setItem(TOKEN, given);
  token.value = given;
}

export function unlock(secret: string, name: string): void {
  sessionStorage.setItem(CONTROL, secret);
  localStorage.setItem(OPERATOR, name);
  controlToken.value = secret;
  operator.value = name;
}

export function lock(): void {
  sessionStorage.removeItem(CONTROL);
  controlToken.value = null;
}

function takeToken(): string {
  const address = new URL(location.href);
  const given = address.searchParams.get('token');
  if (given === null) return sessionStorage.getItem(TOKEN) ?? '';
  sessionStorage.setItem(TOKEN, given);
  address.searchParams.delete('token');
  history.replaceState(null, '', address);
  return given;
}
