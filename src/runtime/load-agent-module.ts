/** Loads a module whose default export is an agent definition. Runs wherever the agent does. */
import { type AnyAgentDefinition, isAgentDefinition } from './define-agent.ts';
import { errorInfoOf, inWords } from './errors.ts';

/** @throws Error that names the module, what was expected and what came */
export async function loadAgentModule(module: URL): Promise<AnyAgentDefinition> {
  let loaded: { default?: unknown };
  try {
    loaded = (await import(module.href)) as { default?: unknown };
  } catch (thrown) {
    throw new Error(`module ${module.href} did not load: ${errorInfoOf(thrown).message}`, { cause: thrown });
  }
  if (!isAgentDefinition(loaded.default)) {
    throw new TypeError(
      `module ${module.href}: expected its default export to come from defineAgent, got ${inWords(loaded.default)}`,
    );
  }
  return loaded.default;
}
