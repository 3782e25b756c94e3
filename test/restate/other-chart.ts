/** Preloaded into a node's program: its charts of agents and pools have other names in them, as in another version of the code. */
import { registerHooks } from 'node:module';

const RENAMED = [
  ['/src/machines/agent.ts', /\bcoordinated\b/g, 'attuned'],
  ['/src/machines/pool.ts', /\bkillGrace\b/g, 'killPause'],
] as const;

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const renamed = RENAMED.find(([file]) => url.endsWith(file));
    if (renamed === undefined) return loaded;
    const source = Buffer.from(loaded.source as Uint8Array).toString('utf8');
    return { ...loaded, source: source.replaceAll(renamed[1], renamed[2]) };
  },
});
