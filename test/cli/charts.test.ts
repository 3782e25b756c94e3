import { readdir, readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { mabeamHere as mabeam, ownFolder } from '../kit/command-line.ts';

const picture = (name: string) => readFile(new URL(`../../visualizations/${name}`, import.meta.url), 'utf8');

const CHARTS = [
  'agent',
  'autoscaler',
  'budget',
  'consensus',
  'coordinator',
  'pool',
  'progress',
  'question',
  'quota',
  'supervisor',
  'task',
];

it('lists the charts', async () => {
  const { exitCode, stdout, stderr } = await mabeam(['charts']);
  expect({ exitCode, stdout }).toEqual({
    exitCode: 0,
    stdout: `${[...CHARTS, 'agent-statuses'].toSorted().join('\n')}\n`,
  });
  expect(stderr).toMatch(/--svg/);
  expect(JSON.parse((await mabeam(['charts', '--json'])).stdout)).toHaveLength(CHARTS.length + 1);
});

it('prints one as a picture, and as text', async () => {
  const [svg, text, plain] = await Promise.all([
    mabeam(['charts', 'agent', '--svg']),
    mabeam(['charts', 'agent', '--mermaid']),
    mabeam(['charts', 'agent']),
  ]);
  expect(svg).toEqual({ exitCode: 0, stdout: `${(await picture('agent.svg')).trimEnd()}\n`, stderr: '' });
  expect(text).toEqual({ exitCode: 0, stdout: await picture('agent.mmd'), stderr: '' });
  expect(plain).toEqual(text);
});

it('writes them to a folder, which it makes', async () => {
  const folder = `${await ownFolder()}/of/its/own`;
  const { exitCode, stdout } = await mabeam(['charts', '--out', folder, '--mermaid']);
  expect(exitCode).toBe(0);
  const written = (await readdir(folder)).toSorted();
  expect(written).toEqual(CHARTS.map((name) => `${name}.mmd`));
  expect(stdout.trim().split('\n').toSorted()).toEqual(written.map((name) => `${folder}/${name}`));
});
