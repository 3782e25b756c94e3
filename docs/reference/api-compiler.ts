/** Gives typedoc the TypeScript that has an API: the compiler of this project, 7, has none. Loaded by `--import`. */
import { registerHooks } from 'node:module';

registerHooks({
  resolve: (specifier, context, next) =>
    next(specifier === 'typescript' ? 'typescript-6.0' : specifier, context),
});
