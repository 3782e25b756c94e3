/** Loads a module whose default export is an agent definition. Runs where the agent runs. */
import { type AnyAgentDefinition, isAgentDefinition } from './define-agent.ts';
import { defaultExportOf } from '../values/default-export.ts';
import { cut } from '../values/cut-text.ts';
import { errorInfoOf, inWords } from '../values/errors.ts';
import { urlInWords } from '../values/url-in-words.ts';

/** This package's own files: what is thrown in them for a module is that module's doing. */
const OWN_FOLDER = new URL('..', import.meta.url).href;
const PLACE = String.raw`((?:file://|/|[A-Za-z]:[\\/]).*:\d+)`;
/** What does not compile is named above the error. Files of JavaScript are not, by Node. */
const HEADLINE = new RegExp(`^${PLACE}$`);
const FRAME = new RegExp(`^ +at (?:async |.*?\\()?${PLACE}\\)?$`);

/** Of what is wrong with code that is in no file, in characters. */
const MAX_TOLD = 300;

/** Where a module that failed is to be loaded from the next time: Node keeps a failure by its address for ever. */
const nextAddresses = new Map<string, string>();

/** Its file read anew; what it imports is not, and a failure in that stays until the program ends. */
function addressAfter(address: string): string {
  const url = new URL(address);
  url.searchParams.set('attempt', String(Number(url.searchParams.get('attempt') ?? 1) + 1));
  return url.href;
}

/**
 * A module that failed is tried afresh the next time.
 *
 * @param type the type that it has to define; default any
 * @throws Error that names the module, what was expected and what came; where code did not compile or threw, which
 * may be in a file that the module imports, also that file and line
 */
export async function loadAgentModule(module: URL, type?: string): Promise<AnyAgentDefinition> {
  const shown = urlInWords(module);
  const address = nextAddresses.get(module.href) ?? module.href;
  const failed = (): void => {
    // Of several that load it at once the first says where it goes on.
    if ((nextAddresses.get(module.href) ?? module.href) === address) {
      nextAddresses.set(module.href, addressAfter(address));
    }
  };
  let definition: unknown;
  try {
    // Bundlers take it as it is: the address is known at run time alone.
    const loaded = (await import(/* webpackIgnore: true */ /* @vite-ignore */ address)) as object;
    definition = defaultExportOf(loaded);
  } catch (thrown) {
    failed();
    const { message, stack } = errorInfoOf(thrown);
    const place = placeIn(stack);
    const whole = place === undefined ? message : `${message} (${place})`;
    const told = whole.replaceAll(address, () => shown).replaceAll(module.href, () => shown);
    // Node quotes where code is from, which may be all of the code.
    const why = module.protocol === 'file:' ? told : cut(told, MAX_TOLD);
    throw new Error(`module ${shown} did not load: ${why}`, { cause: thrown });
  }
  if (!isAgentDefinition(definition)) {
    failed();
    throw new TypeError(
      `module ${shown}: expected its default export to come from defineAgent, got ${inWords(definition)}`,
    );
  }
  const { type: defined } = definition;
  if (type !== undefined && defined !== type) {
    failed();
    throw new TypeError(
      `module ${shown}: expected an agent of type ${inWords(type)}, got ${inWords(defined)}`,
    );
  }
  return definition;
}

/** The file and line that an error's stack begins with, in code of the agent rather than of its packages. */
function placeIn(stack: string | undefined): string | undefined {
  const [headline = '', ...lines] = stack?.split('\n') ?? [];
  const named = HEADLINE.exec(headline)?.[1];
  if (named !== undefined) return named;
  // What stands below has called for the module.
  const end = lines.findIndex((line) => line.includes(import.meta.url));
  const places = (end === -1 ? lines : lines.slice(0, end))
    .map((line) => FRAME.exec(line)?.[1])
    .filter((place) => place !== undefined && !place.startsWith(OWN_FOLDER));
  return places.find((place) => !place?.includes('/node_modules/')) ?? places[0];
}
