/** The pictures of the charts, as the package ships them; none if an installation leaves them out. */
import { readdir, readFile } from 'node:fs/promises';

/** Beside the sources as beside what is built. */
const FOLDER = new URL('../../../../visualizations/', import.meta.url);

/** By name. */
export async function chartPictures(): Promise<ReadonlyMap<string, string>> {
  const files = await readdir(FOLDER).catch(() => []);
  const pictures = files.filter((file) => file.endsWith('.svg'));
  const texts = await Promise.all(pictures.map((file) => readFile(new URL(file, FOLDER), 'utf8')));
  return new Map(pictures.map((file, place) => [file.slice(0, -'.svg'.length), texts[place]!]));
}
