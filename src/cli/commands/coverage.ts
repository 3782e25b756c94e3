/** `mabeam coverage FILE…`: what programs have taken of the charts, by the files that they wrote. */
import { readFile } from 'node:fs/promises';
import { type Coverage, mergeCoverage } from '../../index.ts';
import { errorInfoOf } from '../../runtime/values/errors.ts';
import { type Call, type JsonOption, outJson } from '../call.ts';
import { usageFailure } from '../failure.ts';

export async function coverage(
  { console }: Call,
  files: readonly string[],
  options: JsonOption,
): Promise<void> {
  const kept: unknown[] = [];
  for (const file of files) kept.push(await read(file));
  let merged: Coverage;
  try {
    merged = mergeCoverage(...kept);
  } catch (thrown) {
    throw usageFailure(`${files.join(', ')}: ${errorInfoOf(thrown).message}`);
  }
  if (options.json) return outJson(console, merged.toJSON());
  console.out(merged.toString());
}

async function read(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (thrown) {
    throw usageFailure(
      `${file}: ${errorInfoOf(thrown).message}`,
      'A program writes such a file: writeFile(file, JSON.stringify(system.coverage()))',
    );
  }
}
