/** Renders the generated parts of the pages: `node docs/reference/render.ts`. */
import { writeFile } from 'node:fs/promises';
import { absolute, renderedPages } from './pages.ts';

for (const { path, before, text } of await renderedPages()) {
  if (text === before) continue;
  await writeFile(absolute(path), text);
  console.log(`wrote ${path}`);
}
