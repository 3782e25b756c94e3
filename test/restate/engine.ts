/** The real server that tests run on. Where it is not there tests say so, and are left out; never in CI. */
import { serverBinary } from '../../examples/cluster/engine.ts';

export { type Engine, type EngineOptions, startEngine } from '../../examples/cluster/engine.ts';

/** Whether tests on a real server can run here; in CI they have to. */
export function hasEngine(): boolean {
  if (serverBinary() !== undefined) return true;
  const message = 'no restate-server for this machine: tests on a real server are LEFT OUT';
  if (process.env['CI']) throw new Error(message);
  console.warn(message);
  return false;
}
