/**
 * The generated parts of the pages, between `<!-- generated: name -->` and `<!-- end -->`.
 *
 * Owns: which parts there are. Writes nothing.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { alertTable, defaultsTable, errorTable, eventTable } from './tables.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PAGES = ['docs/agents.md', 'docs/reference.md'];
/** Where the documented methods are, and what they are called under. */
const API: readonly (readonly [under: string, path: string, names?: Readonly<Record<string, string>>])[] = [
  [
    '',
    'src/runtime/system/agent-system.ts',
    {
      subscribe: 'events.subscribe',
      read: 'events.read',
      replay: 'events.replay',
      close: 'system.close',
    },
  ],
  ['', 'src/runtime/system.ts'],
  ['agents', 'src/runtime/fleet/agents.ts'],
  ['variables', 'src/runtime/coordination/variables/variables.ts'],
  ['consensus', 'src/runtime/coordination/rounds/consensus.ts'],
  ['coordination', 'src/runtime/coordination/coordination.ts'],
  ['pools', 'src/runtime/pools/pools.ts'],
  ['tasks', 'src/runtime/fleet/tasks.ts'],
  ['budgets', 'src/runtime/limits/budgets.ts'],
  ['quotas', 'src/runtime/limits/quotas.ts'],
  ['questions', 'src/runtime/agent/questions.ts'],
  ['', 'src/runtime/fleet/stored-questions.ts'],
  ['', 'src/runtime/fleet/recovery-plan.ts'],
  ['fleet', 'src/restate/client/fleet.ts'],
  ['', 'src/fleet/fleet.ts', { start: 'fleet.start' }],
  ['', 'src/fleet/define-fleet.ts'],
  ['', 'src/runtime/definition/define-agent.ts'],
  [
    '',
    'src/runtime/definition/contexts.ts',
    { ask: 'context.ask', repeated: 'context.repeated', step: 'context.step', emit: 'context.emit' },
  ],
  [
    '',
    'src/runtime/definition/task-abilities.ts',
    {
      execute: 'context.agents.execute',
      stream: 'context.agents.stream',
      spawn: 'context.agents.spawn',
      stop: 'context.agents.stop',
      reserve: 'context.budget.reserve',
      settle: 'reservation.settle',
      release: 'reservation.release',
    },
  ],
];

export interface Page {
  readonly path: string;
  readonly before: string;
  readonly text: string;
}

/** Every page with generated parts, as it is and as it should be. */
export async function renderedPages(): Promise<readonly Page[]> {
  const parts = await partsByName();
  return Promise.all(
    PAGES.map(async (path) => {
      const before = await read(path);
      return { path, before, text: withParts(before, parts) };
    }),
  );
}

export function absolute(path: string): string {
  return `${ROOT}${path}`;
}

function read(path: string): Promise<string> {
  return readFile(absolute(path), 'utf8');
}

/** `page` with each named part in its place. Throws for a name that no part has. */
export function withParts(page: string, parts: ReadonlyMap<string, string>): string {
  return page.replaceAll(/<!-- generated: ([\w-]+) -->[^]*?<!-- end -->/g, (_, name: string) => {
    const part = parts.get(name);
    if (part === undefined) throw new Error(`nothing is generated under the name ${name}`);
    return `<!-- generated: ${name} -->\n\n${part}\n\n<!-- end -->`;
  });
}

async function partsByName(): Promise<ReadonlyMap<string, string>> {
  const sources = await Promise.all(
    API.map(async ([under, path, names = {}]) => ({ under, names, text: await read(path) })),
  );
  return new Map([
    ['events', eventTable(await read('src/runtime/journal/system-event.ts'))],
    ['alerts', alertTable()],
    ['errors', errorTable(sources)],
    ['defaults', defaultsTable()],
  ]);
}
