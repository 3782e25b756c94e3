/** What a child process or thread loads for its agent: no chart, no XState, no store, no logger. The list is pinned. */
import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';

const SRC = new URL('../../src/', import.meta.url).href;

/** Prints what is loaded with some modules: this package's files by their path in `src`, packages by their names. */
const LISTING = `
import { registerHooks } from 'node:module';
const loaded = new Set();
registerHooks({
  load(url, context, next) {
    const own = url.startsWith(${JSON.stringify(SRC)}) ? url.slice(${SRC.length}) : undefined;
    loaded.add(own ?? /.*\\/node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url)?.[1] ?? url.replace(/:.*/, ''));
    return next(url, context);
  },
});
for (const module of process.argv.slice(1)) await import(module);
console.log(JSON.stringify([...loaded].filter((name) => name !== 'node').sort()));`;

function loadedWith(...modules: readonly string[]): string[] {
  const args = ['--input-type=module', '--eval', LISTING, ...modules.map((module) => SRC + module)];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as string[];
}

it('a child loads what its agent needs, and no more', () => {
  const entry = ['body-server', 'frames', 'working-folder'].map((name) => `runtime/hosting/hosts/${name}.ts`);
  expect(loadedWith(...entry, 'agent.ts')).toEqual([
    '@opentelemetry/api',
    'agent.ts',
    'leven',
    'machines/backoff.ts',
    'machines/duration.ts',
    'machines/retry-policy.ts',
    'runtime/coordination/variables/variable.ts',
    'runtime/definition/agent-self.ts',
    'runtime/definition/define-agent.ts',
    'runtime/definition/load-agent-module.ts',
    'runtime/definition/manifest.ts',
    'runtime/definition/parking.ts',
    'runtime/definition/saved-state.ts',
    'runtime/definition/task-kind.ts',
    'runtime/definition/variable-handle.ts',
    'runtime/engine/agent-counts.ts',
    'runtime/hosting/agent-body.ts',
    'runtime/hosting/body-log.ts',
    'runtime/hosting/body-requests.ts',
    'runtime/hosting/body-state.ts',
    'runtime/hosting/body-tasks.ts',
    'runtime/hosting/body-work.ts',
    'runtime/hosting/called-stream.ts',
    'runtime/hosting/chunk-sender.ts',
    'runtime/hosting/health-detail.ts',
    'runtime/hosting/hosts/body-server.ts',
    'runtime/hosting/hosts/content-bytes.ts',
    'runtime/hosting/hosts/errors-within.ts',
    'runtime/hosting/hosts/frames.ts',
    'runtime/hosting/hosts/in-process.ts',
    'runtime/hosting/hosts/message-codec.ts',
    'runtime/hosting/hosts/own-bytes.ts',
    'runtime/hosting/hosts/protocol.ts',
    'runtime/hosting/hosts/send-buffer.ts',
    'runtime/hosting/hosts/working-folder.ts',
    'runtime/hosting/init-context.ts',
    'runtime/hosting/person.ts',
    'runtime/hosting/repetition.ts',
    'runtime/hosting/request-bounds.ts',
    'runtime/hosting/running-task.ts',
    'runtime/hosting/state-saves.ts',
    'runtime/hosting/steps-taken.ts',
    'runtime/hosting/stream-window.ts',
    'runtime/hosting/task-abilities.ts',
    'runtime/hosting/task-context.ts',
    'runtime/hosting/trace-parent.ts',
    'runtime/hosting/variable-answers.ts',
    'runtime/hosting/variables.ts',
    'runtime/hosting/voting.ts',
    'runtime/time/clock.ts',
    'runtime/time/long-delay.ts',
    'runtime/time/loop-turn.ts',
    'runtime/time/once-a-turn.ts',
    'runtime/time/timer-list.ts',
    'runtime/values/clone-survey.ts',
    'runtime/values/cut-text.ts',
    'runtime/values/data-copy.ts',
    'runtime/values/default-export.ts',
    'runtime/values/error-data.ts',
    'runtime/values/error-info.ts',
    'runtime/values/errors.ts',
    'runtime/values/in-words.ts',
    'runtime/values/instances.ts',
    'runtime/values/json-survey.ts',
    'runtime/values/malformed.ts',
    'runtime/values/near-name.ts',
    'runtime/values/open-tasks.ts',
    'runtime/values/schema.ts',
    'runtime/values/secret-paths.ts',
    'runtime/values/secrets.ts',
    'runtime/values/state-json.ts',
    'runtime/values/text-measure.ts',
    'runtime/values/thenable.ts',
    'runtime/values/url-in-words.ts',
    'zod',
  ]);
});

it('the list sees what is there: all of the package loads XState', () => {
  expect(loadedWith('index.ts')).toEqual(expect.arrayContaining(['xstate', 'pino', 'machines/agent.ts']));
});
