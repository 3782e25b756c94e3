/**
 * Builds the dashboard's page to static files, which the package ships and its own server hands out.
 *
 * Nothing is put into the HTML and no file is inlined: the page's policy allows neither.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';

/** Their licence asks that it goes with the fonts. */
const fontLicences: Plugin = {
  name: 'font-licences',
  generateBundle() {
    for (const font of ['inter', 'jetbrains-mono']) {
      const file = fileURLToPath(import.meta.resolve(`@fontsource-variable/${font}/LICENSE`));
      this.emitFile({
        type: 'asset',
        fileName: `assets/${font}-licence.txt`,
        source: readFileSync(file, 'utf8'),
      });
    }
  },
};

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: './',
  plugins: [fontLicences],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../dist/dashboard/page',
    emptyOutDir: true,
    target: 'es2023',
    // From these on `light-dark()` is there, and is left as it is.
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    license: { fileName: 'assets/licenses.txt' },
  },
});
