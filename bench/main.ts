/**
 * Everything that is measured: `npm run bench`, or `npm run bench -- fleets crashes` for some of it.
 *
 * The figures are for comparing on one machine; docs/performance.md says what they do not measure.
 */
import { benchCoordination } from './coordination.ts';
import { benchCrashes } from './crashes.ts';
import { benchFleets } from './fleet.ts';
import { benchHosts } from './hosts.ts';
import { benchLives } from './lives.ts';
import { benchPools } from './pools.ts';
import { benchStore } from './store.ts';

const benches: Record<string, () => Promise<void>> = {
  lives: benchLives,
  fleets: () => benchFleets([1_000, 10_000, 100_000]),
  crashes: benchCrashes,
  hosts: benchHosts,
  store: benchStore,
  coordination: () => benchCoordination([100, 1_000, 10_000, 100_000]),
  pools: () => benchPools([1, 10, 100, 1_000, 10_000]),
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !Object.hasOwn(benches, name));
if (unknown.length > 0) {
  console.error(`no bench ${unknown.join(', ')}, expected some of: ${Object.keys(benches).join(', ')}`);
  process.exitCode = 2;
} else {
  const { node } = process.versions;
  console.log(`Node ${node}; garbage is ${globalThis.gc ? '' : 'not '}collected before the heap is read`);
  for (const name of asked.length === 0 ? Object.keys(benches) : asked) await benches[name]!();
}
