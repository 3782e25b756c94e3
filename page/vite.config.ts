/**
 * Builds the dashboard's page to static files, which the package ships and its own server hands out.
 *
 * Nothing is put into the HTML and no file is inlined: the page's policy allows neither.
 */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: './',
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
