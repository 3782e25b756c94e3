/**
 * Test files that are run one after another in the same processes: most of what such a file takes is the loading of the
 * same modules. They leave nothing behind in their process, and need nothing that is new in it.
 */
import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDERS = [
  'agent',
  'ai',
  'coordination',
  'definition',
  'fleet',
  'journal',
  'machines',
  'pools',
  'prometheus',
  'restate',
  'time',
  'types',
  'values',
];
/** In these folders, and yet each in a process of its own. */
export const ALONE: ReadonlySet<string> = new Set(
  [
    // They start programs or servers, mock modules, patch what is global or measure the whole process.
    'agent/plain-agent',
    'agent/questions',
    'agent/steps-kill-9',
    'agent/task-timeouts',
    'fleet/agent-calls',
    'fleet/mortal-tasks',
    'journal/kill-9',
    'pools/waiting-queue',
    'restate/chart-roll',
    'restate/clock-check',
    'restate/constraints',
    'restate/coordination',
    'restate/crossed',
    'restate/cut-off',
    'restate/dashboard',
    'restate/drained-node',
    'restate/engine-client',
    'restate/engine-wait',
    'restate/event-archive',
    'restate/fleet-events',
    'restate/fleet-metrics',
    'restate/fleet',
    'restate/identity',
    'restate/laws',
    'restate/lost-node',
    'restate/namesakes',
    'restate/nodes',
    'restate/scaling-signals',
    'restate/unread-snapshot',
    'restate/watching',
    'time/clock',
    'time/loop-turn',
    'values/cut-text',
    'values/secrets',
    'values/stderr-logger',
    // They take so long that the loading of modules is none of it.
    'coordination/consensus',
    'coordination/round-in-system',
    'fleet/code-binding',
    'fleet/families',
    'fleet/recovery',
    'restate/agent-turn',
    'values/clone-survey',
  ].map((name) => `test/${name}.test.ts`),
);
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Paths from the root of the repository. */
export const TOGETHER = FOLDERS.flatMap((folder) =>
  globSync(`test/${folder}/*.test.ts`, { cwd: ROOT }),
).filter((file) => !ALONE.has(file));
