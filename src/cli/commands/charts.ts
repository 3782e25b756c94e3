/** `mabeam charts`: the life cycles that this version runs, as pictures and as text. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Call, type JsonOption, outJson } from '../call.ts';
import { usageFailure } from '../failure.ts';

export interface ChartsOptions extends JsonOption {
  readonly svg?: boolean;
  readonly mermaid?: boolean;
  /** A folder for them, instead of stdout. */
  readonly out?: string;
}

/** Where the pictures are: beside the sources as beside what is built. */
const FOLDER = new URL('../../../visualizations/', import.meta.url);

export async function charts(
  { console }: Call,
  name: string | undefined,
  options: ChartsOptions,
): Promise<void> {
  if (options.svg && options.mermaid) throw usageFailure('either --svg or --mermaid, not both');
  const kind = options.svg ? 'svg' : 'mmd';
  const files = (await readdir(FOLDER)).filter((file) => /\.(svg|mmd)$/.test(file));
  const names = [...new Set(files.map((file) => file.replace(/\.\w+$/, '')))].toSorted();
  const wanted = name === undefined ? names : [name];
  for (const one of wanted) {
    if (!names.includes(one))
      throw usageFailure(`no chart ${JSON.stringify(one)}, there are: ${names.join(', ')}`);
  }
  const isAsked = options.svg || options.mermaid || name !== undefined;
  if (options.out !== undefined) {
    await mkdir(options.out, { recursive: true });
    const kinds = options.svg || options.mermaid ? [kind] : ['svg', 'mmd'];
    for (const file of files) {
      const [chart, suffix] = [file.replace(/\.\w+$/, ''), file.split('.').at(-1)!];
      if (!wanted.includes(chart) || !kinds.includes(suffix)) continue;
      const path = join(options.out, file);
      await writeFile(path, await readFile(new URL(file, FOLDER)));
      console.out(path);
    }
    return;
  }
  if (!isAsked) {
    if (options.json) return outJson(console, names);
    names.forEach((one) => console.out(one));
    return console.note('mabeam charts NAME --svg > NAME.svg, or --mermaid; --out DIR writes them all');
  }
  const found = wanted.filter((one) => files.includes(`${one}.${kind}`));
  if (found.length === 0) throw usageFailure(`${wanted[0]} has no picture of that kind`);
  if (found.length > 1 && options.svg) {
    throw usageFailure(`which one? ${names.join(', ')}`, 'mabeam charts --svg --out DIR writes them all.');
  }
  const texts: string[] = [];
  for (const one of found) texts.push(await readFile(new URL(`${one}.${kind}`, FOLDER), 'utf8'));
  console.out(texts.join('\n').trimEnd());
}
