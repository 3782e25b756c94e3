/**
 * Renders every chart: `node visualizations/render.ts` writes the files, `--check` only names those that are stale.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { charts } from './charts.ts';
import { absolute, outputsOf, staleIn } from './outputs.ts';

const isCheck = process.argv.includes('--check');
const outputs = await outputsOf(charts, isCheck ? 'kept' : 'searched');
const stale = await staleIn(outputs);

if (isCheck) {
  for (const path of stale) console.error(`stale: ${path}`);
  if (stale.length > 0) console.error('run: node visualizations/render.ts');
  process.exitCode = stale.length > 0 ? 1 : 0;
} else {
  for (const { path, text } of outputs) {
    await mkdir(dirname(absolute(path)), { recursive: true });
    await writeFile(absolute(path), text);
  }
  for (const path of stale) {
    const isKnown = outputs.some((output) => output.path === path);
    console.log(isKnown ? `wrote ${path}` : `no chart has this file any more: ${path}`);
  }
}
