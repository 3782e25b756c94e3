/** Preloaded into a node's program: a state of the agent chart has another name there, as in another version of the code. */
import { registerHooks } from 'node:module';

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!url.endsWith('/src/machines/agent.ts')) return loaded;
    const source = Buffer.from(loaded.source as Uint8Array).toString('utf8');
    return { ...loaded, source: source.replaceAll(/\bcoordinated\b/g, 'attuned') };
  },
});
