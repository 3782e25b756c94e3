/** Text from outside controls no terminal: in tables, in JSON, in messages, whatever prints it. */
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { consoleOf, type Streams } from '../../src/cli/console.ts';
import { createDashboard } from '../../src/dashboard.ts';
import { createAgentSystem, defineAgent } from '../../src/index.ts';
import { mabeamHere as mabeam } from '../kit/command-line.ts';
import { silent } from '../kit/rig.ts';

/** A bell, a cleared screen in both forms, lines, a delete, and all that turn the direction of text. */
const HOSTILE =
  'a\u0007b\u001B[2Jc\u009B2Jd\r\ne\u007Ff\u200E\u200F\u061C\u202A\u202B\u202C\u202D\u202E\u2066\u2067\u2068\u2069g';
const STEERING = /(?!\n)[\p{Cc}\p{Bidi_Control}]/u;

function written(line: string): string {
  const streams = { stdout: new PassThrough(), stderr: new PassThrough(), stdin: process.stdin, env: {} };
  const console = consoleOf(streams as unknown as Streams);
  console.out(line);
  console.note(line);
  const data = String(streams.stdout.read());
  expect(String(streams.stderr.read())).toBe(data);
  return data;
}

describe('what a console writes', () => {
  it('has styles, lines and tabs, and nothing else that a terminal obeys', () => {
    expect(written('\u001B[31mred\u001B[39m\tand\nmore')).toBe('\u001B[31mred\u001B[39m\tand\nmore\n');
    expect(written(HOSTILE)).not.toMatch(STEERING);
    expect(written('\u001B]0;title\u0007')).toBe('\\u001b]0;title\\u0007\n');
  });

  it('is the same JSON', () => {
    const json = JSON.stringify({ [HOSTILE]: [HOSTILE] });
    expect(json).toMatch(STEERING);
    expect(JSON.parse(written(json))).toEqual({ [HOSTILE]: [HOSTILE] });
  });
});

it('what a fleet calls its agents, tasks and pools is harmless in every list, and in refusals', async () => {
  const module = defineAgent({
    type: HOSTILE,
    init: () => ({}),
    tasks: {
      [HOSTILE]: {
        run: () => {
          throw Object.assign(new Error(HOSTILE), { name: HOSTILE });
        },
      },
    },
  });
  await using system = await createAgentSystem({ logger: silent });
  await using dashboard = await createDashboard(system);
  await system.agents.start(await system.agents.register({ id: HOSTILE, module }));
  await system.pools.create({ name: HOSTILE, spec: { module }, min: 1, max: 1 });
  const { id } = await system.tasks.submit(HOSTILE, { type: HOSTILE, input: HOSTILE });
  await system.tasks.result(id).catch(() => undefined);
  await system.agents.pause(HOSTILE, { by: 'grace' });
  const shown = [
    ['agents'],
    ['agents', '--ids'],
    ['agent', HOSTILE],
    ['replay', HOSTILE],
    ['events'],
    ['tasks'],
    ['task', id],
    ['pools'],
    ['pools', HOSTILE],
    ['agent', `${HOSTILE}-none`],
    ['pools', `${HOSTILE}-none`],
  ];
  for (const args of shown) {
    const { stdout, stderr } = await mabeam([...args, '--url', dashboard.url]);
    expect(stdout + stderr).not.toMatch(STEERING);
    expect(stdout + stderr).not.toBe('');
  }
});
