import { writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { mabeamHere as mabeam, ownFolder } from '../kit/command-line.ts';

const counted = (go: number) => ({
  version: 1,
  charts: [{ chart: 'x', hash: '1', transitions: { 'a: go → b': go, 'b: back → a': 0 }, refusals: {} }],
});

it('adds up files of several programs', async () => {
  const folder = await ownFolder();
  const files = [`${folder}/one.json`, `${folder}/two.json`];
  await writeFile(files[0]!, JSON.stringify(counted(1)));
  await writeFile(files[1]!, JSON.stringify(counted(2)));
  const [plain, json] = await Promise.all([
    mabeam(['coverage', ...files]),
    mabeam(['coverage', ...files, '--json']),
  ]);
  expect(plain).toEqual({
    exitCode: 0,
    stdout: 'x: 1 of 2 transitions; never: b: back → a\n',
    stderr: '',
  });
  expect(JSON.parse(json.stdout)).toEqual(counted(3));
});

it('names a file that is no coverage report, and exits with 2', async () => {
  const folder = await ownFolder();
  await writeFile(`${folder}/odd.json`, '{"version":3}');
  for (const file of [`${folder}/gone.json`, `${folder}/odd.json`]) {
    const { exitCode, stdout, stderr } = await mabeam(['coverage', file]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain(file);
  }
});
