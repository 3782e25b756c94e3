import { describe, expect, it } from 'vitest';
import { renderedPages, withParts } from '../../docs/reference/pages.ts';
import { errorCodes } from '../../src/index.ts';

const pages = await renderedPages();

it.each(pages)(
  'the generated parts of $path are those of the sources (else run: node docs/reference/render.ts)',
  ({ before, text }) => {
    expect(text).toBe(before);
  },
);

describe('the tables', () => {
  const reference = pages.find(({ path }) => path === 'docs/reference.md')!.text;

  it('know the fields of an event, its own and those it shares', () => {
    expect(reference).toMatch(
      /\| `agent\.crashed` \|.*`agentId`, `incarnation`, `life`, `reason`, `by\?`, `abandoned` \|/,
    );
    expect(reference).toMatch(/\| `variable\.changed` \|.*`name`, `value`, `version`, `by`, `why\?` \|/);
    expect(reference).toMatch(/\| `agent\.paused` \|.*`agentId`, `incarnation`, `life`, `by\?` \|/);
    expect(reference).toMatch(
      /\| `task\.completed` \|.*`task`, `waitedMs`, `ranMs`, `submitted\?`, .*`output\?` \|/,
    );
  });

  it('name a field of an event once, and none of a value within it', () => {
    expect(reference).toMatch(
      /\| `schedule\.set` \|.*\| `by\?`, `name`, `cron\?`, `everyMs\?`, `timezone\?`, `missed`, `target`, `task`, `lastDueAt\?` \|/,
    );
  });

  it('know who throws a code, also where one method throws as another does', () => {
    expect(reference).toMatch(/\| `AGENT_START_TIMED_OUT` \|.*`agents\.start`, `agents\.restart`/);
    expect(reference).toMatch(
      /\| `TASK_QUEUE_FULL` \|.*`agents\.execute`, `agents\.stream`, `pools\.execute`, .*`context\.agents\.execute`/,
    );
    expect(reference).toMatch(/\| `WAIT_CIRCLE` \|.*`context\.agents\.execute`/);
  });

  it('know for every code who throws it', () => {
    const rows = reference.split('\n').filter((line) => /^\| `[A-Z_]+` \|/.test(line));
    expect(rows.length).toBe(errorCodes.length);
    expect(rows.filter((row) => !/\| `[^|]*` \|$/.test(row))).toEqual([]);
  });

  it('know every default of a spec', () => {
    const agents = pages.find(({ path }) => path === 'docs/agents.md')!.text;
    expect(agents).toContain('| `restart.maxDelayMs` | `60,000` |');
    expect(agents).toContain('| `resources.maxRuntimeMs` | `Infinity` |');
  });

  it('cannot be asked for under a name that nothing has', () => {
    expect(() => withParts('<!-- generated: nonsense --><!-- end -->', new Map())).toThrow(/nonsense/);
  });
});
