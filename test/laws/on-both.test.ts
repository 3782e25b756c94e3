/** The laws that hold of one program and of a fleet, on one program; on a fleet: test/restate/laws.test.ts. */
import { afterAll, beforeAll, describe } from 'vitest';
import { type AgentSystem, createAgentSystem } from '../../src/index.ts';
import { partlyScripted } from '../kit/partly-scripted.ts';
import { silent } from '../kit/rig.ts';
import { addingLaws } from './on-both/adding.ts';
import { endingLaws } from './on-both/ending.ts';
import { stoppingLaws } from './on-both/stopping.ts';
import type { PlayedSubject } from './on-both/subject.ts';

describe('one program', () => {
  const bodies = partlyScripted();
  let system: AgentSystem | undefined;
  beforeAll(async () => {
    system = await createAgentSystem({ logger: silent, hosts: { 'in-process': bodies.host() } });
  });
  afterAll(() => system?.close());
  const subject = () => ({ ...system, bodies }) as unknown as PlayedSubject;
  addingLaws(subject);
  stoppingLaws(subject);
  endingLaws(subject);
});
