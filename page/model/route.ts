/** Which view is open: in the part of the address that no server sees. */
import { computed, signal } from '@preact/signals';

export type Route =
  | { readonly view: 'fleet' | 'timeline' | 'coordination' | 'pools' }
  | { readonly view: 'agents'; readonly query: URLSearchParams }
  | { readonly view: 'agent'; readonly id: string };

const hash = signal(location.hash);
addEventListener('hashchange', () => (hash.value = location.hash));

export const route = computed<Route>(() => {
  const [path = '', query = ''] = hash.value.replace(/^#\/?/, '').split('?', 2);
  const [view = '', ...rest] = path.split('/');
  if (view === 'agents' && rest.length > 0) return { view: 'agent', id: decoded(rest.join('/')) };
  if (view === 'agents') return { view, query: new URLSearchParams(query) };
  if (view === 'timeline' || view === 'coordination' || view === 'pools') return { view };
  return { view: 'fleet' };
});

export function agentHref(id: string): string {
  return `#/agents/${encodeURIComponent(id)}`;
}

export function agentsHref(query: Readonly<Record<string, string>>): string {
  return `#/agents?${new URLSearchParams(query)}`;
}

/** Goes there; `replace` leaves no step to go back to. */
export function go(href: string, { replace = false }: { readonly replace?: boolean } = {}): void {
  if (replace) history.replaceState(null, '', href);
  else history.pushState(null, '', href);
  hash.value = location.hash;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
