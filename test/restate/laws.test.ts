/** One suite of laws, two systems: one program, and a fleet on a real server. */
import { pino } from 'pino';
import { afterAll, beforeAll, describe } from 'vitest';
import { type AgentSystem, createAgentSystem } from '../../src/index.ts';
import { type AgentNode, connectFleet, createAgentNode, type Fleet } from '../../src/restate.ts';
import { type Engine, hasEngine, startEngine } from './engine.ts';
import { PATIENT_MS } from './fleet-rig.ts';
import { lawAgents as codeOfLaws } from './law-agents.ts';
import { laws } from './laws.ts';
import { budgetLaws, spendingAgents, type SpendingSubject } from './budget-laws.ts';
import { askingAgents, type AskingSubject, personLaws } from './person-laws.ts';
import { bodyLaws } from './body-laws.ts';
import { seenAgents, seenLaws, type SeenSubject } from './seen-laws.ts';
import { lawSecrets, secretAgents, secretLaws, type SecretSubject } from './secret-laws.ts';
import { lawSignals, poolAgents, poolLaws, type PoolSubject } from './pool-laws.ts';
import {
  coordinatedAgents,
  type CoordinatedSubject,
  coordinationLaws,
  lawConstraints,
} from './coordination-laws.ts';
import { ledAgents, leaderLaws, type LedSubject } from './leader-laws.ts';
import { workAgents, workLaws } from './work-laws.ts';
import { addingLaws } from '../laws/on-both/adding.ts';
import { endingLaws } from '../laws/on-both/ending.ts';
import { stoppingAgents, stoppingLaws } from '../laws/on-both/stopping.ts';
import type { PlayedSubject } from '../laws/on-both/subject.ts';
import { partlyScripted } from '../kit/partly-scripted.ts';

const lawAgents = [
  ...codeOfLaws,
  ...workAgents,
  ...askingAgents,
  ...spendingAgents,
  ...seenAgents,
  ...stoppingAgents,
  ...secretAgents,
  ...poolAgents,
  ...ledAgents,
  ...coordinatedAgents,
];
type LawSubject = AskingSubject &
  SpendingSubject &
  SeenSubject &
  PlayedSubject &
  SecretSubject &
  PoolSubject &
  LedSubject &
  CoordinatedSubject;
/** What agents log. */
function recording() {
  const lines: Readonly<Record<string, unknown>>[] = [];
  const write = (line: string) => {
    const told = JSON.parse(line) as Readonly<Record<string, unknown>>;
    if (told['agentId'] !== undefined) lines.push(told);
  };
  return { lines, logger: pino({ level: 'info' }, { write }) };
}

/** How many states an engine keeps that hold a text. */
async function statesWith({ adminUrl }: Engine, text: string): Promise<number> {
  const query = `SELECT count(*) AS n FROM state WHERE value_utf8 LIKE '%${text}%'`;
  const headers = { 'content-type': 'application/json', accept: 'application/json' };
  const response = await fetch(`${adminUrl}/query`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ query }),
  });
  const { rows } = (await response.json()) as { rows: [{ n: number }] };
  return rows[0].n;
}

/** The rooms that laws ask, of either, and what a test adds to them. */
function subjectOf(system: AgentSystem | Fleet, added: object): LawSubject {
  const { agents, tasks, pools, variables, consensus, alerts, events } = system;
  const { questions, budgets, quotas, coordination } = system;
  const rooms = { agents, tasks, pools, variables, consensus, alerts, events, questions, budgets, quotas };
  const readings = { resources: () => system.resources(), coverage: () => system.coverage() };
  return { ...rooms, coordination, ...readings, ...added } as unknown as LawSubject;
}

function lawsOfBoth(subject: () => LawSubject): void {
  workLaws(subject);
  personLaws(subject);
  budgetLaws(subject);
  bodyLaws(subject);
  seenLaws(subject);
  secretLaws(subject);
  poolLaws(subject);
  leaderLaws(subject);
  coordinationLaws(subject);
  laws(subject);
}

describe('one program', () => {
  const { lines, logger } = recording();
  let system: AgentSystem | undefined;
  let subject: LawSubject | undefined;
  beforeAll(async () => {
    system = await createAgentSystem({ logger, secrets: lawSecrets });
    subject = subjectOf(system, { end: () => system!.close(), lines });
  });
  afterAll(() => system?.close());
  lawsOfBoth(() => subject!);
});

describe.runIf(hasEngine())('a fleet on two nodes', () => {
  const bodies = partlyScripted();
  const { lines, logger } = recording();
  let engine: Engine | undefined;
  let fleet: Fleet | undefined;
  let subject: LawSubject | undefined;
  const nodes: AgentNode[] = [];
  beforeAll(async () => {
    engine = await startEngine();
    const { ingressUrl, adminUrl } = engine;
    for (const name of ['n1', 'n2']) {
      const restate = { ingressUrl, adminUrl };
      const options = {
        name,
        listen: 'http://127.0.0.1:0',
        restate,
        agents: lawAgents,
        constraints: lawConstraints,
        scalingSignals: lawSignals,
        logger,
        hosts: { 'in-process': bodies.host() },
        leaseMs: PATIENT_MS,
        secrets: lawSecrets,
      };
      nodes.push(await createAgentNode(options));
    }
    fleet = await connectFleet({ ingressUrl, agents: lawAgents, logger, secrets: lawSecrets });
    subject = subjectOf(fleet, {
      end: () => fleet!.stopAgents(),
      lines,
      bodies,
      statesWith: (text: string) => statesWith(engine!, text),
    });
  });
  afterAll(async () => {
    await fleet?.close();
    for (const node of nodes) await node.close({ timeoutMs: 2_000 });
    await engine?.stop();
  });
  lawsOfBoth(() => subject!);
  addingLaws(() => subject!);
  stoppingLaws(() => subject!);
  endingLaws(() => subject!);
});
