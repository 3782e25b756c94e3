/** Which runtime this is. Others than Node give a version of Node, too, and one of their own beside it. */
export type RuntimeName = 'Node' | 'Bun' | 'Deno';

export function runtimeName(versions: Readonly<Record<string, string | undefined>>): RuntimeName {
  if (versions['bun'] !== undefined) return 'Bun';
  return versions['deno'] === undefined ? 'Node' : 'Deno';
}
