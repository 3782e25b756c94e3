/** What tests of agents, hosts and stores need: time and chance that obey, bodies that do as they are told. */
export {
  scriptedHost,
  type ScriptedBody,
  type ScriptedHost,
  type ScriptedHostOptions,
  type ScriptedRequest,
} from './scripted-host.ts';
export { seededRandom } from './seeded-random.ts';
export { settled, simulatedClock, type PendingTimer, type SimulatedClock } from './simulated-clock.ts';
export { storeLaws, type OpenStore, type OpenStoreOptions, type StoreLaw } from './store-suite.ts';
