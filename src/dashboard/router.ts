/** Which answer belongs to which method and address: a list of patterns, in which `:name` stands for one part. Pure. */

export interface Route<Answer> {
  readonly method: 'GET' | 'POST';
  readonly pattern: string;
  readonly answer: Answer;
}

export interface Found<Answer> {
  readonly answer: Answer;
  readonly params: Readonly<Record<string, string>>;
}

export type Lookup<Answer> = Found<Answer> | { readonly allowed: readonly string[] };

/** The answer for an address, or the methods that the address has: none if there is no such address. */
export function lookUp<Answer>(
  routes: readonly Route<Answer>[],
  method: string,
  path: string,
): Lookup<Answer> {
  const allowed: string[] = [];
  for (const route of routes) {
    const params = paramsOf(route.pattern, path);
    if (params === undefined) continue;
    if (route.method === method) return { answer: route.answer, params };
    allowed.push(route.method);
  }
  return { allowed };
}

function paramsOf(pattern: string, path: string): Record<string, string> | undefined {
  const [expected, parts] = [pattern.split('/'), path.split('/')];
  if (expected.length !== parts.length) return undefined;
  const params = Object.create(null) as Record<string, string>;
  for (const [place, part] of parts.entries()) {
    const wanted = expected[place]!;
    if (!wanted.startsWith(':')) {
      if (wanted !== part) return undefined;
      continue;
    }
    // An id may hold anything, also what separates parts. As `id=..` it may be what addresses have for a step up.
    const value = decoded(part.startsWith('id=') ? part.slice(3) : part);
    if (value === undefined || value === '') return undefined;
    params[wanted.slice(1)] = value;
  }
  return params;
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}
