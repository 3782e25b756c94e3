/** What a module that was imported has as its default export. Pure. */

/**
 * What a compiler has made a CommonJS module of says so by `__esModule`, and keeps its default export one level deeper:
 * `import()` gives the whole of `module.exports` as the default.
 */
export function defaultExportOf(loaded: { readonly default?: unknown }): unknown {
  const { default: given } = loaded;
  const isCompiled =
    typeof given === 'object' && given !== null && '__esModule' in given && given.__esModule === true;
  return isCompiled && 'default' in given ? given.default : given;
}
