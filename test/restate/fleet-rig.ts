/** A fleet on a real server for one test file: one engine, and nodes and agents of each test's own. */
import { pino } from 'pino';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import type { AgentCode } from '../../src/index.ts';
import {
  type AgentNode,
  type AgentNodeOptions,
  connectFleet,
  createAgentNode,
  type Fleet,
} from '../../src/restate.ts';
import { type Engine, type EngineOptions, startEngine } from './engine.ts';

/** The lease of nodes that are not to die: longer than a busy machine may hold one up. */
export const PATIENT_MS = 15_000;

const silent = pino({ level: 'silent' });

/** One server for all tests of a file, and a node that runs no agent and answers for the fleet between tests. */
export function sharedEngine(options?: EngineOptions): () => Engine {
  let engine: Engine | undefined;
  let keeper: AgentNode | undefined;
  beforeAll(async () => {
    engine = await startEngine(options);
    const { ingressUrl, adminUrl } = engine;
    keeper = await createAgentNode({
      name: 'keeper',
      listen: 'http://127.0.0.1:0',
      restate: { ingressUrl, adminUrl },
      limits: { maxAgents: 0 },
      leaseMs: PATIENT_MS,
      logger: silent,
    });
  });
  afterAll(async () => {
    await keeper?.close();
    await engine?.stop();
  });
  return () => engine!;
}

export interface FleetRig {
  readonly fleet: Fleet;
  node(name: string, options?: Partial<AgentNodeOptions>): Promise<AgentNode>;
}

let made = 0;

/** A name that no test of this file has used. */
export function fresh(word: string): string {
  made += 1;
  return `${word}${made}`;
}

export async function fleetRig(engine: Engine, agents: readonly AgentCode[]): Promise<FleetRig> {
  const { ingressUrl, adminUrl } = engine;
  const nodes: AgentNode[] = [];
  const fleet = await connectFleet({ ingressUrl, agents, logger: silent });
  onTestFinished(async () => {
    await fleet.stopAgents({ timeoutMs: 0 });
    for (const { id } of await fleet.agents.list()) await fleet.agents.forget(id);
    await fleet.close();
    for (const node of nodes.toReversed()) await node.close({ timeoutMs: 2_000 });
  });
  return {
    fleet,
    async node(name, options = {}) {
      const node = await createAgentNode({
        name,
        listen: 'http://127.0.0.1:0',
        restate: { ingressUrl, adminUrl },
        agents,
        logger: silent,
        leaseMs: PATIENT_MS,
        ...options,
      });
      nodes.push(node);
      return node;
    },
  };
}
