/** Which view is open, as the fragment of the address says: no server sees that. */
import { computed, signal } from '@preact/signals';

const PLAIN = ['fleet', 'questions', 'limits', 'timeline', 'coordination', 'pools'] as const;

export type Route =
  | { readonly view: (typeof PLAIN)[number] }
  | { readonly view: 'agents' | 'work'; readonly query: URLSearchParams }
  | { readonly view: 'agent'; readonly id: string };

const hash = signal(location.hash);
addEventListener('hashchange', () => (hash.value = location.hash));

export const route = computed<Route>(() => {
  const [path = '', query = ''] = hash.value.replace(/^#\/?/, '').split('?', 2);
  const [view = '', ...rest] = path.split('/');
  if (view === 'agents' && rest.length > 0) return { view: 'agent', id: decoded(rest.join('/')) };
  if (view === 'agents' || view === 'work') return { view, query: new URLSearchParams(query) };
  return { view: PLAIN.find((one) => one === view) ?? 'fleet' };
});

export function agentHref(id: string): string {
  return `#/agents/${encodeURIComponent(id)}`;
}

export function agentsHref(query: Readonly<Record<string, string>>): string {
  return `#/agents?${new URLSearchParams(query)}`;
}

export function workHref(query: Readonly<Record<string, string>>): string {
  return `#/work?${new URLSearchParams(query)}`;
}

/** Where one task is shown, unfolded. */
export function taskHref(id: string): string {
  return workHref({ task: id });
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
