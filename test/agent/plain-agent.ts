/** The agent chart as a plain actor of XState: no runtime, and unless one is given the clock that XState brings. */
import { type ActorOptions, createActor, fromPromise } from 'xstate';
import {
  agentMachine,
  agentSpec,
  type AgentSpecInput,
  type BodyExit,
  type BodyInput,
  lifePolicyOf,
  positionOf,
} from '../../src/machines/index.ts';

type Options = Omit<ActorOptions<typeof agentMachine>, 'input'>;

/** An agent that serves; it says where it stands. */
export function servingAgent(
  resources: AgentSpecInput['resources'],
  options: Options = {},
): Disposable & { path(): string } {
  const policy = lifePolicyOf(agentSpec.parse({ module: {}, resources }));
  const body = fromPromise<BodyExit, BodyInput>(() => new Promise(() => {}));
  const logic = agentMachine.provide({ actors: { body } });
  const actor = createActor(logic, { ...options, input: { id: 'ada', policy } }).start();
  actor.send({ type: 'agent.start', at: 0 });
  actor.send({ type: 'body.ready', at: 0 });
  return {
    path: () => positionOf(actor.getSnapshot().value).path,
    [Symbol.dispose]: () => void actor.stop(),
  };
}
